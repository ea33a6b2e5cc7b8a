"""A TLS peer with the ssl module of Python, which answers as the message service, or ends in ways of its own.

tls.py serve HOW CERT KEY [VERSION] [CA]    says "listening on ADDR:PORT" on stderr, a thread a client
tls.py client HOW PORT CA [VERSION]         sends stdin, prints what it receives, and `end: …` on stderr

HOW of a server:
  answer      replies to each line; after close_notify it goes on, and closes when everything is answered
  late        asyncio, the reply to each line 200 ms late
  abrupt      replies to each line, and ends without a close_notify after the first
  rest        sends an unterminated line, and ends without a close_notify
  silent      reads, and ends after the client's close_notify without a byte
HOW of a client:
  polite      sends close_notify after stdin, and reads to the end
  abrupt      ends without a close_notify after stdin, and reads to the end
"""
import asyncio
import socket
import ssl
import sys
import threading


def answer(message):
    if b"SECRET" not in message:
        return b"Secret code not found.\n"
    digits = bytes(c for c in message if 48 <= c <= 57)
    return b"Digits: %s   Count: %d\n" % (digits, len(digits))


def limit(context, version):
    versions = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    if version in versions:
        context.minimum_version = context.maximum_version = versions[version]


def lines(client):
    buffered = b""
    while True:
        try:
            data = client.recv(4096)
        except (ssl.SSLEOFError, ConnectionError):
            return
        if not data:
            return
        *whole, buffered = (buffered + data).split(b"\n")
        yield from whole


def serve_one(client, how, context):
    try:
        client = context.wrap_socket(client, server_side=True)
    except (ssl.SSLError, OSError):
        client.close()
        return
    # Python's ssl reads a missing close_notify as an end of file, which answers nothing here.
    try:
        if how == "rest":
            next(lines(client), None)
            client.sendall(b"half a rep")
            return abandon(client)
        for line in lines(client):
            if how != "silent":
                client.sendall(answer(line))
            if how == "abrupt":
                return abandon(client)
        client.unwrap()
    except OSError:
        pass
    client.close()


def abandon(client):
    """FIN without a close_notify."""
    raw = socket.socket(fileno=client.detach())
    raw.shutdown(socket.SHUT_WR)
    while raw.recv(4096):
        pass
    raw.close()


async def late(reader, writer):
    while line := await reader.readline():
        await asyncio.sleep(0.2)
        writer.write(answer(line))
    writer.close()


def serve(how, cert, key, version="", ca=""):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    limit(context, version)
    if ca:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if how == "late":

        async def run():
            server = await asyncio.start_server(late, "127.0.0.1", 0, ssl=context)
            sys.stderr.write("listening on %s:%d\n" % server.sockets[0].getsockname())
            await server.serve_forever()

        return asyncio.run(run())
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stderr.write("listening on %s:%d\n" % listener.getsockname())
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve_one, args=(client, how, context), daemon=True).start()


def client(how, port, ca, version=""):
    context = ssl.create_default_context(cafile=ca)
    limit(context, version)
    # Between buffers, because on a socket unwrap waits for the close_notify of the peer, and fails at data before it.
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    peer = socket.create_connection(("127.0.0.1", int(port)))

    def flush():
        if outgoing.pending:
            peer.sendall(outgoing.read())

    def step(function):
        while True:
            try:
                return function()
            except ssl.SSLWantReadError:
                flush()
                if data := peer.recv(65536):
                    incoming.write(data)
                else:
                    incoming.write_eof()
            finally:
                flush()

    step(tls.do_handshake)
    tls.write(sys.stdin.buffer.read())
    if how == "polite":
        try:
            tls.unwrap()
        except ssl.SSLWantReadError:
            pass
    flush()
    if how == "abrupt":
        peer.shutdown(socket.SHUT_WR)
    end = "close_notify"
    try:
        while data := step(lambda: tls.read(65536)):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    except ssl.SSLZeroReturnError:
        pass
    except ssl.SSLEOFError:
        end = "cut off"
    except ConnectionError:
        end = "reset"
    sys.stderr.write("end: %s\n" % end)


{"serve": serve, "client": client}[sys.argv[1]](*sys.argv[2:])
