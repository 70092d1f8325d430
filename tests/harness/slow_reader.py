"""A slow client by TLS: `websockets` for Python on a socket with a small buffer, driven by a test.

One command a line on stdin, one answer a line on stdout: {"send": text}, {"read": count}. Between reads nothing is taken
from the socket beyond a few kilobytes, so what the server sends stays with the server.
"""
import asyncio
import json
import socket
import ssl
import sys

import websockets


async def run(port, authority):
    plain = socket.socket()
    # Much smaller, and the kernel sends what a few hundred bytes of window take once in 200 ms.
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    plain.connect(("127.0.0.1", port))
    plain.setblocking(False)
    context = ssl.create_default_context(cafile=authority)
    client = await websockets.connect(
        f"wss://localhost:{port}/connection/websocket", sock=plain, ssl=context, server_hostname="localhost",
        compression=None, max_queue=1, read_limit=1024, max_size=None, ping_interval=None)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        answer = []
        if "send" in command:
            await client.send(command["send"])
        for _ in range(command.get("read", 0)):
            try:
                answer.append(await client.recv())
            except websockets.ConnectionClosed as closed:
                answer.append({"closed": closed.rcvd.code if closed.rcvd else 1006})
                break
        print(json.dumps(answer), flush=True)


asyncio.run(run(int(sys.argv[1]), sys.argv[2]))
