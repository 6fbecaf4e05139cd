"""What WebSocket connections cost on which nobody says anything: memory of the worker, and processor time.

The clients belong to ws-load, which sleeps, and answers a server's pings. They offer compression, as browsers do.
"""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.measure import SETTLE, Load, busiest, cpu_seconds, drive, memory_kib
from bench.scenarios import Scenario
from bench.servers import WS_LOAD, Running

# For the handshakes, and for ending when all is over.
PATIENCE = 120


@dataclass(frozen=True)
class IdleSockets:
    """One round of one server with a number of idle connections. Sizes are the worker's RSS in KiB.

    `rss_before` was read after a second of echoes over other connections, which had gone.
    """

    server: str
    round: int
    count: int
    rss_before: int
    rss: int
    cpu_ms: float

    @property
    def bytes_per_connection(self) -> float:
        return (self.rss - self.rss_before) * 1024 / self.count


def measure_idle_websockets(
    running: Running, server: str, scenario: Scenario, round_number: int, load: Load
) -> Iterator[IdleSockets]:
    """Holds more and more connections to one process, each number for as long as a round lasts."""
    drive(running, scenario, load, 1)
    time.sleep(SETTLE)
    rss_before = memory_kib(busiest(running), "Rss")
    for count in sorted(load.idle_counts):
        with idle_clients(running, scenario, load, count):
            time.sleep(SETTLE)
            cpu, clock = cpu_seconds(running), time.monotonic()
            time.sleep(load.seconds)
            cpu_ms = (cpu_seconds(running) - cpu) * 1000 / (time.monotonic() - clock)
            rss = memory_kib(busiest(running), "Rss")
        yield IdleSockets(server, round_number, count, rss_before, rss, cpu_ms)


@contextlib.contextmanager
def idle_clients(running: Running, scenario: Scenario, load: Load, count: int) -> Iterator[None]:
    """So many clients that are there until the block ends, which fails if the server sent one away."""
    command = ["taskset", "-c", str(load.client_core), str(WS_LOAD), "idle", "--port", str(running.port)]
    # It ends with its standard input, and long before that only if it was forgotten.
    command += ["--path", scenario.path, "--seconds", "3600", "--connections", str(count), "--deflate"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as clients:
        try:
            said = clients.stdout.readline() if clients.stdout else ""
            if said != f"CONNECTED {count}\n":
                raise running.failure(f"ws-load failed: {said}")
            yield
            said, _ = clients.communicate(timeout=PATIENCE)
            if f'"open": {count},' not in said:
                raise running.failure(f"sent some of {count} idle clients away: {said}")
        finally:
            clients.kill()
