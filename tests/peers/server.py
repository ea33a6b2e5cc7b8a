"""The server of the original, for Python 2.7 and 3: SocketServer, a thread a client, one recv a turn.

Says "listening on ADDR:PORT" on stderr. A message is what stands before a line feed.
"""
import sys

try:
    import SocketServer as socketserver
except ImportError:
    import socketserver


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        buffered = b""
        while True:
            data = self.request.recv(1024)
            if not data:
                break
            buffered += data
            while b"\n" in buffered:
                message, buffered = buffered.split(b"\n", 1)
                self.request.sendall(answer(message.decode("latin-1")).encode("latin-1"))


def answer(message):
    if "SECRET" not in message:
        return "Secret code not found.\n"
    digits = "".join(c for c in message if c in "0123456789")
    return "Digits: %s   Count: %d\n" % (digits, len(digits))


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    host, port = (sys.argv[1:3] + ["127.0.0.1", "0"][len(sys.argv) - 1:])[:2]
    server = Server((host, int(port)), Handler)
    sys.stderr.write("listening on %s:%d\n" % server.server_address[:2])
    sys.stderr.flush()
    server.serve_forever()
