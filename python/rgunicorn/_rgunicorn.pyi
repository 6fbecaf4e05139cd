"""The extension module: the whole server behind a few functions and one class."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

__version__: str

class ClientDisconnected(OSError):
    """Raised by `send()` when the client left before its response was complete (ASGI HTTP 2.4)."""

class _Program(Protocol):
    def given(self) -> tuple[dict[str, Any], Callable[[], Any] | None]: ...

def main(argv: Sequence[str]) -> int:
    """Run the command line `argv`, whose first item is the program's name, and return the exit code.

    Returns once in the master, when the server has stopped, and once in every forked worker,
    when that worker has finished: the caller must then leave the process with the code.
    """

def serve_program(program: _Program) -> int:
    """The same for settings and an application that a program has. Asks it at the start, and again on HUP."""

def known_settings() -> list[tuple[str, Any]]:
    """The name of every setting, with its default."""

def checked_setting(name: str, value: Any) -> Any:
    """What `value` becomes as the value of a setting.

    Raises `AttributeError` if there is no such setting, `ValueError` or `TypeError` if it cannot have that value.
    """

def command_line_settings(argv: Sequence[str]) -> dict[str, Any]:
    """What a command line says, and the files and variables it stands for: only what was said.

    Raises `SystemExit`, after it said why, where a command would end.
    """

def log_trace(message: str) -> None:
    """Write a line to the error log, at its least level."""

def log_line(level: int, message: str) -> None:
    """Write a line to the error log, at a level of `logging`."""

def count_line(method: str) -> None:
    """Count a line of the log for statsd, by the name of the method that logged it."""

def send_metric(name: str, value: str, kind: str) -> None:
    """Send a number to statsd: its name, its value, and counter, gauge, histogram or timer."""

class Embedded:
    """One server on an event loop that is not ours; `rgunicorn.Server` calls its steps in order."""

    def __init__(
        self, settings: dict[str, Any], app: Callable[..., Any], event_loop: asyncio.AbstractEventLoop
    ) -> None:
        """Open the sockets. Raises `ValueError` for a wrong setting and `OSError` for an address that cannot be used."""

    def addresses(self) -> list[str]: ...
    def port(self) -> int | None: ...
    def fileno(self) -> int:
        """The descriptor that is readable when a turn is due."""

    def start_lifespan(self) -> asyncio.Future[None] | None: ...
    def failure(self) -> str | None: ...
    def serve(self) -> None: ...
    def turn(self) -> None:
        """Serve what is ready. To be called by `Turns`, which takes no turn within another.

        Raises whatever `SystemExit` or `KeyboardInterrupt` left a task.
        """

    def drained(self) -> asyncio.Future[None] | None: ...
    def drain(self) -> None: ...
    def bid_farewell(self) -> None: ...
    def cancel(self) -> None: ...
    def abort(self) -> None: ...
    def stages(self) -> tuple[float, float, float]:
        """Seconds after the begin of a drain: farewell, cancellation, abortion."""

    def remaining(self) -> float:
        """Seconds that are left of the graceful timeout, and at least a moment."""

    def tasks(self) -> list[asyncio.Task[Any]]: ...
    def threads_left(self) -> int: ...
    def stop_lifespan(self) -> asyncio.Future[None] | None: ...
    def close(self) -> None: ...

class Handle(asyncio.Handle):
    """What `call_soon` returns on our event loop."""

class TimerHandle(asyncio.TimerHandle):
    """What `call_later` and `call_at` return on our event loop."""

class LoopCore:
    """The hot half of `rgunicorn.eventloop.EventLoop`. What it has in place of asyncio's methods is typed there."""

    def epoll(self) -> int:
        """The descriptor that is readable when the loop has events to look at."""

    def watched_for(self, fd: Any) -> tuple[int, asyncio.Handle | None, asyncio.Handle | None]:
        """What a file is watched for, as `selectors` counts, and the handles of its reader and its writer."""

    def use_reactor(self, reactor: Any) -> None:
        """From now on the loop sleeps in turns of a worker's runtime; None ends that."""

    def take_turn(self) -> None:
        """Look for events, then run what is due."""

    def take_turns(self) -> None:
        """The same until the loop is stopped."""

    def release(self) -> None:
        """Give the descriptors back; the loop is closed."""

class DatagramTransport(asyncio.DatagramTransport):
    """A datagram socket of our event loop."""

    def __init__(
        self,
        event_loop: LoopCore,
        socket: Any,
        protocol: asyncio.BaseProtocol,
        extra: dict[str, Any],
        address: Any,
    ) -> None: ...

class StreamTransport(asyncio.Transport):
    """A connected stream socket of our event loop."""

    def __init__(
        self,
        event_loop: LoopCore,
        socket: Any,
        protocol: asyncio.BaseProtocol,
        extra: dict[str, Any],
        server: asyncio.AbstractServer | None,
    ) -> None: ...
