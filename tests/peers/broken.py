"""Servers that put messages together wrongly, each in its own way; the control that shows that a test can fail.

Usage: broken.py MUTANT [NUMBER]. Says "listening on ADDR:PORT" on stderr, and serves a thread a client.
Messages are lines, answered as the message service does; those of "prefix" stand behind two bytes of length.
"""
import itertools
import os
import select
import socket
import struct
import sys
import threading
import time


def answer(message):
    if b"SECRET" not in message:
        return b"Secret code not found.\n"
    digits = bytes(c for c in message if 48 <= c <= 57)
    return b"Digits: %s   Count: %d\n" % (digits, len(digits))


def lines(buffered):
    """The whole lines, and what is left."""
    *whole, rest = buffered.split(b"\n")
    return [line[:-1] if line.endswith(b"\r") else line for line in whole], rest


def reads(client):
    while True:
        data = client.recv(4096)
        if not data:
            return
        yield data


def answering(client):
    """Answers the whole lines of each read, and yields them and what is left over."""
    buffered = b""
    for data in reads(client):
        whole, buffered = lines(buffered + data)
        client.sendall(b"".join(answer(line) for line in whole))
        yield whole, buffered


def right(client, _):
    buffered = b""
    for _, buffered in answering(client):
        pass
    if buffered:
        client.sendall(answer(buffered))


def one_read(client, _):
    for data in reads(client):
        client.sendall(answer(data))


def first_only(client, _):
    buffered = b""
    for data in reads(client):
        whole, rest = lines(buffered + data)
        if whole:
            client.sendall(answer(whole[0]))
            buffered = b""
        else:
            buffered = rest


def drop_tail(client, _):
    buffered = b""
    for data in reads(client):
        whole, rest = lines(buffered + data)
        buffered = b"" if whole else rest
        client.sendall(b"".join(answer(line) for line in whole))


def cr_lf(client, _):
    """Takes a CR at the end of a read for the end of the line, and the LF that follows for an empty line."""
    buffered = b""
    for data in reads(client):
        buffered += data
        if buffered.endswith(b"\r"):
            buffered += b"\n"
        whole, buffered = lines(buffered)
        client.sendall(b"".join(answer(line) for line in whole))


def utf8(client, _):
    """Decodes every read on its own."""
    buffered = ""
    for data in reads(client):
        buffered += data.decode("utf-8", "replace")
        *whole, buffered = buffered.split("\n")
        client.sendall(b"".join(b"%d characters: %s\n" % (len(line), line.encode()) for line in whole))


def secret(client, _):
    """Looks for SECRET in every read, not in the message."""
    buffered, found = b"", False
    for data in reads(client):
        found = found or b"SECRET" in data
        whole, buffered = lines(buffered + data)
        for line in whole:
            client.sendall(answer(line if found else b""))
            found = False


def prefix(client, _):
    """Asks for the two bytes of the length with one recv."""
    while True:
        head = client.recv(2)
        if not head:
            return
        left = int.from_bytes(head, "big")
        body = b""
        while len(body) < left:
            data = client.recv(left - len(body))
            if not data:
                return
            body += data
        client.sendall(len(body).to_bytes(2, "big") + body.upper())


def one_offset(client, at):
    """Loses a byte when a read ends right there."""
    buffered, total = b"", 0
    for data in reads(client):
        total += len(data)
        buffered += data[:-1] if total == at else data
        whole, buffered = lines(buffered)
        client.sendall(b"".join(answer(line) for line in whole))


def two_cuts(client, _):
    """Puts two reads together, and no third: two cuts in one message are needed to see it."""
    parts = []
    for data in reads(client):
        parts.append(data)
        if b"\n" in data:
            whole, _ = lines(b"".join(parts[-2:]))
            client.sendall(b"".join(answer(line) for line in whole))
            parts = []


def many_reads(client, at):
    """Gives up a message that takes this many reads, or five."""
    parts = []
    for data in reads(client):
        parts.append(data)
        if b"\n" in data:
            whole, _ = lines(b"".join(parts))
            client.sendall(b"".join(answer(line if len(parts) < (at or 5) else b"") for line in whole))
            parts = []


def end_first(client, _):
    """Looks for the end of the stream before what stands in front of it."""
    poll = select.poll()
    poll.register(client, select.POLLIN | select.POLLRDHUP)
    buffered = b""
    while True:
        [(_, events)] = poll.poll()
        if events & (select.POLLRDHUP | select.POLLHUP):
            return
        whole, buffered = lines(buffered + client.recv(4096))
        client.sendall(b"".join(answer(line) for line in whole))


def greets(client, at):
    """Greets, and takes a read for a message."""
    client.sendall(b"hello\n")
    one_read(client, at)


def pop(client, _):
    """Speaks POP3, and takes a read for a command."""
    client.sendall(b"+OK\r\n")
    for data in reads(client):
        command = data.strip().upper()
        if command == b"QUIT":
            client.sendall(b"+OK\r\n")
            return
        client.sendall(b"+OK\r\nUSER\r\n.\r\n" if command == b"CAPA" else b"-ERR\r\n")


def header(client, at):
    """Takes the first read for a whole PROXY header."""
    line, _, rest = client.recv(4096).partition(b"\r\n")
    if line.startswith(b"PROXY ") and not rest:
        right(client, at)


def silent(client, _):
    for _ in reads(client):
        pass


def no_reader(client, _):
    threading.Event().wait()


def slam(client, _):
    pass


def endless(client, _):
    for _ in reads(client):
        while True:
            client.sendall(b"more\n" * 10000)


def drip(client, _):
    """Never ends its first reply, and never says much."""
    for _ in reads(client):
        while True:
            client.sendall(b".")
            threading.Event().wait(0.05)


def unsteady(client, _):
    number = next(COUNT)
    for _ in reads(client):
        client.sendall(b"request-id: %d\nhello\n" % number)


def flaky(client, at):
    """Answers one connection, and one alone, otherwise than all others."""
    if next(COUNT) == at:
        client.sendall(b"odd\n")
    right(client, at)


def garbled(client, _):
    for _ in reads(client):
        client.sendall(b"no HTTP at all\r\n")


def exits_after(client, at):
    if next(COUNT) == at:
        os._exit(0)
    right(client, at)


def freezes_after(client, at):
    if next(COUNT) >= at:
        sys.stderr.write("frozen\n")
        sys.stderr.flush()
        threading.Event().wait()
    right(client, at)


def wrong_then_frozen(client, at):
    """Takes a read for a message, and freezes after so many connections."""
    if next(COUNT) >= at:
        sys.stderr.write("frozen\n")
        sys.stderr.flush()
        threading.Event().wait()
    one_read(client, at)


def is_leaving(client):
    poll = select.poll()
    poll.register(client, select.POLLRDHUP)
    return bool(poll.poll(0))


def together(client, at):
    """Answers two clients, and then nobody until so many are there at once."""
    if next(COUNT) > 2 and not GATE.is_set():
        # Who has given up is not there any more: its end came before whoever came in its place.
        CROWD[:] = [other for other in CROWD if not is_leaving(other)] + [client]
        if len(CROWD) >= at:
            GATE.set()
        GATE.wait()
    right(client, at)


def ticks(client, at):
    """Has a clock that moves on after so many connections."""
    time = 1 if next(COUNT) < at else 2
    for data in reads(client):
        client.sendall(b"Date: %d\n" % time * data.count(b"\n"))


def stalls(client, _):
    """Says nothing more when a message comes in two reads, and leaves the connection open."""
    for data in reads(client):
        if not data.endswith(b"\n"):
            threading.Event().wait()
        client.sendall(b"".join(answer(line) for line in lines(data)[0]))


def naps(client, at):
    """Right, but takes two seconds for a message of which this many bytes come first."""
    buffered = b""
    for data in reads(client):
        if len(data) == at:
            time.sleep(2)
        whole, buffered = lines(buffered + data)
        client.sendall(b"".join(answer(line) for line in whole))


def crashes(client, _):
    for data in reads(client):
        if not data.endswith(b"\n"):
            os._exit(1)
        client.sendall(b"".join(answer(line) for line in lines(data)[0]))


def abrupt(client, _):
    """Right, but leaves with a reset as soon as it has answered."""
    for whole, _ in answering(client):
        if whole:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return


def serial(client, _):
    right(client, None)


COUNT = itertools.count(1)
CROWD, GATE = [], threading.Event()


def serve(client, mutant, number):
    with client:
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            mutant(client, number)
        except OSError:
            pass


def main(name, number="0"):
    mutant = globals()[name.replace("-", "_")]
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    sys.stderr.write("listening on %s:%d\n" % listener.getsockname())
    sys.stderr.flush()
    while True:
        client, _ = listener.accept()
        if mutant is serial:
            serve(client, mutant, int(number))
        else:
            threading.Thread(target=serve, args=(client, mutant, int(number)), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
