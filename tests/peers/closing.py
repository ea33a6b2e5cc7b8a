"""A server that answers a line and closes the connection at once, for Python 3.

Its address, HOST:PORT, is its argument. Says "listening on ADDR:PORT" on stderr.
"""
import socket
import sys
import threading


def serve(connection):
    with connection:
        line = b""
        while not line.endswith(b"\n"):
            received = connection.recv(1024)
            if not received:
                return
            line += received
        connection.sendall(b"yes\n")


host, port = sys.argv[1].rsplit(":", 1)
server = socket.create_server((host, int(port)), backlog=128)
sys.stderr.write("listening on %s:%s\n" % (host, port))
sys.stderr.flush()
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
