"""A bare ASGI 3 application: what a server costs when the application does next to nothing.

`bench/raw-hyper/src/main.rs` answers the same paths with the same bodies,
and `bench/scenarios.py` holds the bodies that a client must see.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TEN_KIB = b"x" * 10 * 1024
CHUNKS = 10
PLAIN_TEXT = (b"content-type", b"text/plain; charset=utf-8")


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    path = scope["path"]
    if path == "/stream":
        return await stream(send)
    if path == "/upload":
        return await send_back(receive, send)
    if path == "/10k":
        body = TEN_KIB
    elif path == "/echo":
        body = await read_body(receive)
    elif path == "/yield":
        await asyncio.sleep(0)
        body = b"yielded"
    elif path == "/sleep":
        await asyncio.sleep(0.01)
        body = b"slept"
    else:
        body = b"Hello, world!"
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [PLAIN_TEXT, length]})
    await send({"type": "http.response.body", "body": body})


async def stream(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [PLAIN_TEXT]})
    for _ in range(CHUNKS):
        await send({"type": "http.response.body", "body": TEN_KIB, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_back(receive: Receive, send: Send) -> None:
    """Sends each part on before it asks for the next one."""
    await send({"type": "http.response.start", "status": 200, "headers": [PLAIN_TEXT]})
    more_body = True
    while more_body:
        part = await receive()
        more_body = part.get("more_body", False)
        await send({"type": "http.response.body", "body": part.get("body", b""), "more_body": more_body})


async def read_body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
