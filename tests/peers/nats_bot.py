"""A bot that takes part in shared rooms with the NATS client for Python: it answers the first line of a member.

Arguments: the URL of the broker.
"""

import asyncio
import json
import sys

import nats


async def main(url):
    client = await nats.connect(url)
    lines = await client.subscribe("secretcat.rooms.lines")
    await client.flush()
    print("ready", flush=True)
    message = await lines.next_msg(timeout=240)
    record = json.loads(message.data)
    print(json.dumps(record, sort_keys=True), flush=True)
    answer = {
        "kind": "line",
        "server": "b07b07b07b07b070",
        "user": "bot",
        "room": record["room"],
        "text": "hello " + record["user"],
    }
    await client.publish("secretcat.rooms.lines", json.dumps(answer).encode())
    await client.drain()


asyncio.run(main(sys.argv[1]))
