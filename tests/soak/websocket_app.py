"""What is soaked with WebSockets.

/echo       every message
/endless    messages until the client is gone
/rooms      every message to everybody in the room
/stall      takes twenty messages a second
/deny       a denial
GET /tasks  the number of asyncio's tasks
"""

import asyncio
import gc

from soak.app import answer
from soak.content import content

room = set()


async def app(scope, receive, send):
    if scope["type"] == "http":
        gc.collect()
        return await answer(send, str(len(asyncio.all_tasks())).encode())
    assert scope["type"] == "websocket"
    await receive()
    if scope["path"] == "/deny":
        return await send({"type": "websocket.close"})
    await send({"type": "websocket.accept"})
    try:
        await KINDS[scope["path"]](receive, send)
    except OSError:
        pass  # the client left


async def echo(receive, send):
    while (event := await receive())["type"] == "websocket.receive":
        await send(event | {"type": "websocket.send"})


async def endless(receive, send):
    while True:
        await send({"type": "websocket.send", "bytes": content(30_000)})


async def rooms(receive, send):
    room.add(send)
    try:
        while (event := await receive())["type"] == "websocket.receive":
            told = (member(event | {"type": "websocket.send"}) for member in list(room))
            await asyncio.gather(*told, return_exceptions=True)
    finally:
        room.discard(send)


async def stall(receive, send):
    while (await receive())["type"] == "websocket.receive":
        await asyncio.sleep(0.05)


KINDS = {"/echo": echo, "/endless": endless, "/rooms": rooms, "/stall": stall}
