"""A server within a running asyncio loop: one process, no fork, no signal handlers.

Sockets and timers are watched by a thread that knows no Python. The application is called on the loop's own
thread (ASGI) or on a pool of threads (WSGI).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

from rgunicorn import _import
from rgunicorn._asyncio import finish
from rgunicorn._program import checked, name_of
from rgunicorn._rgunicorn import Embedded
from rgunicorn._turns import Turns

_OF_PROCESSES = frozenset(
    "boot_timeout capture_output chdir check_config daemon drain_delay env_file factory group initgroups interface"
    " logconfig logconfig_dict logconfig_json logger_class max_requests max_requests_jitter max_rss paste pidfile"
    " preload_app print_config proc_name pythonpath raw_env reload"
    " reload_engine reload_extra_files reuse_port spew timeout umask user workers"
    " child_exit nworkers_changed on_exit on_reload on_starting post_fork post_request post_worker_init pre_exec pre_fork"
    " pre_request when_ready worker_abort worker_exit worker_int".split()
)
"""Settings of a command, of master and workers, which are not there, and the hooks that get them as arguments."""


class Server:
    """A server on the running loop, for as long as an `async with` block lasts.

        async with rgunicorn.Server(app, bind="127.0.0.1:0") as server:
            print(server.addresses)

    `app` is an ASGI or WSGI application or `"MODULE:NAME"`, the settings are those of `rgunicorn.run`. WSGI
    applications are called on `threads` threads. Settings of processes (`workers`, `timeout`, `reload` and the like)
    raise `TypeError`. The error log is one for the process: `errorlog` and `loglevel` of its first server count.

    Any number of servers may run, each on one loop. All methods belong to that loop's thread.
    """

    def __init__(self, app: str | Callable[..., Any], **settings: Any) -> None:
        without_meaning = sorted(_OF_PROCESSES & settings.keys())
        if without_meaning:
            raise TypeError(
                f"settings of a command and its processes have no meaning here: {', '.join(without_meaning)}"
            )
        if settings.get("worker_class", "asgi") not in ("asgi", "gthread"):
            raise ValueError("worker_class is 'asgi' or 'gthread' (WSGI) here, and can be left out")
        self._app = app
        self._given = checked(settings)
        self._core: Embedded | None = None
        self._loop: asyncio.AbstractEventLoop
        self._turns: Turns
        self._addresses: list[str] = []
        self._port: int | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def addresses(self) -> list[str]:
        """Where it listens: `http://127.0.0.1:43211` with the port that it got, `unix:/path`. Empty before `start`."""
        return list(self._addresses)

    @property
    def port(self) -> int | None:
        """The port of the first address over TCP."""
        return self._port

    async def start(self) -> None:
        """Open the sockets, start the application's lifespan, and serve.

        Raises `OSError` if an address cannot be used, `ValueError` for settings that are wrong or an application that
        is none, and `RuntimeError` if the application's startup failed, or if this server was started before.
        """
        if self._core is not None:
            raise RuntimeError("a server can be started once")
        self._loop = asyncio.get_running_loop()
        app, given = self._prepare()
        core = self._core = Embedded(given, app, self._loop)
        try:
            started = core.start_lifespan()
            if started is not None:
                await started
            failure = core.failure()
            if failure is not None:
                raise RuntimeError(f"Application startup failed: {failure}")
            self._addresses, self._port = core.addresses(), core.port()
            core.serve()
        except BaseException:
            core.close()
            raise
        self._turns = Turns(self._loop, core)

    async def wait_closed(self) -> None:
        """Wait until the server was stopped and has nothing left to do. Raises `RuntimeError` if it broke down."""
        drained = None if self._core is None else self._core.drained()
        if drained is None:
            return
        await asyncio.wait([drained])
        drained.result()
        if self._ending is not None:
            await asyncio.shield(self._ending)

    async def stop(self) -> None:
        """Stop accepting, let requests finish within `graceful_timeout`, and end the application's lifespan.

        A second call waits for the same end. To cancel it closes all connections at once.
        """
        if self._core is None or self._core.drained() is None:
            return
        if self._ending is None:
            self._ending = self._loop.create_task(self._end(self._core))
        try:
            await asyncio.shield(self._ending)
        except asyncio.CancelledError:
            if not self._ending.done():
                self._core.cancel()
                self._core.abort()
            raise

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def _prepare(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        """The application, ready to be called, and all settings."""
        try:
            app = _import.load(self._app) if isinstance(self._app, str) else self._app
            target = self._app if isinstance(self._app, str) else name_of(self._app)
            kind = self._given.get("worker_class", "asgi" if _import.speaks_asgi(app) else "gthread")
            adapt = _import.as_asgi if kind == "asgi" else _import.as_wsgi
            return adapt(app, target), {**self._given, "worker_class": kind, "wsgi_app": target}
        except (_import.TargetMissing, _import.TargetUnusable) as error:
            raise ValueError(str(error)) from None

    async def _end(self, core: Embedded) -> None:
        try:
            await self._drain(core)
            await finish(core.tasks(), core.remaining())
            while core.threads_left() and core.remaining() > _MOMENT:
                await asyncio.sleep(0.01)
            ended = core.stop_lifespan()
            if ended is not None:
                await asyncio.wait([ended], timeout=core.remaining())
        finally:
            self._turns.end()
            core.close()

    async def _drain(self, core: Embedded) -> None:
        """Waits until no connection is left; what does not end by itself is made to, more firmly from stage to stage."""
        core.drain()
        drained, passed = core.drained(), 0.0
        assert drained is not None
        for moment, act in zip(core.stages(), (core.bid_farewell, core.cancel, core.abort), strict=True):
            done, _ = await asyncio.wait([drained], timeout=moment - passed)
            if done:
                return
            act()
            passed = moment
        await asyncio.wait([drained], timeout=core.remaining())


_MOMENT = 0.2
"""Seconds that are left of a deadline that has passed (`Embedded.remaining`)."""


async def serve(app: str | Callable[..., Any], *, stop: asyncio.Event | None = None, **settings: Any) -> None:
    """Serve `app` on the running loop until `stop` is set or the task is cancelled; then finish what began.

    To cancel once drains, for up to `graceful_timeout`; to cancel again closes all connections. Arguments and errors are
    those of `Server`, which also tells the port that `bind="127.0.0.1:0"` got.
    """
    async with Server(app, **settings) as server:
        waiting: list[asyncio.Task[Any]] = [asyncio.ensure_future(server.wait_closed())]
        if stop is not None:
            waiting.append(asyncio.ensure_future(stop.wait()))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if waiting[0].done() and not waiting[0].cancelled():
            waiting[0].result()
