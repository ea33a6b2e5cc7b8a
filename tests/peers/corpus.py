"""Servers of the package index: `corpus.py NAME` starts one on a free port of 127.0.0.1.

It prints `listening on ADDRESS:PORT` on stderr when it is ready. .ci/corpus.sh installs the packages.
"""

import asyncio
import logging
import socket
import sys

LOOPBACK = "127.0.0.1"


def ready(address):
    print(f"listening on {address[0]}:{address[1]}", file=sys.stderr, flush=True)


def listener():
    return socket.create_server((LOOPBACK, 0), backlog=128)


async def run_asyncio(server):
    ready(server.sockets[0].getsockname())
    await server.serve_forever()


async def aiosmtpd():
    from aiosmtpd.handlers import Sink
    from aiosmtpd.smtp import SMTP

    loop = asyncio.get_running_loop()
    await run_asyncio(await loop.create_server(lambda: SMTP(Sink(), hostname="corpus.test"), LOOPBACK, 0))


async def asyncio_late():
    """Replies a millisecond late, and drops the reply when the client has half-closed by then."""

    class Late(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.buffer = transport, b""

        def data_received(self, data):
            *lines, self.buffer = (self.buffer + data).split(b"\n")
            for line in lines:
                asyncio.get_running_loop().call_later(0.001, self.transport.write, b"got " + line + b"\n")

    await run_asyncio(await asyncio.get_running_loop().create_server(Late, LOOPBACK, 0))


async def hypercorn():
    """Keeps a connection open for 5 s after the reply."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        content = b"%s %s: %d bytes\n" % (scope["method"].encode(), scope["path"].encode(), len(body))
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    sock = listener()
    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.accesslog = config.errorlog = None
    ready(sock.getsockname())
    await serve(app, config)


async def pproxy():
    import pproxy

    await run_asyncio(await pproxy.Server(f"http+socks5://{LOOPBACK}:0").start_server({"rserver": []}))


async def pymodbus():
    import pymodbus.datastore as datastore
    from pymodbus.server import ModbusTcpServer

    registers = datastore.ModbusSequentialDataBlock(1, list(range(100)))
    bits = datastore.ModbusSequentialDataBlock(1, [index % 3 == 0 for index in range(100)])
    blocks = {"hr": registers, "ir": registers, "co": bits, "di": bits}
    if hasattr(datastore, "ModbusDeviceContext"):
        context = datastore.ModbusServerContext(devices=datastore.ModbusDeviceContext(**blocks), single=True)
    else:
        context = datastore.ModbusServerContext(slaves=datastore.ModbusSlaveContext(**blocks), single=True)
    server = ModbusTcpServer(context, address=(LOOPBACK, 0))
    serving = asyncio.create_task(server.serve_forever())
    while not server.transport:
        await asyncio.sleep(0.01)
    ready(server.transport.sockets[0].getsockname())
    await serving


async def tornado():
    from tornado.httpserver import HTTPServer
    from tornado.web import Application, RequestHandler

    class Handler(RequestHandler):
        def get(self, path):
            self.write(f"{self.request.method} {path}: {len(self.request.body)} bytes\n")

        head = options = get

    sock = listener()
    sock.setblocking(False)
    HTTPServer(Application([("/(.*)", Handler)])).add_socket(sock)
    ready(sock.getsockname())
    await asyncio.Event().wait()


async def websockets():
    from websockets.asyncio.server import serve

    async def echo(connection):
        async for message in connection:
            await connection.send(message)

    await run_asyncio(await serve(echo, LOOPBACK, 0, compression=None))


def dnslib():
    from dnslib import QTYPE, RR, A
    from dnslib.server import BaseResolver, DNSLogger, DNSServer

    class Resolver(BaseResolver):
        def resolve(self, request, handler):
            reply = request.reply()
            reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A("192.0.2.1"), ttl=60))
            return reply

    quiet = DNSLogger("-recv,-send,-request,-reply,-truncated,-error,-data")
    server = DNSServer(Resolver(), address=LOOPBACK, port=0, tcp=True, logger=quiet)
    ready(server.server.server_address)
    server.start()


def pyftpdlib():
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

    FTPHandler.authorizer = DummyAuthorizer()
    server = FTPServer((LOOPBACK, 0), FTPHandler)
    ready(server.address)
    server.serve_forever()


def twisted():
    from twisted.internet import reactor
    from twisted.web.resource import Resource
    from twisted.web.server import Site

    class Page(Resource):
        isLeaf = True

        def render(self, request):
            request.setHeader("content-type", "text/plain")
            return b"%s %s: %d bytes\n" % (request.method, request.path, len(request.content.read()))

    port = reactor.listenTCP(0, Site(Page()), interface=LOOPBACK)
    ready((port.getHost().host, port.getHost().port))
    reactor.run()


SERVERS = [aiosmtpd, asyncio_late, dnslib, hypercorn, pproxy, pyftpdlib, pymodbus, tornado, twisted, websockets]

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    start = {server.__name__: server for server in SERVERS}[sys.argv[1]]
    asyncio.run(start()) if asyncio.iscoroutinefunction(start) else start()
