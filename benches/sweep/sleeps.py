"""A sweep as a script does it: `sleeps.py PORT CUTS` sends a request in two pieces, CUTS times, each time cut at another
offset and with a sleep of 30 ms between the pieces, and compares the replies. Prints the seconds that it took."""
import socket
import sys
import time

REQUEST = sys.stdin.buffer.read()
PAUSE = 0.03


def converse(port, cut):
    with socket.create_connection(("127.0.0.1", port)) as server:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.sendall(REQUEST[:cut])
        time.sleep(PAUSE)
        server.sendall(REQUEST[cut:])
        reply = b""
        while not reply.endswith(b"hello\n"):
            reply += server.recv(4096) or sys.exit("no reply")
    return reply.split(b"\r\n\r\n")[1]


port, cuts = int(sys.argv[1]), int(sys.argv[2])
begun = time.perf_counter()
if {converse(port, 1 + cut % (len(REQUEST) - 1)) for cut in range(cuts)} != {b"hello\n"}:
    sys.exit("the replies differ")
print(time.perf_counter() - begun)
