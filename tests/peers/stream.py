"""A stream to or from one peer, as nc has it, that also prints how the connection ended.

stream.py listen|connect HOST PORT [--no-input] [--close-after N]

stdin goes to the peer, and its end as a half-close; what comes goes to stdout. With --no-input
nothing is sent, and the half-close comes after the peer's. On stderr stands `end: eof` where the
peer ended in order, and `end: reset` where it did not.
"""

import os
import socket
import sys
import threading

role, host, port, *options = sys.argv[1:]
limit = int(options[options.index("--close-after") + 1]) if "--close-after" in options else None
if role == "listen":
    listener = socket.create_server((host, int(port)))
    peer, _ = listener.accept()
else:
    peer = socket.create_connection((host, int(port)))


ending = threading.Lock()


def end(how, status):
    ending.acquire()  # one thread says it, once
    os.write(2, b"end: %s\n" % how)
    os._exit(status)


def half_close():
    try:
        peer.shutdown(socket.SHUT_WR)
    except OSError:
        end(b"reset", 1)


def send():
    while piece := os.read(0, 65536):
        try:
            peer.sendall(piece)
        except OSError:
            end(b"reset", 1)
    half_close()


sender = threading.Thread(target=send)
if "--no-input" not in options:
    sender.start()
received = 0
while True:
    try:
        piece = peer.recv(65536 if limit is None else limit - received)
    except OSError:
        end(b"reset", 1)
    if not piece:
        break
    received += len(piece)
    try:
        while piece:
            piece = piece[os.write(1, piece) :]
    except OSError:
        end(b"unwritable", 1)
    if received == limit:
        end(b"closed", 0)
if "--no-input" in options:
    half_close()
else:
    sender.join()
end(b"eof", 0)
