"""What `receive()` gives, and when."""

import asyncio
import time

import anyio
from control import gate, http_only, note, read_body, read_until_disconnect, respond, steerable
from starlette.requests import Request


@http_only
async def events(scope, receive, send):
    """Answers with the request's events."""
    seen = []
    while not seen or seen[-1].get("more_body"):
        seen.append(await receive())
    await respond(send, repr(seen).encode())


@steerable
@http_only
async def each_chunk(scope, receive, send):
    """Notes each piece of the body as it comes."""
    more = True
    while more:
        message = await receive()
        more = message["more_body"]
        note("chunk", body=message["body"].decode(), more=more)
    await respond(send)


@http_only
async def first_poll(scope, receive, send):
    """Takes one step of `receive()` by hand: a ready event must come without a turn of the loop."""
    step = receive().__await__()
    try:
        next(step)
    except StopIteration as ready:
        return await respond(send, repr(ready.value).encode())
    await respond(send, b"had to wait")


@http_only
async def in_cancelled_scope(scope, receive, send):
    """As Starlette's `is_disconnected` does: only what is ready gets through a cancelled scope."""
    message = None
    with anyio.CancelScope() as cancelled:
        cancelled.cancel()
        message = await receive()
    await respond(send, repr(message).encode())


@http_only
async def after_the_body(scope, receive, send):
    """A receive() after the last body event waits for the end of the exchange."""
    await read_body(receive)
    waiting = asyncio.ensure_future(receive())
    for _ in range(20):
        await asyncio.sleep(0)
    note("before the response", done=waiting.done())
    await respond(send, b"answer")
    note("after the response", message=await waiting)
    for _ in range(3):
        note("again", message=await receive())


@http_only
async def after_the_response(scope, receive, send):
    await respond(send)
    note("after", message=await receive())
    note("again", message=await receive())


@http_only
async def until_disconnect(scope, receive, send):
    """Notes every event up to the disconnect and three more."""
    note("called")
    while True:
        message = await receive()
        note("event", type=message["type"], more=message.get("more_body"))
        if message["type"] == "http.disconnect":
            break
    for _ in range(3):
        note("again", type=(await receive())["type"])


@steerable
@http_only
async def busy_elsewhere(scope, receive, send):
    """Is not in receive() nor send() when the client leaves."""
    request = Request(scope, receive)
    await request.body()
    note("called", disconnected=await request.is_disconnected())
    await gate("look")
    note("looked", disconnected=await request.is_disconnected())


@http_only
async def impatient(scope, receive, send):
    """Cancels most of its receive() calls; no byte may get lost by that."""
    body, cancelled, more = b"", 0, True
    while more:
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        if not waiting.done() and cancelled < 1000:
            waiting.cancel()
        try:
            message = await waiting
        except asyncio.CancelledError:
            cancelled += 1
            if cancelled == 1:
                note("first cancel")
            await asyncio.sleep(0)
            continue
        body, more = body + message["body"], message["more_body"]
    await respond(send, body, headers=[(b"x-cancelled", b"%d" % cancelled)])


@http_only
async def swallowed_cancel(scope, receive, send):
    """A cancelled receive() must raise CancelledError."""
    waiting = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    waiting.cancel()
    outcome = (await asyncio.gather(waiting, return_exceptions=True))[0]
    note("outcome", type=type(outcome).__name__)
    await respond(send, await read_body(receive))


@steerable
@http_only
async def two_tasks(scope, receive, send):
    """One task waits for the disconnect while another streams."""
    await read_body(receive)
    listening = asyncio.ensure_future(read_until_disconnect(receive))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(3):
        await asyncio.ensure_future(send({"type": "http.response.body", "body": b"%d" % number, "more_body": True}))
        await asyncio.sleep(0)
    note("streamed", heard=listening.done())
    await gate("finish")
    await send({"type": "http.response.body", "body": b"end"})
    await listening
    note("heard")


@steerable
@http_only
async def answers_unread(scope, receive, send):
    """Never looks at the request's body."""
    note("called", path=scope["path"])
    await respond(send, scope["path"].encode())


@http_only
async def refuses_unread(scope, receive, send):
    await respond(send, status=204)


@steerable
@http_only
async def reads_after_gate(scope, receive, send):
    note("called")
    await gate("read")
    await respond(send, await read_body(receive))


@http_only
async def waits_for_disconnect(scope, receive, send):
    """Answers nobody; says when its client has left."""
    note("called")
    while (await receive())["type"] != "http.disconnect":
        pass
    note("disconnect")


@http_only
async def blocks(scope, receive, send):
    """Blocks the whole worker for longer than any keep-alive of one second, as a slow import might."""
    if scope["path"] == "/block":
        note("blocking")
        time.sleep(2.5)
    await respond(send, b"done")


@http_only
async def asks_and_answers_at_once(scope, receive, send):
    """Asks for the body, and answers before any of it can have come."""
    waiting = receive().__await__()
    next(waiting)
    await respond(send, b"no thanks")
    waiting.close()


@http_only
async def waits_without_reading(scope, receive, send):
    """Learns that its client left from `send` alone: the request's body is never read."""
    note("called")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    try:
        while True:
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            await asyncio.sleep(0.05)
    except OSError:
        note("disconnect")
