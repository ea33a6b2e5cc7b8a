"""A WebSocket server with websockets: sends each message back, and prints its length.

Says "listening on ADDR:PORT" on stderr.
"""
import asyncio
import sys

import websockets


async def echo(socket, path=None):
    async for message in socket:
        print("message of", len(message), flush=True)
        await socket.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        address, port = server.sockets[0].getsockname()[:2]
        print("listening on %s:%d" % (address, port), file=sys.stderr, flush=True)
        await asyncio.Future()


asyncio.run(main())
