"""The server hooks of a configuration: checked here, and called here when Rust says that it is time.

`Master` and `Crew` are Rust's side of it, one for the master and one for each worker. `Arbiter`, `Worker`,
`Listener` and `Application` are what the hooks are given, with gunicorn's names for everything.
"""

from __future__ import annotations

import errno
import importlib
import inspect
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rgunicorn._configuration import Configuration
from rgunicorn._logger import logger
from rgunicorn._request_hooks import RequestHooks

ARITIES = {
    "child_exit": (2,),
    "nworkers_changed": (3,),
    "on_exit": (1,),
    "on_reload": (1,),
    "on_starting": (1,),
    "post_fork": (2,),
    "post_request": (4, 3, 2),
    "post_worker_init": (1,),
    "pre_exec": (1,),
    "pre_fork": (2,),
    "pre_request": (2,),
    "ssl_context": (2,),
    "when_ready": (1,),
    "worker_abort": (1,),
    "worker_exit": (2,),
    "worker_int": (1,),
}
"""How many arguments each hook takes; the first is what it is called with."""


def check(name: str, hook: Any) -> Callable[..., Any]:
    """The function that a setting names or is, to be called with all arguments there are.

    Raises TypeError with gunicorn's words where it is no function, or takes another number of arguments.
    """
    if isinstance(hook, str):
        hook = _import(hook)
    if not callable(hook):
        raise TypeError(f"Value is not callable: {hook}")
    full, *fewer = ARITIES[name]
    arity = _arity(hook)
    if arity in fewer:
        return _with_first(hook, arity)
    if arity != full:
        raise TypeError(f"Value must have an arity of: {full}")
    return hook


def _import(path: str) -> Any:
    module, _, attribute = path.rpartition(".")
    if not module:
        raise TypeError(f"Value '{path}' is not import string. Format: module[.submodules...].object")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise TypeError(str(error)) from None
    except AttributeError:
        raise TypeError(f"Can not load '{attribute}' from '{module}'") from None


def _arity(function: Callable[..., Any]) -> int:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        raise TypeError(f"Value does not tell how many arguments it takes: {function}") from None
    return sum(parameter.kind in positional for parameter in parameters)


def _with_first(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    def with_first(*arguments: Any) -> Any:
        return function(*arguments[:count])

    return with_first


class Master:
    """The hooks of the master, and what it keeps for them to look at. Methods are called like their hooks."""

    def __init__(self, cfg: Configuration, before: tuple[Mapping[int, int], int | None, Any]) -> None:
        """`before` is what there is already: the pids of workers by their numbers, how many are wanted, the application."""
        pids, workers, app = before
        self._arbiter = Arbiter(cfg)
        self._arbiter._num_workers = workers
        self._arbiter.app.callable = app
        self._born: Worker | None = None
        for age, pid in pids.items():
            self._add(Worker(age, self._arbiter), pid)

    def configure(self, cfg: Configuration) -> None:
        """The configuration was read anew."""
        self._arbiter._configure(cfg)

    def nworkers_changed(self, count: int) -> None:
        arbiter = self._arbiter
        before, arbiter._num_workers = arbiter._num_workers, count
        _call(arbiter.cfg.nworkers_changed, arbiter, count, before)

    def loaded(self, app: Any) -> None:
        """The application was loaded before the workers."""
        self._arbiter.app.callable = app

    def on_starting(self) -> None:
        _call(self._arbiter.cfg.on_starting, self._arbiter)

    def listening(self, listeners: Iterable[tuple[str, int]]) -> None:
        """The sockets are open, each with its address and its descriptor."""
        self._arbiter.LISTENERS = [Listener(address, fd) for address, fd in listeners]

    def when_ready(self) -> None:
        _call(self._arbiter.cfg.when_ready, self._arbiter)

    def pre_fork(self, age: int) -> None:
        self._born = Worker(age, self._arbiter)
        self._arbiter.worker_age = age
        _call(self._arbiter.cfg.pre_fork, self._arbiter, self._born)

    def forked(self, pid: int) -> None:
        """In the master: the new worker's process."""
        if self._born is not None:
            self._add(self._born, pid)
            self._born = None

    def in_worker(self) -> Crew:
        """In the new worker: its own hooks."""
        if self._born is None:
            raise RuntimeError("this process was not forked for a worker")
        self._born.pid = os.getpid()
        return Crew(self._born, self._arbiter)

    def child_exit(self, age: int) -> None:
        workers = self._arbiter.WORKERS
        for pid, worker in list(workers.items()):
            if worker.age == age:
                del workers[pid]
                _call(self._arbiter.cfg.child_exit, self._arbiter, worker)

    def on_reload(self) -> None:
        _call(self._arbiter.cfg.on_reload, self._arbiter)

    def pre_exec(self) -> None:
        _call(self._arbiter.cfg.pre_exec, self._arbiter)

    def on_exit(self) -> None:
        _call(self._arbiter.cfg.on_exit, self._arbiter)

    def _add(self, worker: Worker, pid: int) -> None:
        worker.pid = pid
        self._arbiter.WORKERS[pid] = worker


class Crew:
    """The hooks of one worker, in its own process. Methods are called like their hooks."""

    def __init__(self, worker: Worker, arbiter: Arbiter) -> None:
        self._aborted = False
        self._worker = worker
        self._arbiter = arbiter
        self._interrupted = False

    def listen_for_abort(self) -> None:
        """To be called before anybody else listens for ABRT who passes it on, as faulthandler does."""
        if self._worker.cfg.worker_abort is not None:
            signal.signal(signal.SIGABRT, self._abort)

    def post_fork(self) -> None:
        _call(self._worker.cfg.post_fork, self._arbiter, self._worker)

    def post_worker_init(self, app: Any) -> Any:
        """Returns the application to serve: the hook may have put another in its place."""
        worker = self._worker
        worker.wsgi = worker.app.callable = app
        _call(worker.cfg.post_worker_init, worker)
        worker.booted = True
        return worker.wsgi

    def requests(self) -> RequestHooks | None:
        """What is to be called around each request; None where nothing is."""
        cfg = self._worker.cfg
        if cfg.pre_request is None and cfg.post_request is None:
            return None
        return RequestHooks(self._worker, cfg.pre_request, cfg.post_request)

    def enough(self, count: int) -> None:
        """So many requests are enough for this worker (`max_requests`)."""
        self._worker.max_requests = count

    def served(self, count: int) -> None:
        """So many requests were served, be they counted by request hooks or not."""
        self._worker.nr = max(self._worker.nr, count)

    def is_leaving(self) -> bool:
        """Whether a hook set `worker.alive = False`. Asked for at each heartbeat."""
        self._worker.tmp.notify()
        return not self._worker.alive

    def leave(self) -> None:
        """The worker was told to end: it closes its sockets."""
        self._worker.alive = False
        for listener in self._worker.sockets:
            listener._fd = -1

    def worker_int(self) -> None:
        if not self._interrupted:
            self._interrupted = True
            _call(self._worker.cfg.worker_int, self._worker)

    def _abort(self, number: int, frame: object) -> None:
        """ABRT came: the master has given this worker up. What runs right now is left by SystemExit."""
        self._worker.alive = False
        self._aborted = True
        try:
            self._worker.cfg.worker_abort(self._worker)
        except Exception:
            self._worker.log.exception("Exception in worker_abort hook")
        sys.exit(1)

    def is_aborted(self) -> bool:
        """Whether the master has given this worker up."""
        return self._aborted

    def worker_exit(self) -> None:
        self.leave()
        _call(self._worker.cfg.worker_exit, self._arbiter, self._worker)


def _call(hook: Callable[..., Any] | None, *arguments: Any) -> None:
    if hook is not None:
        hook(*arguments)


class Arbiter:
    """The master as hooks see it: their `server`."""

    def __init__(self, cfg: Configuration) -> None:
        self.WORKERS: dict[int, Worker] = {}
        self.LISTENERS: list[Listener] = []
        self.pid = os.getpid()
        self.master_name = "Master"
        self.master_pid = 0
        self.worker_age = 0
        self._num_workers: int | None = None
        self.app = Application(cfg)
        self._configure(cfg)

    def _configure(self, cfg: Configuration) -> None:
        self.cfg = self.app.cfg = cfg
        self.log = logger(cfg)
        self.address = cfg.address
        self.proc_name = cfg.proc_name
        self.timeout = cfg.timeout

    @property
    def num_workers(self) -> int | None:
        """How many workers are to be kept."""
        return self._num_workers

    def reload(self) -> None:
        """Asks for what HUP does, as soon as the hook has returned."""
        os.kill(self.pid, signal.SIGHUP)

    def kill_worker(self, pid: int, sig: int) -> None:
        os.kill(pid, sig)

    def kill_workers(self, sig: int) -> None:
        for pid in list(self.WORKERS):
            self.kill_worker(pid, sig)


class Worker:
    """A worker as hooks see it, in the master and in its own process."""

    def __init__(self, age: int, arbiter: Arbiter) -> None:
        self.age = age
        self.pid: int | str = "[booting]"
        self.ppid = arbiter.pid
        self.cfg = arbiter.cfg
        self.log = arbiter.log
        self.app = arbiter.app
        self.timeout = arbiter.cfg.timeout / 2.0
        self.sockets = arbiter.LISTENERS
        self.wsgi: Any = None
        self.booted = False
        self.nr = 0
        self.max_requests: int = self.cfg.max_requests or sys.maxsize
        self.alive = True
        self.tmp = Heartbeat()

    @property
    def asgi(self) -> Any:
        """The application, under the name it has in gunicorn's ASGI worker."""
        return self.wsgi

    @asgi.setter
    def asgi(self, app: Any) -> None:
        self.wsgi = app

    def notify(self) -> None:
        """Nothing to do: the heartbeat is the server's own, and proves more than this call would."""

    def __str__(self) -> str:
        return f"<Worker {self.pid}>"


class Heartbeat:
    """When a worker was last known to be alive. gunicorn has a file for it, whence the name `tmp`."""

    def __init__(self) -> None:
        self.notify()

    def notify(self) -> None:
        self._last = time.monotonic()

    def last_update(self) -> float:
        """Seconds of the monotonic clock. True in the worker's own process only."""
        return self._last


class Listener:
    """A listening socket of the server, which alone closes it; then it has no descriptor any more."""

    def __init__(self, address: str, fd: int) -> None:
        self._address = address
        self._fd = fd

    def __str__(self) -> str:
        return self._address

    def fileno(self) -> int:
        return self._fd

    def getsockname(self) -> Any:
        if self._fd < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        borrowed = socket.socket(fileno=self._fd)
        try:
            return borrowed.getsockname()
        finally:
            borrowed.detach()


class Application:
    """The application that is served: `server.app` and `worker.app`."""

    def __init__(self, cfg: Configuration) -> None:
        self.cfg = cfg
        self.app_uri: str = cfg.wsgi_app
        self.callable: Any = None

    def wsgi(self) -> Any:
        """The application itself, once it was loaded; None before."""
        return self.callable
