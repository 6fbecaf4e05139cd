"""Uses `receive` and `send` in all the ways in which a coroutine may be used."""

import asyncio
import contextlib
import contextvars
import gc
import signal
import threading

import anyio
from control import http_only, note, read_body, respond

LABEL = contextvars.ContextVar("label", default="none")


@http_only
async def tasks(scope, receive, send):
    """Every call in a task of its own."""
    first = asyncio.create_task(receive())
    message = await first
    head = {"type": "http.response.start", "status": 200, "headers": []}
    await asyncio.create_task(send(head))
    async with anyio.create_task_group() as group:
        group.start_soon(send, {"type": "http.response.body", "body": message["body"]})
    await asyncio.gather(asyncio.ensure_future(receive()), receive())


@http_only
async def waiting_task(scope, receive, send):
    """A task that has to wait for its event, and one that is cancelled while it waits."""
    given_up = asyncio.create_task(receive())
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    note("waiting")
    message = await asyncio.create_task(receive())
    await respond(send, message["body"])


@http_only
async def from_a_thread(scope, receive, send):
    """A thread that speaks to the loop, as adapters for WSGI applications do."""
    loop = asyncio.get_running_loop()

    def work():
        body = asyncio.run_coroutine_threadsafe(receive(), loop).result(10)["body"]
        asyncio.run_coroutine_threadsafe(respond(send, body[::-1]), loop).result(10)

    await loop.run_in_executor(None, work)


@http_only
async def nested(scope, receive, send):
    """Runs the loop within the loop, as nest_asyncio does, before its first wait."""
    loop = asyncio.get_running_loop()
    inner = loop.create_task(asyncio.sleep(0.01, "inner"))
    task = asyncio.current_task()
    asyncio.tasks._leave_task(loop, task)
    try:
        while not inner.done():
            loop._run_once()
    finally:
        asyncio.tasks._enter_task(loop, task)
    await respond(send, inner.result().encode())


def plain(scope, receive, send):
    """No coroutine function, but returns a coroutine: its own code belongs to the task too."""
    label, task = LABEL.get(), asyncio.current_task()
    LABEL.set("set by a plain function")

    async def answer():
        report = f"{label} {task is asyncio.current_task()} {LABEL.get()}"
        await respond(send, report.encode())

    if scope["type"] == "http":
        return answer()
    raise RuntimeError("no lifespan")


@http_only
async def alarm(scope, receive, send):
    """Sets a Python-level signal handler and then leaves the loop idle."""
    loop = asyncio.get_running_loop()
    rang = asyncio.Event()
    signal.signal(signal.SIGALRM, lambda *_: loop.call_soon_threadsafe(rang.set))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    began = loop.time()
    await rang.wait()
    await respond(send, str(loop.time() - began).encode())


@http_only
async def context_after_a_wait(scope, receive, send):
    LABEL.set("set in the first step")
    await asyncio.sleep(0)
    await read_body(receive)
    await respond(send, LABEL.get().encode())


@http_only
async def other_thread(scope, receive, send):
    """Lets a thread drop the last reference to what belongs to the loop's thread."""
    held = [receive]
    thread = threading.Thread(target=held.clear)
    del receive
    thread.start()
    await asyncio.get_running_loop().run_in_executor(None, thread.join)
    await respond(send, b"dropped")


@http_only
async def buggy_cleanup(scope, receive, send):
    try:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            await asyncio.sleep(0)
    finally:
        raise ZeroDivisionError("a bug in the cleanup")


@http_only
async def counts_tasks(scope, receive, send):
    """Whether asyncio knows of the request's task: in its first step, after a wait, and together with a child."""
    me = asyncio.current_task()
    report = [me in asyncio.all_tasks()]
    if scope["path"] == "/waits":
        report = []
        child = asyncio.create_task(asyncio.sleep(0))
        report.append(child in asyncio.all_tasks())
        await child
    report.append(me in asyncio.all_tasks() and len([task for task in asyncio.all_tasks() if task is me]) == 1)
    await respond(send, repr(report).encode())


@http_only
async def sets_debug(scope, receive, send):
    loop = asyncio.get_running_loop()
    loop.set_debug(scope["path"] == "/on")
    await asyncio.sleep(0)
    report = loop.get_debug(), loop.is_closed()
    loop.set_debug(False)
    await respond(send, repr(report).encode())


class Schedules:
    """Garbage that calls `call_soon` when it is collected, and leaves more of its kind."""

    handles = []
    left = 100_000

    def __init__(self):
        self.itself = self

    def __del__(self):
        with contextlib.suppress(RuntimeError):  # before the loop runs
            self.handles.append(asyncio.get_running_loop().call_soon(int))
        Schedules.left -= 1
        if self.left > 0:
            Schedules()


@http_only
async def collects(scope, receive, send):
    """Whether anything was scheduled meanwhile, and whether any of it got lost."""
    gc.set_threshold(700)
    Schedules.left = 0
    await respond(send, repr((len(Schedules.handles) > 0, None in Schedules.handles)).encode())


def collects_from_the_start():
    """Garbage is collected while the first request's task is made."""
    Schedules()
    gc.set_threshold(1, 1, 1)
    return collects
