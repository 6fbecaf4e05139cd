"""What servers do while nobody asks, and what connections cost that nobody uses."""

from statistics import median

from bench.idle_connections import IdleStep
from bench.measure import Idle
from bench.noise import notes
from bench.results import Results, median_of
from bench.table import table

IDLE_NOTE = (
    "After a second of load and a second of rest, with no connection open. A wake-up is a voluntary context switch"
    " of any thread; the worker is the process that has used the most processor time."
)
IDLE_STEPS_NOTE = (
    "`hello` over the busy connections, while others sit idle at the same process after one request each. `of none`:"
    " requests/s compared with the same process without idle connections (median of the ratios within a round). RSS"
    " is the worker's; what the kernel keeps for a socket is not in it."
)

IDLE_SOCKETS_NOTE = (
    "Connections on which nobody says anything; compression was offered. RSS is the worker's, compared with the time"
    " before the first of them, after load. CPU is that of all processes, pings included."
)


def idle_blocks(results: Results) -> list[str]:
    return ["## Idle", IDLE_NOTE, idle_table(results.idle)]


def idle_connections_blocks(results: Results) -> list[str]:
    return ["## Idle connections", IDLE_STEPS_NOTE, idle_steps_table(results)]


def idle_websockets_blocks(results: Results) -> list[str]:
    return ["## Idle WebSockets", IDLE_SOCKETS_NOTE, idle_sockets_table(results)]


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


def idle_steps_table(results: Results) -> str:
    head = [
        "server",
        "idle",
        "requests/s",
        "of none",
        "p99",
        "CPU per request",
        "worker RSS",
        "RSS per idle connection",
        "notes",
    ]
    counts = sorted({step.count for step in results.idle_steps})
    pairs = [(server, count) for server in results.servers for count in counts]
    return table(head, [idle_step_row(results, *pair) for pair in pairs if results.idle_steps_of(*pair)])


def idle_step_row(results: Results, server: str, count: int) -> list[str]:
    steps = results.idle_steps_of(server, count)
    return [
        server,
        f"{count:,}",
        f"{median_of(steps, lambda step: step.sample.requests_per_second):,.0f}",
        f"{of_none(results, steps):.2f}" if count else "",
        f"{median_of(steps, lambda step: step.sample.p99_us) / 1000:.2f} ms",
        f"{median_of(steps, lambda step: step.sample.cpu_us_per_request):.1f} µs",
        f"{median_of(steps, lambda step: step.rss) / 1024:.1f} MiB",
        f"{median_of(steps, lambda step: step.bytes_per_connection):,.0f} bytes" if count else "",
        "; ".join(notes([step.sample for step in steps])),
    ]


def of_none(results: Results, steps: list[IdleStep]) -> float:
    none = {step.round: step.sample for step in results.idle_steps_of(steps[0].server, 0)}
    return median(step.sample.requests_per_second / none[step.round].requests_per_second for step in steps)


def idle_sockets_table(results: Results) -> str:
    head = ["server", "idle", "worker RSS", "RSS per connection", "CPU ms/s"]
    counts = sorted({step.count for step in results.idle_sockets})
    rows = []
    for server in results.servers:
        for count in counts:
            if steps := results.idle_sockets_of(server, count):
                rss = f"{median_of(steps, lambda step: step.rss) / 1024:.1f} MiB"
                each = f"{median_of(steps, lambda step: step.bytes_per_connection):,.0f} bytes"
                rows.append([server, f"{count:,}", rss, each, f"{median_of(steps, lambda step: step.cpu_ms):.1f}"])
    return table(head, rows)
