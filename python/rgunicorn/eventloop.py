"""asyncio's event loop with its hot parts in Rust, for use with or without the server.

    import rgunicorn.eventloop

    rgunicorn.eventloop.run(main())

What is not hot is asyncio's own code, inherited from `asyncio.SelectorEventLoop`.
"""

import asyncio
import inspect
import selectors
import sys
from asyncio import base_events, format_helpers, futures, sslproto, trsock
from collections.abc import Coroutine
from typing import Any, TypeVar

from rgunicorn._rgunicorn import DatagramTransport, LoopCore, StreamTransport

__all__ = ["EventLoop", "new_event_loop", "run"]

_T = TypeVar("_T")


class EventLoop(LoopCore, asyncio.SelectorEventLoop):
    """An asyncio event loop. Takes no selector: it waits for descriptors by itself."""

    def __init__(self) -> None:
        self._takes_all_turns = False
        super().__init__(_Selector(self))

    def run_forever(self) -> None:
        self._check_closed()
        self._check_running()
        self._takes_all_turns = True
        super().run_forever()

    def _run_once(self):
        """All turns until the loop is stopped, or one for somebody who runs the loop within a task (nest_asyncio)."""
        if self._takes_all_turns:
            self._takes_all_turns = False
            self.take_turns()
        else:
            self._selector.select()

    def _make_socket_transport(self, sock, protocol, waiter=None, *, extra=None, server=None):
        base_events._set_nodelay(sock)
        transport = StreamTransport(self, sock, protocol, _facts(sock, extra), server)
        if server is not None:
            server._attach(*_given(transport))
        self._begin_transport(transport, sock, protocol, waiter)
        return transport

    def _make_ssl_transport(
        self,
        rawsock,
        protocol,
        sslcontext,
        waiter=None,
        *,
        server_side=False,
        server_hostname=None,
        extra=None,
        server=None,
        **timeouts,
    ):
        tls = sslproto.SSLProtocol(self, protocol, sslcontext, waiter, server_side, server_hostname, **timeouts)
        self._make_socket_transport(rawsock, tls, extra=extra, server=server)
        return tls._app_transport

    def _make_datagram_transport(self, sock, protocol, address=None, waiter=None, extra=None):
        self._ensure_fd_no_transport(sock)
        transport = DatagramTransport(self, sock, protocol, _facts(sock, extra), address)
        self._begin_transport(transport, sock, protocol, waiter)
        return transport

    def _begin_transport(self, transport, sock, protocol, waiter):
        self._transports[sock.fileno()] = transport
        self.call_soon(protocol.connection_made, transport)
        # It begins to read once the protocol knows of it.
        self.call_soon(transport._start)
        if waiter is not None:
            self.call_soon(futures._set_result_unless_cancelled, waiter, None)

    def _end_transport(self, transport, sock, server):
        """A transport has lost its connection, and its protocol knows."""
        if sock is not None:
            sock.close()
        if server is not None:
            server._detach(*_given(transport))

    def _note_broken(self, transport, message, error):
        if self._debug:
            base_events.logger.debug("%r: %s", transport, message, exc_info=error)

    def _report_failed_callback(self, callback, context, error):
        """What asyncio reports where the callback of a handle fails. Our transports are called without one."""
        text = format_helpers._format_callback_source(callback, ())
        handle = asyncio.Handle(callback, (), self, context)
        report = {"message": f"Exception in callback {text}", "exception": error, "handle": handle}
        self.call_exception_handler(report)

    def _run_in_debug_mode(self, handle):
        """Runs one of asyncio's own handles, of which debug mode is made, and tells if it takes long."""
        self._current_handle = handle
        begin = self.time()
        try:
            handle._run()
            duration = self.time() - begin
            if duration >= self.slow_callback_duration:
                text = base_events._format_handle(handle)
                base_events.logger.warning("Executing %s took %.3f seconds", text, duration)
        finally:
            self._current_handle = None
            handle = None  # This frame may live on in a traceback.


def _facts(sock, extra):
    """What `get_extra_info` knows."""
    facts = dict(extra or ())
    facts["socket"] = trsock.TransportSocket(sock)
    try:
        facts["sockname"] = sock.getsockname()
    except OSError:
        facts["sockname"] = None
    if "peername" not in facts:
        try:
            facts["peername"] = sock.getpeername()
        except OSError:
            facts["peername"] = None
    return facts


def _given(transport):
    """The transport, to a server that wants to know its transports: since Python 3.13."""
    return (transport,) if _SERVERS_KNOW else ()


_SERVERS_KNOW = len(inspect.signature(base_events.Server._attach).parameters) > 1


class _Selector:
    """What is asked of a loop's selector."""

    def __init__(self, core):
        self._core = core

    def select(self, timeout=None):
        """A turn of the loop. It may be taken within a task, and has tasks to run."""
        current = _current_tasks.pop(self._core, None)
        try:
            self._core.take_turn()
        finally:
            if current is not None:
                _current_tasks[self._core] = current
        return []

    def get_key(self, fd):
        events, reader, writer = self._core.watched_for(fd)
        if not events:
            raise KeyError(f"{fd!r} is not watched")
        return selectors.SelectorKey(fd, fd, events, (reader, writer))

    def close(self):
        self._core.release()


_current_tasks = getattr(asyncio.tasks, "_current_tasks", {})
"""The task that each loop runs, where that is known to more than the thread: until Python 3.13."""


def new_event_loop() -> EventLoop:
    """A new loop: what `asyncio.Runner(loop_factory=...)` asks for."""
    return EventLoop()


def run(main: Coroutine[Any, Any, _T], *, debug: "bool | None" = None) -> _T:
    """As `asyncio.run`, on a loop of this module."""
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("rgunicorn.eventloop.run() cannot be called from a running event loop")
    if sys.version_info >= (3, 11):
        with asyncio.Runner(debug=debug, loop_factory=new_event_loop) as runner:
            return runner.run(main)
    return _run_without_runner(main, debug)


def _run_without_runner(main, debug):
    """What `asyncio.run` does, for Python 3.10."""
    loop = new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        if debug is not None:
            loop.set_debug(debug)
        return loop.run_until_complete(main)
    finally:
        try:
            asyncio.runners._cancel_all_tasks(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
