"""A server that takes what one read returns for one message, and reads late, for Python 3.

The seconds before its first read are its first argument. Says "listening on ADDR:PORT" on stderr.
"""
import socketserver
import sys
import time

from server import answer


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        time.sleep(float(sys.argv[1]))
        while True:
            message = self.request.recv(1024)
            if not message:
                break
            self.request.sendall(answer(message.decode("latin-1")).encode("latin-1"))


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    sys.stderr.write("listening on %s:%d\n" % server.server_address)
    sys.stderr.flush()
    server.serve_forever()
