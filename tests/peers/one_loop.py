"""A server of one thread that answers lines, and stops at a read that begins with LF: its CR was in another read.

Usage: one_loop.py exit|spin|spin-before [PORT]. spin-before stops at the read before: one that ends with CR.
Says "listening on ADDR:PORT" on stderr.
"""
import os
import selectors
import socket
import sys


def stop(how):
    sys.stderr.write("lost in state 7\n")
    sys.stderr.flush()
    if how == "exit":
        os._exit(3)
    while True:
        pass


def main(how, port="0"):
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=128)
    listener.setblocking(False)
    sys.stderr.write("listening on %s:%d\n" % listener.getsockname())
    sys.stderr.flush()
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    unfinished = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                client, _ = listener.accept()
                client.setblocking(False)
                selector.register(client, selectors.EVENT_READ)
                unfinished[client] = b""
                continue
            client = key.fileobj
            try:
                data = client.recv(4096)
            except OSError:
                data = b""
            if not data:
                selector.unregister(client)
                client.close()
                continue
            if data.endswith(b"\r") if how == "spin-before" else data.startswith(b"\n"):
                stop(how)
            *lines, unfinished[client] = (unfinished[client] + data).split(b"\n")
            for line in lines:
                client.sendall(b"got " + line + b"\n")


main(*sys.argv[1:])
