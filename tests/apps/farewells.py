"""Answers that never end by themselves, and how they take the end of the server."""

import asyncio

from control import http_only, note, respond
from lifespans import opened_gate_file
from starlette.requests import Request
from starlette.responses import StreamingResponse

STREAM = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}


def event(data, more=True):
    return {"type": "http.response.body", "body": b"data: %s\n\n" % data, "more_body": more}


@http_only
async def stream(scope, receive, send):
    """Waits for its client to leave, and says goodbye all the same."""
    await receive()
    await send(STREAM)
    await send(event(b"hello"))
    note("streaming")
    first = await receive()
    note("told", first=first["type"], again=(await receive())["type"])
    await send(event(b"goodbye"))
    await send(event(b"the end", more=False))


@http_only
async def long_poll(scope, receive, send):
    """Answers when something happened, or when it must."""
    await receive()
    note("polling")
    await receive()
    if scope["path"] == "/answer":
        await respond(send, b"nothing happened")


@http_only
async def leaves(scope, receive, send):
    """Returns in the middle of its stream, as to a client that left."""
    await receive()
    await send(STREAM)
    await send(event(b"hello"))
    note("streaming")
    await receive()


@http_only
async def asks(scope, receive, send):
    """Starlette's way: a stream that asks now and then."""
    request = Request(scope, receive)

    async def events():
        yield "data: hello\n\n"
        note("streaming")
        while not await request.is_disconnected():
            await asyncio.sleep(0.02)
        yield "data: goodbye\n\n"

    await StreamingResponse(events(), media_type="text/event-stream")(scope, receive, send)


@http_only
async def deaf(scope, receive, send):
    """Asks nothing, and is cancelled for it."""
    await receive()
    await send(STREAM)
    await send(event(b"hello"))
    note("streaming")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        note("cancelled")
        await send(event(b"cancelled"))
        raise


@http_only
async def stubborn(scope, receive, send):
    """Takes no hint but the end of its connection."""
    await receive()
    await send(STREAM)
    await send(event(b"hello"))
    note("streaming")
    while (await receive())["type"] != "http.disconnect":
        pass
    note("told")
    while True:
        try:
            await asyncio.sleep(0.02)
            await send(event(b"still here"))
        except asyncio.CancelledError:
            note("cancelled")
        except OSError:
            return note("cut")


@http_only
async def uploads(scope, receive, send):
    """Has not had all of its request's body when the server stops."""
    body = b""
    while True:
        note("reading")
        message = await receive()
        if message["type"] == "http.disconnect":
            return note("told too early")
        body += message["body"]
        if not message["more_body"]:
            break
    note("told", type=(await receive())["type"])
    await respond(send, body)


@http_only
async def report(scope, receive, send):
    """Slow and deaf, but finite."""
    await receive()
    note("working")
    await opened_gate_file()
    await respond(send, b"report")
