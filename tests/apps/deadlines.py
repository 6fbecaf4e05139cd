"""Applications that their clients keep waiting."""

import asyncio

from control import gate, http_only, note, read_body, read_until_disconnect, respond, steerable


@steerable
@http_only
async def upload(scope, receive, send):
    """Notes that it waits for the body, and what it hears instead of its end."""
    note("called")
    if scope["path"] == "/gated":
        await gate("read")
    if scope["path"] == "/begun":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return await nobody_left(receive, send)
        body, more = body + message["body"], message["more_body"]
        note("received", size=len(body))
    await respond(send, b"%d" % len(body))


async def nobody_left(receive, send):
    try:
        await send({"type": "http.response.body", "body": b"anyone?"})
    except (OSError, RuntimeError) as error:
        note("disconnect", again=(await receive())["type"], error=type(error).__name__)


@http_only
async def download(scope, receive, send):
    """Sends without end to a client that may not read."""
    await read_body(receive)
    if scope["path"] == "/warm-up":
        return await respond(send)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    listening = asyncio.ensure_future(receive())
    try:
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
    except OSError as error:
        note("cut", error=type(error).__name__, heard=(await listening)["type"])


@steerable
@http_only
async def held(scope, receive, send):
    """Answers when the test says so."""
    if scope["path"] == "/until-left":
        note("called")
        await read_until_disconnect(receive)
        return note("left")
    if scope["path"] != "/now":
        note("called", path=scope["path"])
        await gate("answer")
    await respond(send, scope["path"].encode())
