"""Shows the scope a request arrives with, as a Python literal."""

import asyncio
import contextvars
import sys
import threading

import anyio
import sniffio
from control import http_only, note, read_body, respond, steerable

lifespan_loop = None


@http_only
async def dump(scope, receive, send):
    await respond(send, repr(dict(scope)).encode())


@http_only
async def types(scope, receive, send):
    report = {"scope": type(scope), "keys": {type(key) for key in scope}, "foreign": list(foreign_values(scope))}
    await respond(send, repr(report).encode())


def foreign_values(value, where="scope"):
    """Values that the specification does not allow in a scope."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from foreign_values(item, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from foreign_values(item, where)
    elif not (value is None or type(value) in (bytes, str, int, float, bool)):
        yield where, type(value).__name__


@http_only
async def vandal(scope, receive, send):
    """Reports the scope, then scribbles over every part of it."""
    await respond(send, repr(dict(scope)).encode())
    for value in list(scope.values()):
        if isinstance(value, dict):
            value["scribble"] = "was here"
        if isinstance(value, list):
            value.append((b"scribble", b"was here"))
    scope["asgi"].update(version="0.1", spec_version="0.1")
    scope["scribble"] = "was here"


async def surroundings(scope, receive, send):
    """Is this a normal asyncio program?"""
    global lifespan_loop
    if scope["type"] == "lifespan":
        lifespan_loop = asyncio.get_running_loop()
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return await send({"type": "lifespan.shutdown.complete"})
    report = {
        "real task": isinstance(asyncio.current_task(), asyncio.Task),
        "loop of lifespan": asyncio.get_running_loop() is lifespan_loop,
        "sniffio says asyncio": sniffio.current_async_library() == "asyncio",
        "main thread": threading.current_thread() is threading.main_thread(),
        "anyio task group": await in_anyio_task_group(),
        "anyio deadline": await hits_anyio_deadline(),
        "asyncio.timeout": await hits_asyncio_timeout(),
        "task group": await in_task_group(),
        "thread": await asyncio.to_thread(threading.current_thread) is not threading.main_thread(),
    }
    await respond(send, repr(report).encode())


async def in_anyio_task_group():
    done = []
    async with anyio.create_task_group() as group:
        group.start_soon(asyncio.sleep, 0)
        group.start_soon(anyio.to_thread.run_sync, lambda: done.append(True))
    return done == [True]


async def hits_anyio_deadline():
    with anyio.move_on_after(0.01) as scope:
        await anyio.sleep_forever()
    return scope.cancelled_caught


async def hits_asyncio_timeout():
    if sys.version_info < (3, 11):
        return True
    try:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    except TimeoutError:
        return True
    return False


async def in_task_group():
    if sys.version_info < (3, 11):
        return True
    async with asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.sleep(0, "result"))
    return task.result() == "result"


traveller = contextvars.ContextVar("traveller", default="nobody")


@http_only
async def context(scope, receive, send):
    """Says which context variable it found and leaves one for whoever comes after."""
    found = traveller.get()
    traveller.set(scope["path"])
    asyncio.get_running_loop().call_soon(traveller.set, "a callback")
    await asyncio.sleep(0)
    await respond(send, f"{found} {traveller.get()}".encode())


@steerable
@http_only
async def meeting(scope, receive, send):
    """Two requests in flight at once must have two scopes."""
    note("came", path=scope["path"], marked="mark" in scope)
    scope["mark"] = scope["path"]
    await read_body(receive)
    await respond(send, scope["mark"].encode())


class DoubleCallable:
    """An application as ASGI 2 had it: called with the scope, then with the rest."""

    def __init__(self, scope):
        assert scope["type"] == "http", "no lifespan here"
        self.scope = scope

    async def __call__(self, receive, send):
        await respond(send, self.scope["path"].encode())
