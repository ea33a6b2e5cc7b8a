"""An HTTP server with a habit that is no fault, for Python 3: `web.py HABIT`.

It says "listening on ADDR:PORT" on stderr. The habits:
  none         takes extensions of chunks, and trailers
  early        answers OPTIONS before it has read the body, and closes the connection
  last         says with each response that it is the last one, and waits for the client to close
  strict       refuses extensions of chunks, and trailers
  no-trailers  takes a trailer for the next request, and closes the connection after an error only
"""
import socketserver
import sys

HABIT = sys.argv[1]


class Handler(socketserver.StreamRequestHandler):
    kept = b""

    def handle(self):
        while self.answer():
            pass

    def answer(self):
        """Answers one request. Returns whether there may be another one."""
        head = list(self.lines())
        if not head:
            return False
        if len(head[0].split()) != 3:
            return self.reply("400 Bad Request", close=True)
        fields = [line.strip().lower() for line in head]
        if HABIT == "early" and head[0].startswith(b"OPTIONS"):
            return self.reply("200 OK", close=True)
        if b"transfer-encoding: chunked" in fields and not self.read_chunks():
            return self.reply("400 Bad Request", close=True)
        for field in fields:
            if field.startswith(b"content-length:"):
                self.rfile.read(int(field.split()[1]))
        if HABIT == "last":
            self.reply("200 OK", close=True)
            self.rfile.read()
            return False
        return self.reply("200 OK", close=HABIT != "no-trailers" and b"connection: close" in fields)

    def lines(self):
        """The lines up to an empty one."""
        while True:
            line, self.kept = self.kept or self.rfile.readline(), b""
            if line in (b"", b"\r\n"):
                return
            yield line

    def read_chunks(self):
        """Reads a chunked body. Returns whether it is one."""
        while True:
            line = self.rfile.readline()
            if not line or (HABIT == "strict" and b";" in line):
                return False
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            self.rfile.read(size + 2)
        if HABIT == "no-trailers":
            line = self.rfile.readline()
            self.kept = b"" if line == b"\r\n" else line
            return True
        return not (any(True for _ in self.lines()) and HABIT == "strict")

    def reply(self, status, close):
        field = "Connection: close\r\n" if close else ""
        self.wfile.write(("HTTP/1.1 %s\r\n%sContent-Length: 0\r\n\r\n" % (status, field)).encode())
        return not close


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
sys.stderr.write("listening on %s:%d\n" % server.server_address)
sys.stderr.flush()
server.serve_forever()
