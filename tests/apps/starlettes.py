"""Starlette applications that depend on how the server treats a client that leaves."""

import asyncio

from control import gate, note, steerable
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route


async def endless(request):
    async def numbers():
        number = 0
        try:
            while True:
                yield f"{number}\n"
                number += 1
                await asyncio.sleep(0.01)
        finally:
            note("finalised")

    return StreamingResponse(numbers())


async def background(request):
    async def work():
        note("background begins")
        await gate("finish")
        note("background ends")

    return PlainTextResponse("answer", background=BackgroundTask(work))


async def memory(request):
    async def chunks():
        yield memoryview(b"a memoryview")

    return StreamingResponse(chunks())


app = steerable(
    Starlette(routes=[Route("/endless", endless), Route("/background", background), Route("/memory", memory)])
)
