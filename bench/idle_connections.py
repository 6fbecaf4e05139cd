"""What connections that do nothing cost: requests per second of the busy ones, and memory of the worker.

The idle connections belong to this process, which sleeps while wrk measures. Each has asked once and has had its
answer, so the server holds it as it holds a browser's between two clicks.
"""

import contextlib
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from bench.measure import Load, Sample, busiest, measure, memory_kib
from bench.scenarios import Scenario
from bench.servers import ANSWER_DEADLINE, Running

# Linux hands out some 28,000 ports for each address, and other programs need a few.
CONNECTIONS_PER_ADDRESS = 2_500
GONE = select.EPOLLIN | select.EPOLLRDHUP


@dataclass(frozen=True)
class IdleStep:
    """One round of one server with a number of idle connections. Sizes are the worker's RSS in KiB.

    `rss_before` was read before the first idle connection, after load; `rss` before wrk asked again.
    """

    server: str
    round: int
    count: int
    rss_before: int
    rss: int
    sample: Sample

    @property
    def bytes_per_connection(self) -> float:
        return (self.rss - self.rss_before) * 1024 / self.count if self.count else 0.0


def measure_idle_connections(
    running: Running, server: str, scenario: Scenario, round_number: int, load: Load
) -> Iterator[IdleStep]:
    """Adds idle connections step by step to one process. The first step has none, for the others to compare with."""
    with idle_clients(running, scenario) as idle:
        rss_before = 0
        for count in sorted({0, *load.idle_counts}):
            idle.grow_to(count)
            rss = memory_kib(busiest(running), "Rss")
            sample = measure(running, server, scenario, round_number, load)
            idle.check()
            if not count:
                rss = rss_before = memory_kib(busiest(running), "Rss")
            yield IdleStep(server, round_number, count, rss_before, rss, sample)


class IdleClients:
    """Open connections without a request. One that the server ends, or writes to, fails the measurement."""

    def __init__(self, running: Running, request: bytes, answer: bytes) -> None:
        self.running = running
        self.request = request
        self.answer = answer
        self.open: dict[int, socket.socket] = {}
        self.events = select.epoll()

    def grow_to(self, count: int) -> None:
        while len(self.open) < count:
            client = self.ask_once(source_address(len(self.open)))
            self.open[client.fileno()] = client
            self.events.register(client, GONE)
        self.check()

    def ask_once(self, address: str) -> socket.socket:
        try:
            server = ("127.0.0.1", self.running.port)
            client = socket.create_connection(server, ANSWER_DEADLINE, source_address=(address, 0))
            client.sendall(self.request)
            read_answer(client, self.answer)
        except OSError as error:
            raise self.running.failure(f"idle connection {len(self.open) + 1}: {error!r}") from error
        return client

    def check(self) -> None:
        if heard := len(self.events.poll(0, len(self.open) or 1)):
            raise self.running.failure(f"ended {heard} of {len(self.open)} idle connections, or wrote to them")

    def close(self) -> None:
        for client in self.open.values():
            client.close()
        self.events.close()


@contextlib.contextmanager
def idle_clients(running: Running, scenario: Scenario) -> Iterator[IdleClients]:
    # The same head as wrk's.
    head = f"{scenario.method} {scenario.path} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n\r\n"
    clients = IdleClients(running, head.encode(), scenario.answer)
    try:
        yield clients
    finally:
        clients.close()


def source_address(number: int) -> str:
    return f"127.0.1.{1 + number // CONNECTIONS_PER_ADDRESS}"


def read_answer(client: socket.socket, answer: bytes) -> None:
    """Reads until the known body has come. It is short and alone, so it is the end of what was received."""
    received = b""
    while not received.endswith(b"\r\n\r\n" + answer):
        part = client.recv(65536)
        if not part:
            raise ConnectionResetError(f"closed after {received[:80]!r}")
        received += part
