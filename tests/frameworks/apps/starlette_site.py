"""A Starlette site: responses, streams, middleware and contexts. Served by tests/frameworks/test_starlette.py."""

import asyncio
import hashlib
import os
import resource
from collections import Counter
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

FILES = os.environ.get("FILES", ".")
MiB = 1024 * 1024

produced = 0
happened: Counter[str] = Counter()
listeners: list[asyncio.Event] = []
request_id: ContextVar[str] = ContextVar("request_id")


def tell(event: str) -> None:
    """Counts an event. Plain, because a `finally` that was cancelled may not be able to wait."""
    happened[event] += 1
    for listener in listeners:
        listener.set()


async def until(event: str, times: int = 1) -> None:
    listener = asyncio.Event()
    listeners.append(listener)
    while happened[event] < times:
        listener.clear()
        await asyncio.wait_for(listener.wait(), 30)
    listeners.remove(listener)


async def wait_until(request):
    """Answers when `event` has happened `times` times."""
    event = request.path_params["event"]
    await until(event, int(request.query_params.get("times", "1")))
    return PlainTextResponse(event)


@asynccontextmanager
async def lifespan(app):
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def consume():
        while True:
            await queue.get()
            tell("consumed")

    consumer = asyncio.create_task(consume())
    yield {"queue": queue, "hits": Counter()}
    consumer.cancel()
    await asyncio.gather(consumer, return_exceptions=True)
    if path := os.environ.get("LIFESPAN_END"):
        Path(path).write_text(f"hits at /state: {app.state.hits}\n")


# Responses


async def echo(request):
    return Response(await request.body(), media_type=request.headers.get("content-type"))


async def describe(request):
    return JSONResponse(
        {
            "method": request.method,
            "url": str(request.url),
            "path": request.url.path,
            "query": request.url.query,
            "client": request.client.host,
            "http_version": request.scope["http_version"],
        }
    )


async def old_address(request):
    return RedirectResponse("/describe")


async def file(request):
    return FileResponse(Path(FILES, request.path_params["name"]), filename="offered name.bin")


async def large_stream(request):
    """50 MiB in pieces of 64 KiB, counted as they are made."""
    global produced
    produced = 0
    piece = bytes(range(256)) * 256

    async def pieces():
        global produced
        for _ in range(800):
            produced += len(piece)
            yield piece

    return StreamingResponse(pieces(), media_type="application/octet-stream")


async def how_much(request):
    return JSONResponse({"produced": produced, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024})


class Transform:
    """Plain ASGI: answers with each piece of the body in upper case while the rest is still on its way."""

    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            await send({"type": "http.response.body", "body": message["body"].upper(), "more_body": more})


async def upload(request):
    async with request.form() as form:
        document = form["document"]
        digest = hashlib.sha256()
        while piece := await document.read(MiB):
            digest.update(piece)
        return JSONResponse({"name": document.filename, "size": document.size, "sha256": digest.hexdigest()})


async def upload_until_disconnect(request):
    try:
        async for _ in request.stream():
            tell("piece arrived")
    except ClientDisconnect:
        tell("upload broken off")
        raise
    return PlainTextResponse("complete")


async def broken_stream(request):
    async def pieces():
        yield b"the beginning, "
        for _ in range(int(request.query_params["pauses"])):
            await asyncio.sleep(0)
        raise RuntimeError("broken in the middle of the stream")

    return StreamingResponse(pieces(), media_type="text/plain")


# Events


async def events(request):
    """Endless server-sent events."""

    async def generate():
        try:
            number = 0
            while True:
                number += 1
                yield f"data: {number}\n\n"
                await asyncio.sleep(0.005)
        finally:
            tell("events finalised")

    return StreamingResponse(generate(), media_type="text/event-stream")


async def quiet_events(request):
    """One event, then nothing, and nobody awaits `receive`: only the server can end it."""

    async def generate():
        try:
            yield "data: hello\n\n"
            await asyncio.get_running_loop().create_future()
        finally:
            tell("quiet events finalised")

    return StreamingResponse(generate(), media_type="text/event-stream")


class SilentEvents:
    """One event, then nothing. Only `receive` tells that the client left, so it is awaited beside the
    stream, as sse-starlette does: Starlette itself trusts `send` to raise and would wait for ever.
    """

    async def __call__(self, scope, receive, send):
        async with anyio.create_task_group() as group:
            group.start_soon(self.stream, send)
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

    async def stream(self, send):
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: hello\n\n", "more_body": True})
        try:
            await anyio.sleep_forever()
        finally:
            tell("silent events finalised")


async def wait_for_disconnect(request):
    """Asks whether the client is still there until it is not."""
    tell("polling")
    while not await request.is_disconnected():
        await asyncio.sleep(0.001)
    tell("noticed the disconnect")
    return PlainTextResponse("nobody reads this")


# Background work and contexts


async def background(request):
    async def work():
        tell("background started")
        await until("go")
        tell("background done")

    return JSONResponse({"port": request.client.port}, background=BackgroundTask(work))


async def happen(request):
    tell(request.path_params["event"])
    return JSONResponse({"port": request.client.port})


async def failing_background(request):
    def work():
        raise RuntimeError("broken after the response")

    return JSONResponse({"port": request.client.port}, background=BackgroundTask(work))


async def context(request):
    """What was in the context before this request put its own id there."""
    before = request_id.get("nothing")
    request_id.set(request.query_params["id"])
    for _ in range(int(request.query_params.get("pauses", "0"))):
        await asyncio.sleep(0)
    in_thread = await asyncio.to_thread(request_id.get)
    in_task = await asyncio.create_task(asyncio.sleep(0, request_id.get()))
    return JSONResponse(
        {
            "before": before,
            "after": request_id.get(),
            "in_thread": in_thread,
            "in_task": in_task,
        }
    )


async def context_inline(request):
    """The same without a pause, so that the whole request runs in its first step."""
    before = request_id.get("nothing")
    request_id.set(request.query_params["id"])
    return PlainTextResponse(before)


async def enqueue(request):
    await request.state.queue.put(1)
    return PlainTextResponse("queued")


async def state(request):
    request.state.hits["state"] += 1
    request.state.private = request.state.hits["state"]
    app.state.hits = request.state.hits["state"]
    return JSONResponse({"hits": request.state.hits["state"]})


async def private_state(request):
    return JSONResponse({"leaked": hasattr(request.state, "private")})


class Outer(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        request.state.order = ["outer in"]
        response = await call_next(request)
        response.headers["x-order"] = ", ".join(request.state.order + ["outer out"])
        return response


class Inner:
    """The same as plain ASGI middleware."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            scope["state"]["order"].append("inner in")
        await self.app(scope, receive, send)
        if scope["type"] == "http":
            tell("inner out")


async def hello(request):
    return PlainTextResponse("hello")


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/echo", echo, methods=["POST", "PUT"]),
        Route("/describe", describe, methods=["GET", "POST", "OPTIONS", "DELETE"]),
        Route("/old", old_address),
        Route("/file/{name}", file),
        Mount("/static", StaticFiles(directory=FILES)),
        Route("/large", large_stream),
        Route("/how-much", how_much),
        Route("/transform", Transform()),
        Route("/upload", upload, methods=["POST"]),
        Route("/upload-until-disconnect", upload_until_disconnect, methods=["POST"]),
        Route("/broken-stream", broken_stream),
        Route("/events", events),
        Route("/quiet-events", quiet_events),
        Route("/silent-events", SilentEvents()),
        Route("/wait-for-disconnect", wait_for_disconnect),
        Route("/background", background),
        Route("/failing-background", failing_background),
        Route("/happen/{event}", happen),
        Route("/wait-until/{event}", wait_until),
        Route("/context", context),
        Route("/context-inline", context_inline),
        Route("/enqueue", enqueue),
        Route("/state", state),
        Route("/private-state", private_state),
        Mount("/wrapped", routes=[Route("/hello", hello)], middleware=[Middleware(Outer), Middleware(Inner)]),
        Mount("/gzip", routes=[Route("/echo", echo, methods=["POST"])], middleware=[Middleware(GZipMiddleware)]),
        Mount(
            "/base", routes=[Route("/events", events), Route("/large", large_stream)], middleware=[Middleware(Outer)]
        ),
    ],
)
