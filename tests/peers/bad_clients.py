"""Clients with a fault, for Python 3: bad_clients.py FAULT HOST PORT.

What they receive is on stdout.
"""
import os
import socket
import sys
import time

fault, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
SECRET = b"SECRET 12\n"


def connect():
    return socket.create_connection((host, port))


def show(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def line(sock):
    data = b""
    while not data.endswith(b"\n"):
        more = sock.recv(4096)
        if not more:
            break
        data += more
    return data


def one_recv():
    """Takes what one read returns for a whole response."""
    sock = connect()
    sock.sendall(SECRET)
    show(sock.recv(4096))


def proxied():
    """Takes what one read returns for the whole response of an HTTP proxy to CONNECT."""
    sock = connect()
    sock.sendall(b"CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\n" % sys.argv[4].encode())
    if not sock.recv(4096).startswith(b"HTTP/1"):
        sys.exit("no proxy")
    sock.sendall(SECRET)
    show(line(sock))


def one_offset():
    """Reads to the end of a head in all ways but one: what ends in CR LF CR counts as its end."""
    sock = connect()
    sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
    data = b""
    while b"\r\n\r\n" not in data and not data.endswith(b"\r\n\r"):
        data += sock.recv(4096)
    head, _, body = data.partition(b"\r\n\r\n")
    while True:
        more = sock.recv(4096)
        if not more:
            break
        body += more
    show(b"%d %d\n" % (len(head), len(body)))


def hangs():
    """Waits for ever for the rest of a line that did not come at once."""
    sock = connect()
    sock.sendall(SECRET)
    data = sock.recv(4096)
    if not data.endswith(b"\n"):
        time.sleep(1000)
    show(data)


def exits():
    """Exits with another status, and says why on stderr."""
    sock = connect()
    sock.sendall(SECRET)
    if not sock.recv(4096).endswith(b"\n"):
        sys.exit("half a line")


def crashes():
    """Kills itself for half a line."""
    sock = connect()
    sock.sendall(SECRET)
    if not sock.recv(4096).endswith(b"\n"):
        os.kill(os.getpid(), 9)


def differs():
    """Sends, and prints, something else in each run."""
    sock = connect()
    sock.sendall(b"SECRET %d\n" % os.getpid())
    line(sock)
    show(b"done\n")


def random():
    """Prints something else in each run."""
    sock = connect()
    sock.sendall(SECRET)
    line(sock)
    show(b"Run: %d\n" % os.getpid())


def floods():
    """Writes a gigabyte to stdout and to stderr."""
    sock = connect()
    sock.sendall(SECRET)
    line(sock)
    block = b"x" * (1 << 20)
    for _ in range(1 << 10):
        sys.stdout.buffer.write(block)
        sys.stderr.buffer.write(block)


def right():
    """Reads two lines on each of two connections."""
    for _ in range(2):
        sock = connect()
        for _ in range(2):
            sock.sendall(SECRET)
            show(line(sock))
        sock.close()
    show(os.getcwd().encode() + b"\n")


globals()[fault]()
