"""What servers do while nobody asks."""

from bench.measure import Idle
from bench.results import Results
from bench.table import table

IDLE_NOTE = (
    "After a second of load and a second of rest, with no connection open. A wake-up is a voluntary context switch"
    " of any thread; the worker is the process that has used the most processor time."
)


def idle_blocks(results: Results) -> list[str]:
    return ["## Idle", IDLE_NOTE, idle_table(results.idle)]


def idle_table(rows: list[Idle]) -> str:
    head = ["server", "threads of the worker", "processes", "worker wake-ups/s", "all wake-ups/s", "CPU ms/s"]
    return table(
        head,
        [
            [
                idle.server,
                str(idle.threads),
                str(idle.processes),
                f"{idle.worker_wakeups:.1f}",
                f"{idle.all_wakeups:.1f}",
                f"{idle.cpu_ms:.1f}",
            ]
            for idle in rows
        ],
    )
