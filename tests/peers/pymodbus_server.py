"""A Modbus TCP server with pymodbus, whichever version is installed: 100 values of each kind, on the port given."""
import sys

from pymodbus import datastore
from pymodbus.datastore import ModbusSequentialDataBlock as Block
from pymodbus.datastore import ModbusServerContext
from pymodbus.server import StartTcpServer

blocks = {
    "co": Block(1, [1, 0] * 50),
    "di": Block(1, [0, 1, 1, 0] * 25),
    "hr": Block(1, list(range(100))),
    "ir": Block(1, list(range(1000, 1100))),
}
if hasattr(datastore, "ModbusDeviceContext"):
    context = ModbusServerContext(devices=datastore.ModbusDeviceContext(**blocks), single=True)
else:
    context = ModbusServerContext(slaves=datastore.ModbusSlaveContext(**blocks), single=True)
StartTcpServer(context=context, address=("127.0.0.1", int(sys.argv[1])))
