"""What is soaked: plain ASGI for bodies and files, FastAPI for the rest, and a look at the worker itself.

POST /echo          the body, read whole
POST /stream        the body, each part sent back as it comes
GET  /file/SIZE     by path send
GET  /endless       parts until the client is gone
POST /items         FastAPI: JSON in, JSON out
GET  /tasks         the number of asyncio's tasks
"""

import asyncio
import gc
import tempfile
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel
from soak.content import SIZES, content

files = Path(tempfile.mkdtemp(prefix="rgunicorn-soak-"))
api = FastAPI()


class Item(BaseModel):
    name: str
    tags: list[str]
    price: float


@api.post("/items")
async def total(item: Item):
    await asyncio.sleep(0)
    return {"item": item, "length": len(item.tags)}


class Left(Exception):
    """The client left within its body."""


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    try:
        await route(scope["path"], scope, receive, send)
    except Left:
        pass


async def route(path, scope, receive, send):
    if path == "/echo":
        body = b"".join([part async for part in body_of(receive)])
        await answer(send, body)
    elif path == "/stream":
        await stream_back(receive, send)
    elif path.startswith("/file/"):
        await send(start(int(path[6:])))
        await send({"type": "http.response.pathsend", "path": str(files / path[6:])})
    elif path == "/endless":
        await send(start())
        while True:
            await send({"type": "http.response.body", "body": content(30_000), "more_body": True})
    elif path == "/tasks":
        gc.collect()
        await answer(send, str(len(asyncio.all_tasks())).encode())
    else:
        await api(scope, receive, send)


async def stream_back(receive, send):
    await send(start())
    async for part in body_of(receive):
        await send({"type": "http.response.body", "body": part, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body"})


async def body_of(receive):
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        yield message["body"]
        more = message["more_body"]


def start(length=None):
    headers = [] if length is None else [(b"content-length", str(length).encode())]
    return {"type": "http.response.start", "status": 200, "headers": headers}


async def answer(send, body):
    await send(start(len(body)))
    await send({"type": "http.response.body", "body": body})


async def lifespan(receive, send):
    await receive()
    for size in SIZES:
        (files / str(size)).write_bytes(content(size))
    await send({"type": "lifespan.startup.complete"})
    await receive()
    for size in SIZES:
        (files / str(size)).unlink()
    files.rmdir()
    await send({"type": "lifespan.shutdown.complete"})
