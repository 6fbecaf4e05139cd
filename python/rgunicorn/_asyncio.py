"""The event loop class that Rust drives, and the root task of a worker: all our asyncio code in Python."""

import asyncio
import selectors

from rgunicorn._rgunicorn import LoopBase, mark_scheduled


class _Selector(selectors.EpollSelector):
    """asyncio's selector, whose `select` is a turn of the worker's reactor."""

    reactor = None

    def select(self, timeout=None):
        reactor = self.reactor
        if reactor is None:
            return super().select(timeout)
        if not reactor.turn(timeout):
            return []
        events = super().select(0)
        if not events:
            reactor.drained()
        return events


class EventLoop(LoopBase, asyncio.SelectorEventLoop):
    """The stock selector loop, on the worker's tokio runtime once `attach` was called."""

    def __init__(self):
        self._rgunicorn_selector = _Selector()
        asyncio.SelectorEventLoop.__init__(self, self._rgunicorn_selector)

    def epoll(self):
        """The descriptor of the epoll instance that the reactor is to watch."""
        return self._rgunicorn_selector.fileno()

    def attach(self, reactor):
        """From now on `select` is a turn of `reactor`; None detaches it."""
        self._rgunicorn_selector.reactor = reactor

    def call_at(self, when, callback, *args, context=None):
        mark_scheduled()
        return super().call_at(when, callback, *args, context=context)


async def as_coroutine(awaitable):
    """For applications that return an awaitable which is no coroutine."""
    return await awaitable


async def run_lifespan(app, scope, receive, send):
    """The application's lifespan call, as a coroutine of its own."""
    await app(scope, receive, send)


async def live(worker):
    """The root task: lives as long as its worker, since anyio ties its threads to it."""
    await worker.start()
    if worker.serve():
        await worker.drained()
        await _finish(worker.tasks(), worker.remaining())
    await asyncio.wait([worker.stop()], timeout=worker.remaining())


async def _finish(tasks, timeout):
    """Waits for work that goes on after its response; cancels what takes too long."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=timeout)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_LAST_WORDS)


def close(loop):
    """Cancels what still runs and closes the loop."""
    try:
        late = asyncio.all_tasks(loop)
        for task in late:
            task.cancel()
        if late:
            loop.run_until_complete(asyncio.wait(late, timeout=_LAST_WORDS))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.attach(None)
        asyncio.set_event_loop(None)
        loop.close()


_LAST_WORDS = 0.5
"""Seconds that a cancelled task has for its cleanup."""
