"""Every answer carries the sha256 of its body, the token of its request, the worker's pid and this code's version.

GET /inline/SIZE      answered in the first step
GET /awaited/SIZE     answered after a short sleep
GET /streamed/SIZE    chunked, in pieces, with a turn of the loop between them
POST /echo            the body of the request
"""

import asyncio
import hashlib
import os
import random

VERSION = 1


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    kind, _, size = scope["path"].strip("/").partition("/")
    body = await read(receive) if kind == "echo" else random.randbytes(int(size))
    if kind == "awaited":
        await asyncio.sleep(0.002)
    headers = [
        (b"x-sha256", hashlib.sha256(body).hexdigest().encode()),
        (b"x-pid", str(os.getpid()).encode()),
        (b"x-token", dict(scope["headers"])[b"x-token"]),
        (b"x-version", str(VERSION).encode()),
    ]
    if kind != "streamed":
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if kind == "streamed":
        step = max(1, len(body) // 4)
        for start in range(0, len(body), step):
            await send({"type": "http.response.body", "body": body[start : start + step], "more_body": True})
            await asyncio.sleep(0)
        body = b""
    await send({"type": "http.response.body", "body": body})


async def read(receive):
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body += message["body"]
        more = message["more_body"]
    return body


async def lifespan(receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
