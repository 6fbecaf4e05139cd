"""Lifespan in all the ways an application may treat it."""

import asyncio
import gc
import os
import time

from control import http_only, note, read_body, respond, steerable


def with_lifespan(lifespan):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            return await lifespan(scope, receive, send)
        note("request", path=scope["path"])
        await respond(send, b"served")

    return app


async def finish(receive, send):
    message = await receive()
    note(message["type"])
    await send({"type": "lifespan.shutdown.complete"})


async def opened_gate_file():
    """Waits until the test opens the FIFO named by GATE, the one way in while nobody is served."""
    await asyncio.get_running_loop().run_in_executor(None, lambda: open(os.environ["GATE"]).read())


@with_lifespan
async def good(scope, receive, send):
    note("scope", scope=repr(scope), exact=type(scope) is dict)
    message = await receive()
    note(message["type"], pid=os.getpid())
    await send({"type": "lifespan.startup.complete"})
    await finish(receive, send)


@with_lifespan
async def unsupported(scope, receive, send):
    raise RuntimeError("this app knows no lifespan")


async def shy(scope, receive, send):
    """As Django does: only http is known."""
    if scope["type"] != "http":
        raise ValueError(f"Django can only handle ASGI/HTTP connections, not {scope['type']}.")
    await respond(send, b"served")


@with_lifespan
async def fails(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database today"})


@with_lifespan
async def fails_and_raises(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database today"})
    raise RuntimeError("raised again after startup.failed")


@with_lifespan
async def fails_late(scope, receive, send):
    await receive()
    note("starting")
    await opened_gate_file()
    await send({"type": "lifespan.startup.failed", "message": "no database today"})


@with_lifespan
async def slow(scope, receive, send):
    await receive()
    note("starting")
    await opened_gate_file()
    note("started")
    await send({"type": "lifespan.startup.complete"})
    await finish(receive, send)


@with_lifespan
async def slower_than_the_timeout(scope, receive, send):
    await receive()
    await asyncio.sleep(2.5)
    note("started", pid=os.getpid())
    await send({"type": "lifespan.startup.complete"})
    await finish(receive, send)


@with_lifespan
async def busier_than_the_timeout(scope, receive, send):
    """Loads a model without ever going back to the loop."""
    await receive()
    time.sleep(2.5)
    note("started", pid=os.getpid())
    await send({"type": "lifespan.startup.complete"})
    await finish(receive, send)


@with_lifespan
async def shutdown_fails(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.failed", "message": "the cache would not flush"})


@with_lifespan
async def returns_at_once(scope, receive, send):
    pass


@with_lifespan
async def returns_after_startup(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})


@with_lifespan
async def silent_at_shutdown(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note("lifespan.shutdown")


@with_lifespan
async def confused(scope, receive, send):
    """Tries every event at the wrong time."""
    await error_of(send, "lifespan.shutdown.complete")
    await error_of(send, "lifespan.nonsense")
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await error_of(send, "lifespan.startup.complete")
    await error_of(send, "lifespan.startup.failed")
    await finish(receive, send)


@with_lifespan
async def awaited_later(scope, receive, send):
    """Makes calls of send() that must fail, and has each awaited by a task."""
    calls = [send("text"), send({}), send({"type": "lifespan.nonsense"}), send({"type": "lifespan.shutdown.complete"})]
    tasks = [asyncio.ensure_future(call) for call in calls]
    await asyncio.wait(tasks)
    note("raised", kinds=[type(task.exception()).__name__ for task in tasks])
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await finish(receive, send)


async def error_of(send, kind):
    try:
        await send({"type": kind})
    except Exception as error:
        note("sent", kind=kind, error=type(error).__name__)
    else:
        note("sent", kind=kind, error=None)


async def stateful(scope, receive, send):
    """Sets state at startup; each request changes a key and a shared value."""
    if scope["type"] == "lifespan":
        await receive()
        scope["state"].update(a=123, b=[1])
        await send({"type": "lifespan.startup.complete"})
        return await finish(receive, send)
    state = scope["state"]
    await respond(send, repr(state).encode(), headers=[(b"x-type", type(state).__name__.encode())])
    state["a"] = 456
    state["b"].append(2)
    state["new"] = True


async def forgettable(scope, receive, send):
    """Nothing but the server refers to its lifespan task, and requests collect garbage."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        return await finish(receive, send)
    gc.collect()
    await respond(send, b"collected")


@steerable
async def upload(scope, receive, send):
    """In flight from its first body byte to its last."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        return await finish(receive, send)
    note("begun")
    body = await read_body(receive)
    note("finished")
    await respond(send, body)


async def endless(scope, receive, send):
    """A request that never ends by itself."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        return await finish(receive, send)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
    note("begun")
    try:
        await asyncio.Event().wait()
    finally:
        note("ended")


@http_only
async def background(scope, receive, send):
    """Works on after its response until the test opens the gate file."""
    await respond(send, b"answer")
    note("background begins")
    await opened_gate_file()
    note("background ends")


@http_only
async def pid(scope, receive, send):
    await respond(send, b"%d" % os.getpid())
