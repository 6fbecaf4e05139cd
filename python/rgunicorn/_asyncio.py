"""The event loop classes of a worker, and the root task of a worker: all our asyncio code in Python."""

import asyncio
import inspect
import selectors
import signal
import sys
import weakref
from collections.abc import Iterable

from rgunicorn import eventloop
from rgunicorn._rgunicorn import LoopBase, add_task, complete_tasks, count_tasks_by, mark_scheduled


class _Selector(selectors.EpollSelector):
    """asyncio's selector, whose `select` is a turn of the worker's reactor."""

    reactor = None

    def select(self, timeout=None):
        reactor = self.reactor
        hot = None if reactor is None else reactor.turn(timeout)
        if hot is None:
            return super().select(timeout)
        if not hot:
            return []
        events = super().select(0)
        if not events:
            reactor.drained()
        return events


class _WakesForSignals:
    """A loop that the interpreter wakes for any signal: its handlers run only once we are back in Python."""

    def _watch_signals(self):
        signal.set_wakeup_fd(self._csock.fileno(), warn_on_full_buffer=False)

    def remove_signal_handler(self, sig):
        removed = super().remove_signal_handler(sig)
        self._watch_signals()
        return removed


class StockLoop(_WakesForSignals, LoopBase, asyncio.SelectorEventLoop):
    """The stock selector loop, on the worker's tokio runtime once `attach` was called."""

    def __init__(self):
        self._rgunicorn_selector = _Selector()
        asyncio.SelectorEventLoop.__init__(self, self._rgunicorn_selector)

    def close(self):
        super().close()
        self.note_close()

    def epoll(self):
        """The descriptor of the epoll instance that the reactor is to watch."""
        return self._rgunicorn_selector.fileno()

    def attach(self, reactor):
        """From now on `select` is a turn of `reactor`, until `detach` is called."""
        self._rgunicorn_selector.reactor = reactor
        self._watch_signals()

    def detach(self):
        self._rgunicorn_selector.reactor = None

    def call_at(self, when, callback, *args, context=None):
        mark_scheduled()
        return super().call_at(when, callback, *args, context=context)


class OwnLoop(_WakesForSignals, eventloop.EventLoop):
    """Our loop, on the worker's tokio runtime once `attach` was called."""

    def attach(self, reactor):
        """From now on the loop sleeps in turns of `reactor`, until `detach` is called."""
        self.use_reactor(reactor)
        self._watch_signals()

    def detach(self):
        self.use_reactor(None)


_LOOPS = {"asyncio": StockLoop, "rgunicorn": OwnLoop}


def make_loop(kind):
    """The worker's event loop, made current. The setting `asgi_loop` says which."""
    loop = _uvloop() if kind == "uvloop" else _own_loop(_LOOPS[kind])
    asyncio.set_event_loop(loop)
    return loop


def _uvloop():
    import uvloop

    return uvloop.new_event_loop()


def _own_loop(kind):
    if sys.version_info < (3, 14) and not isinstance(asyncio.get_event_loop_policy(), asyncio.DefaultEventLoopPolicy):
        # Another loop's policy (uvloop.install) has no child watcher, and with it no subprocesses.
        asyncio.set_event_loop_policy(None)
    if sys.version_info < (3, 12):
        _let_tasks_join_late()
    return kind()


def _let_tasks_join_late():
    """Keeps a request's task out of the set of all tasks until its first step is over, or somebody looks."""
    tasks = asyncio.tasks._all_tasks
    count_tasks_by(tasks.add)
    tasks.__class__ = _Tasks
    tasks.add = add_task


class _Tasks(weakref.WeakSet):
    """asyncio's set of all tasks, complete whenever somebody looks."""

    def __iter__(self):
        complete_tasks()
        return super().__iter__()

    def __len__(self):
        complete_tasks()
        return super().__len__()

    def __contains__(self, task):
        complete_tasks()
        return super().__contains__(task)


def as_coroutine_function(app):
    """The application as a coroutine function, so that all of its code runs inside its task."""
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None)):  # noqa: B004
        return app

    async def application(scope, receive, send):
        return await app(scope, receive, send)

    return application


async def on_the_loop(call, *arguments):
    """What another thread asked `receive` or `send` to do, done by the loop that runs this."""
    return await call(*arguments)


async def wait_for(future):
    """The result of `future`, by way of a coroutine."""
    return await future


async def run_lifespan(app, scope, receive, send):
    """The application's lifespan call, as a coroutine of its own."""
    await app(scope, receive, send)


async def live(worker):
    """The root task: lives as long as its worker, since anyio ties its threads to it."""
    await worker.start()
    if worker.serve():
        await worker.drained()
        await finish(worker.tasks(), worker.remaining())
    await asyncio.wait([worker.stop()], timeout=worker.remaining())


async def finish(tasks: Iterable[asyncio.Task], timeout: float) -> None:
    """Waits for work that goes on after its response; cancels what takes too long."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=timeout)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_LAST_WORDS)


def close(loop, detach):
    """Cancels what still runs and closes the loop, which `detach` takes the server from."""
    try:
        late = asyncio.all_tasks(loop)
        for task in late:
            task.cancel()
        if late:
            loop.run_until_complete(asyncio.wait(late, timeout=_LAST_WORDS))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        detach()
        signal.set_wakeup_fd(-1)
        asyncio.set_event_loop(None)
        loop.close()


_LAST_WORDS = 0.5
"""Seconds that a cancelled task has for its cleanup."""
