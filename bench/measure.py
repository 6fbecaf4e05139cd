"""Measures one running server: requests per second and latency, processor time, memory, wake-ups.

generators.py does the load; everything else is read from /proc, so that a measurement adds no work to the two cores it
uses.
"""

import os
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.generators import CLIENTS, Outcome, generate
from bench.scenarios import Scenario
from bench.servers import Running

WARM_UP = 1
TICKS = os.sysconf("SC_CLK_TCK")
SETTLE = 1.0


@dataclass(frozen=True)
class Load:
    """How a round is driven. `idle_counts` is for --idle-connections."""

    connections: int
    seconds: int
    server_core: int
    client_core: int
    idle_counts: tuple[int, ...] = ()

    def connections_for(self, scenario: Scenario) -> int:
        return scenario.connections or self.connections


def in_flight(scenario: Scenario, load: Load) -> int:
    """How many requests wait for their answers at any time."""
    connections = load.connections_for(scenario)
    return min(connections, CLIENTS) if scenario.protocol == "resume" else connections * scenario.streams


@dataclass(frozen=True)
class Memory:
    """Of the busiest process, which is the worker, and of all processes, in KiB."""

    processes: int
    threads: int
    worker_rss: int
    worker_pss: int
    total_pss: int


@dataclass(frozen=True)
class Sample:
    """One round of one scenario on one server. `connections` are those that wait for an answer; in HTTP/2, streams."""

    scenario: str
    server: str
    round: int
    connections: int
    requests: int
    seconds: float
    mean_us: int
    p50_us: int
    p99_us: int
    max_us: int
    errors: dict[str, int]
    cpu_us_per_request: float
    system_us_per_request: float
    core_used: float
    foreign_load: float
    client_foreign_load: float
    memory: Memory

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def served_connections(self) -> float:
        """How many connections were waiting for an answer that came, on average: Little's law.

        All of them, as each asks again at once. When it is fewer, the others had no answer in the whole round, and
        are missing in p50 and p99.
        """
        return self.requests_per_second * self.mean_us / 1e6

    @property
    def user_us_per_request(self) -> float:
        return self.cpu_us_per_request - self.system_us_per_request

    @property
    def error_count(self) -> int:
        return sum(self.errors.values())


@dataclass(frozen=True)
class Idle:
    """What a server does while nobody asks for anything, per second."""

    server: str
    processes: int
    threads: int
    worker_wakeups: float
    all_wakeups: float
    cpu_ms: float
    wakeups_by_process: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Clocks:
    """Processor seconds so far: of the server (and in the kernel), of wrk and the database beside it, and of all that
    ran on their cores."""

    server: float
    server_system: float
    wrk: float
    server_core: float
    client_core: float

    @classmethod
    def read(cls, running: Running, load: Load) -> "Clocks":
        # Of our children, only wrk has been waited for: a server is stopped after its last measurement.
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        backend = running.backend.cpu_seconds() if running.backend else 0.0
        return cls(
            server=cpu_seconds(running),
            server_system=system_seconds(running),
            wrk=children.ru_utime + children.ru_stime + backend,
            server_core=core_seconds(load.server_core),
            client_core=core_seconds(load.client_core),
        )


def measure(running: Running, server: str, scenario: Scenario, round_number: int, load: Load) -> Sample:
    ask(running, scenario, load, WARM_UP)
    before = Clocks.read(running, load)
    result = ask(running, scenario, load, load.seconds)
    after = Clocks.read(running, load)
    cpu = after.server - before.server
    seconds = result.duration_us / 1e6
    if running.process.poll() is not None:
        raise running.failure("ended under load")
    if not result.requests:
        raise running.failure(f"answered nothing under load: {result.errors}")
    if not result.errors["status"] and result.bytes < result.requests * len(scenario.answer):
        raise running.failure(f"sent {result.bytes / result.requests:.0f} bytes per answer under load")
    return Sample(
        scenario=scenario.name,
        server=server,
        round=round_number,
        connections=in_flight(scenario, load),
        requests=result.requests,
        seconds=seconds,
        mean_us=result.mean_us,
        p50_us=result.p50_us,
        p99_us=result.p99_us,
        max_us=result.max_us,
        errors=result.errors,
        cpu_us_per_request=cpu * 1e6 / result.requests,
        system_us_per_request=(after.server_system - before.server_system) * 1e6 / result.requests,
        core_used=cpu / seconds,
        foreign_load=max(0.0, after.server_core - before.server_core - cpu) / seconds,
        client_foreign_load=max(0.0, after.client_core - before.client_core - (after.wrk - before.wrk)) / seconds,
        memory=memory(running),
    )


def measure_idle(running: Running, server: str, scenario: Scenario, load: Load) -> Idle:
    """Counts wake-ups after a short burst: some servers are calm only until their first request."""
    ask(running, scenario, load, WARM_UP)
    time.sleep(SETTLE)
    worker = busiest(running)
    wakeups_before, cpu_before, clock_before = wakeups(running), cpu_seconds(running), time.monotonic()
    time.sleep(load.seconds)
    elapsed = time.monotonic() - clock_before
    cpu = cpu_seconds(running) - cpu_before
    per_process = {pid: (count - wakeups_before.get(pid, 0)) / elapsed for pid, count in wakeups(running).items()}
    return Idle(
        server=server,
        processes=len(per_process),
        threads=thread_count(worker),
        worker_wakeups=per_process[worker],
        all_wakeups=sum(per_process.values()),
        cpu_ms=cpu * 1000 / elapsed,
        wakeups_by_process=per_process,
    )


def ask(running: Running, scenario: Scenario, load: Load, seconds: int) -> Outcome:
    return generate(running, scenario, load.connections_for(scenario), seconds, load.client_core)


def cpu_seconds(running: Running) -> float:
    return sum(process_ticks(pid) for pid in running.pids()) / TICKS


def system_seconds(running: Running) -> float:
    return sum(user_and_system_ticks(pid)[1] for pid in running.pids()) / TICKS


def core_seconds(core: int) -> float:
    """Time a core ran processes or was taken by the hypervisor; interrupts are left out, as they serve us too."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(int, fields[:8])
            return (user + nice + system + steal) / TICKS
    raise LookupError(f"no core {core}")


def process_ticks(pid: int) -> int:
    return sum(user_and_system_ticks(pid))


def user_and_system_ticks(pid: int) -> tuple[int, int]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def busiest(running: Running) -> int:
    """The worker, whatever the server calls it: the process that has used the most time so far."""
    return max(running.pids(), key=process_ticks)


def memory(running: Running) -> Memory:
    worker = busiest(running)
    pids = running.pids()
    return Memory(
        processes=len(pids),
        threads=thread_count(worker),
        worker_rss=memory_kib(worker, "Rss"),
        worker_pss=memory_kib(worker, "Pss"),
        total_pss=sum(memory_kib(pid, "Pss") for pid in pids),
    )


def memory_kib(pid: int, kind: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1])
    raise LookupError(kind)


def wakeups(running: Running) -> dict[int, int]:
    """Voluntary context switches so far: each is one sleep, and so one wake-up. Summed over threads."""
    return {pid: sum(map(voluntary_switches, threads_of(pid))) for pid in running.pids()}


def threads_of(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())


def thread_count(pid: int) -> int:
    return len(threads_of(pid))


def voluntary_switches(thread: Path) -> int:
    for line in (thread / "status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches:"):
            return int(line.split()[1])
    raise LookupError(str(thread))
