"""A client of the library `websockets`, driven by a test: one command a line on stdin, one answer a line on stdout.

The library checks what it reads by RFC 6455 and RFC 7692 by itself; what it finds wrong ends the connection with 1002.
"""
import asyncio
import json
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory


def compression(options):
    if options is None:
        return {"compression": None}
    return {"compression": None, "extensions": [ClientPerMessageDeflateFactory(**options)]}


async def read(socket):
    try:
        return {"text": await socket.recv()}
    except websockets.ConnectionClosed as closed:
        frame = closed.rcvd
        return {"closed": frame.code if frame else 1006, "reason": frame.reason if frame else "",
                "sent": closed.sent.code if closed.sent else None}


async def run(url):
    loop = asyncio.get_running_loop()
    socket = None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        answer = {}
        if "open" in command:
            socket = await websockets.connect(url, ping_interval=None, max_size=None, **compression(command["open"]))
            answer = {"extensions": [str(e) for e in socket.extensions]}
        elif "send" in command:
            try:
                await socket.send(command["send"])  # a list: one message in as many fragments
            except websockets.ConnectionClosed:
                answer = {"closed": True}
        elif "ping" in command:
            pong = await socket.ping(command["ping"].encode())
            await asyncio.wait_for(pong, 10)
            answer = {"pong": command["ping"]}
        elif "close" in command:
            await socket.close(command["close"], command.get("reason", ""))
            answer = {"closed": socket.close_code, "reason": socket.close_reason}
        elif "read" in command:
            answer = await asyncio.wait_for(read(socket), 20)
        print(json.dumps(answer), flush=True)


asyncio.run(run(sys.argv[1]))
