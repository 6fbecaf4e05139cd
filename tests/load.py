"""Constant load on a server, without retries, that accounts for every request it sends.

`busy` connections send one request after another; `fresh` clients open a new connection for each. A response
counts only if it is whole: status 200, the token of its own request, a body with the sha256 of its header.
A connection is reopened when the server closed it after `connection: close`; any other end is a failure.

The application is supervisor/apps/checked.py.
"""

import asyncio
import hashlib
import itertools
import os
import select
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass

import psutil

DEADLINE = 30.0
SIZES = (0, 100, 5_000, 200_000)


@dataclass
class Failure:
    """One request that was not answered as it should."""

    why: str
    request: str
    connection: str
    earlier: int  # requests answered on this connection before
    worker: int | None  # which worker owns the connection, if it has answered before
    connecting: float  # when the connection was begun
    sent: float | None  # when the whole request was in the kernel; None: not at all
    failed: float


@dataclass
class Kill:
    pid: int
    before: float
    dead: float


class Broken(Exception):
    """The answer is not what was asked for."""


class Load:
    """Use as a context manager; the load runs from enter to exit."""

    def __init__(self, host, port, busy=16, fresh=4):
        self.address = host, port
        self.busy, self.fresh = busy, fresh
        self.completed = 0
        self.workers = Counter()  # pid → answers
        self.failures: list[Failure] = []
        self.kills: list[Kill] = []
        self.closed_unannounced = 0  # idle connections that ended without `connection: close`, seen in time
        self.after_stop = 0  # failures of requests sent after the server was told to stop
        self._stop_at = None
        self._ending = False
        self._tokens = itertools.count()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        self.wait_for_progress((self.busy + self.fresh) * 5)
        return self

    def __exit__(self, *_):
        self._ending = True
        self._thread.join(DEADLINE * 2)
        assert not self._thread.is_alive(), "a request was never answered"

    # What a test waits for and asks.

    def wait_for_progress(self, answers=200):
        """Until so many more answers have come, or every client has ended."""
        goal = self.completed + answers
        self._wait(lambda: self.completed >= goal or not self._thread.is_alive(), f"{answers} more answers")

    def wait_for_worker(self, pid):
        """Until this worker has answered."""
        self._wait(lambda: self.workers[pid], f"an answer of worker {pid}")

    def kill_worker(self, pid):
        """SIGKILL; returns once the process is dead."""
        before = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        wait_for_death(pid)
        self.kills.append(Kill(pid, before, time.monotonic()))

    def stop_server(self, pid, number=signal.SIGTERM):
        """Sends the signal; from now on refused connections and requests sent too late are no failures."""
        self._stop_at = time.monotonic()
        os.kill(pid, number)

    @property
    def unexcused(self):
        """The failures that no killed worker explains."""
        return [failure for failure in self.failures if not any(self._explains(kill, failure) for kill in self.kills)]

    @staticmethod
    def _explains(kill, failure):
        if failure.worker is not None:
            return failure.worker == kill.pid and failure.failed >= kill.before
        return failure.connecting <= kill.dead and failure.failed >= kill.before  # It may have been accepted.

    def _wait(self, condition, what):
        with self._changed:
            assert self._changed.wait_for(condition, DEADLINE), f"waited {DEADLINE} s for {what}: {self}"

    def __str__(self):
        return (
            f"{self.completed} answers of workers {dict(self.workers)}, {len(self.failures)} failures, "
            f"{len(self.kills)} kills, {self.closed_unannounced} connections closed unannounced"
        )

    # The clients.

    async def _run(self):
        busy = [self._client(keep=True, number=number) for number in range(self.busy)]
        fresh = [self._client(keep=False, number=number) for number in range(self.fresh)]
        await asyncio.gather(*busy, *fresh)
        with self._changed:
            self._changed.notify_all()

    async def _client(self, keep, number):
        connection = None
        while not self._ending:
            connection = connection or Connection(self.address, f"{'kept' if keep else 'fresh'} {number}")
            if connection.ended():
                self.closed_unannounced += 1
                connection.close()
                connection = None
                continue
            # Half of the fresh clients close by themselves, half ask the server to.
            if not await self._request(connection, asks_to_close=not keep and number % 2 == 0):
                connection = None
                if self._stop_at is not None:
                    return
            elif connection.closes or not keep:
                connection.close()
                connection = None
        if connection:
            connection.close()

    async def _request(self, connection, asks_to_close):
        token = next(self._tokens)
        request = Request(token, SIZES[token // 4 % 4], ("inline", "awaited", "streamed", "echo")[token % 4])
        connection.sent = None
        try:
            async with deadline():
                await connection.open()
                await connection.exchange(request, asks_to_close)
        except (Broken, OSError, EOFError, ValueError, LookupError, asyncio.TimeoutError) as error:
            self._failed(connection, request, error)
            connection.close()
            return False
        with self._changed:
            self.completed += 1
            self.workers[connection.worker] += 1
            self._changed.notify_all()
        return True

    def _failed(self, connection, request, error):
        if self._stop_at is not None and (connection.sent is None or connection.sent > self._stop_at):
            self.after_stop += 1
            return
        self.failures.append(
            Failure(
                why=repr(error),
                request=f"{request.kind} {request.size}",
                connection=connection.name,
                earlier=connection.answered,
                worker=connection.worker,
                connecting=connection.connecting,
                sent=connection.sent,
                failed=time.monotonic(),
            )
        )


@dataclass
class Request:
    token: int
    size: int
    kind: str

    def encode(self, asks_to_close):
        close = "connection: close\r\n" if asks_to_close else ""
        head = f"host: load\r\nx-token: {self.token}\r\n{close}"
        if self.kind != "echo":
            return f"GET /{self.kind}/{self.size} HTTP/1.1\r\n{head}\r\n".encode()
        body = bytes([self.token % 256]) * min(self.size, 5_000)  # Small enough for the kernel to take at once.
        return f"POST /echo HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body


class Connection:
    def __init__(self, address, name):
        self.address, self.name = address, name
        self.connecting = time.monotonic()
        self.reader = self.writer = self.worker = self.sent = None
        self.answered = 0
        self.closes = False

    async def open(self):
        if self.reader is None:
            self.reader, self.writer = await asyncio.open_connection(*self.address, limit=1 << 20)

    def ended(self):
        return self.reader is not None and self.reader.at_eof()

    def close(self):
        if self.writer:
            self.writer.close()

    async def exchange(self, request, asks_to_close):
        self.writer.write(request.encode(asks_to_close))
        await self.writer.drain()
        self.sent = time.monotonic()
        status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not status.startswith("HTTP/1.1 200 "):
            raise Broken(status)
        body = await self._body(headers)
        if headers["x-token"] != str(request.token):
            raise Broken(f"the answer to token {headers['x-token']} came to token {request.token}")
        if headers["x-sha256"] != hashlib.sha256(body).hexdigest():
            raise Broken(f"{len(body)} bytes with another hash")
        if self.worker not in (None, int(headers["x-pid"])):
            raise Broken(f"worker {headers['x-pid']} answered on a connection of worker {self.worker}")
        self.worker = int(headers["x-pid"])
        self.answered += 1
        self.closes = headers.get("connection", "").lower() == "close"
        if self.closes and await self.reader.read(1):
            raise Broken("bytes after the last response")
        if asks_to_close and not self.closes:
            raise Broken("asked to close, the server did not say that it will")

    async def _body(self, headers):
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers["content-length"]))
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            await self._expect(b"\r\n")
        await self._expect(b"\r\n")
        return body

    async def _expect(self, expected):
        found = await self.reader.readexactly(len(expected))
        if found != expected:
            raise Broken(f"{found!r} instead of {expected!r}")


class deadline:
    """asyncio.timeout(DEADLINE), which Python 3.10 does not have yet."""

    async def __aenter__(self):
        self._task, self._passed = asyncio.current_task(), False
        self._timer = asyncio.get_running_loop().call_later(DEADLINE, self._end)

    def _end(self):
        self._passed = True
        self._task.cancel()

    async def __aexit__(self, kind, *_):
        self._timer.cancel()
        if self._passed and kind is asyncio.CancelledError:
            raise asyncio.TimeoutError(f"no whole answer within {DEADLINE} s")


def wait_until_all_serve(server, pids):
    """Until each of these workers has answered GET / with its pid in x-pid."""
    missing, end = set(pids), time.monotonic() + DEADLINE
    while missing:
        assert time.monotonic() < end, f"workers {missing} did not answer within {DEADLINE} s"
        missing.discard(int(server.get("/").get("x-pid")))


def live_workers(server):
    """The pids of the workers that have not exited; one that waits to be reaped has."""
    return sorted(child.pid for child in psutil.Process(server.pid).children() if lives(child))


def lives(process):
    """Whether it has not exited. One that was listed a moment ago may be gone altogether by now."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for_death(pid, seconds=DEADLINE):
    """Until the process has exited."""
    wait_for_any_death([pid], seconds)


def wait_for_any_death(pids, seconds=DEADLINE):
    """The pid of the first of these processes to exit, through pidfds: they are not our children."""
    handles = {}
    try:
        for pid in pids:
            try:
                handles[os.pidfd_open(pid)] = pid
            except ProcessLookupError:
                return pid
        ended, _, _ = select.select(handles, [], [], seconds)
        assert ended, f"none of the processes {pids} exited within {seconds} s"
        return handles[ended[0]]
    finally:
        for handle in handles:
            os.close(handle)
