"""What Python's standard library offers: the message service as `peers.py asyncio` or `socketserver`,
which print their port, and `peers.py sleeper PORT`, which sends stdin a byte a millisecond."""
import asyncio
import socket
import socketserver
import sys
import time


def answer(line):
    if b"SECRET" not in line:
        return b"Secret code not found.\n"
    digits = bytes(byte for byte in line if 48 <= byte <= 57)
    return b"Digits: %s   Count: %d\n" % (digits, len(digits))


class Protocol(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.rest = transport, b""

    def data_received(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.transport.write(b"".join(map(answer, lines)))


async def serve():
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(answer(line))


class Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 4096


def sleep_between(port):
    stream = socket.create_connection(("127.0.0.1", port))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in sys.stdin.buffer.read():
        stream.send(bytes([byte]))
        time.sleep(0.001)


if sys.argv[1] == "asyncio":
    asyncio.run(serve())
elif sys.argv[1] == "sleeper":
    sleep_between(int(sys.argv[2]))
else:
    with Threads(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
