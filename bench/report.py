"""Turns samples into Markdown and JSON.

A ratio is taken within a round, between neighbours in time, and the median
over the rounds is shown: that survives a machine that slows down for a while.
"""

import dataclasses
import datetime
import json
import os
import platform
import re
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.install import SOURCES
from bench.measure import Idle, Load, Sample
from bench.scenarios import SCENARIOS
from bench.servers import REFERENCE, REPOSITORY, SERVERS, VENV

RESULTS = REPOSITORY / "bench/results"
NOISY = 0.05
SATURATED = 0.8
PACKAGES = [
    *["rgunicorn", "granian", "uvicorn", "gunicorn", "gunicorn_h1c", "hypercorn", "fastpysgi"],
    *["uvloop", "httptools", "fastapi", "starlette", "pydantic"],
]


@dataclass
class Results:
    """All that a run has found, complete or not."""

    environment: dict[str, str]
    load: Load
    rounds: int
    servers: list[str]
    scenarios: list[str]
    samples: list[Sample] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    idle: list[Idle] = field(default_factory=list)

    def of(self, scenario: str, server: str) -> list[Sample]:
        return [sample for sample in self.samples if (sample.scenario, sample.server) == (scenario, server)]

    def fail(self, scenario: str, server: str, reason: str) -> None:
        self.failures[f"{server} {scenario}"] = reason

    def why_missing(self, scenario: str, server: str) -> str:
        """The first line of the reason, or nothing when the pair was measured."""
        if reason := SERVERS[server].cannot.get(scenario):
            return f"n/a: {reason}"
        reason = self.failures.get(f"{server} {scenario}", "")
        return f"failed: {reason.splitlines()[0]}" if reason else ""


def save(results: Results, name: str) -> Path:
    """Writes both files beside each other, never over an earlier run. Returns the Markdown one."""
    RESULTS.mkdir(exist_ok=True)
    parts = [results.environment["date"][:10], slug(results.environment["cpu"]), slug(name)]
    stem = "-".join(part for part in parts if part)
    taken = [path.name for path in RESULTS.iterdir()]
    number = next(n for n in range(1, 1000) if f"{numbered(stem, n)}.md" not in taken)
    path = RESULTS / f"{numbered(stem, number)}.md"
    path.write_text(markdown(results))
    path.with_suffix(".json").write_text(json.dumps(dataclasses.asdict(results), indent=1) + "\n")
    return path


def numbered(stem: str, number: int) -> str:
    return stem if number == 1 else f"{stem}-{number}"


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\(r\)|\(tm\)", "", text.lower())).strip("-")


def markdown(results: Results) -> str:
    blocks = [f"# Benchmark, {results.environment['date']}", environment_table(results)]
    if results.samples or results.failures:
        blocks += ["## Summary", SUMMARY_NOTE, summary_table(results)]
        for scenario in results.scenarios:
            blocks += [f"## {scenario}: {SCENARIOS[scenario].what}", scenario_table(results, scenario)]
    if any(sample.scenario == "hello" for sample in results.samples):
        blocks += ["## Memory after `hello`", memory_table(results)]
    if results.idle:
        blocks += ["## Idle", IDLE_NOTE, idle_table(results.idle)]
    blocks += failure_blocks(results)
    return "\n\n".join(blocks) + "\n"


SUMMARY_NOTE = (
    f"Median requests/s; in parentheses how many times that {REFERENCE} does (median of the ratios within a"
    " round). `!` errors; `~` another program used a core; `<` the server left a fifth of its core idle, so"
    " something else was the limit: wrk, or a wait."
)
IDLE_NOTE = (
    "After a second of load and a second of rest, with no connection open. A wake-up is a voluntary context switch"
    " of any thread; the worker is the process that has used the most processor time."
)


def environment_table(results: Results) -> str:
    load = results.load
    how = (
        f"{results.rounds} rounds of {load.seconds} s, {load.connections} connections,"
        f" server on core {load.server_core}, wrk on core {load.client_core}"
    )
    return table(["", ""], [["method", how], *([key, value] for key, value in results.environment.items())])


def summary_table(results: Results) -> str:
    cells = {server: [summary_cell(results, name, server) for name in results.scenarios] for server in results.servers}
    return table(["", *results.scenarios], [[server, *row] for server, row in cells.items()])


def summary_cell(results: Results, scenario: str, server: str) -> str:
    samples = results.of(scenario, server)
    if not samples:
        return results.why_missing(scenario, server).partition(":")[0] or "–"
    ratio = ratio_to(results, scenario, server)
    shown = f" ({ratio:.2f}x)" if ratio and server != REFERENCE else ""
    return f"{median_of(samples, rate):,.0f}{shown}{marks(samples)}"


def scenario_table(results: Results, scenario: str) -> str:
    head = [
        "server",
        "median requests/s",
        "min–max",
        "p50",
        "p99",
        f"{REFERENCE} / it",
        "CPU per request",
        "core used",
        "notes",
    ]
    return table(head, [scenario_row(results, scenario, server) for server in results.servers])


def scenario_row(results: Results, scenario: str, server: str) -> list[str]:
    samples = results.of(scenario, server)
    why_missing = results.why_missing(scenario, server)
    if not samples:
        return [server, *["–"] * 7, why_missing]
    ratio = ratio_to(results, scenario, server)
    return [
        server,
        f"{median_of(samples, rate):,.0f}",
        f"{min(map(rate, samples)):,.0f}–{max(map(rate, samples)):,.0f}",
        f"{median_of(samples, lambda sample: sample.p50_us) / 1000:.2f} ms",
        f"{median_of(samples, lambda sample: sample.p99_us) / 1000:.2f} ms",
        f"{ratio:.2f}" if ratio else "–",
        f"{median_of(samples, lambda sample: sample.cpu_us_per_request):.1f} µs",
        f"{median_of(samples, lambda sample: sample.core_used):.0%}",
        "; ".join(filter(None, [*notes(samples), why_missing])),
    ]


def notes(samples: list[Sample]) -> Iterable[str]:
    for sample in samples:
        if sample.error_count:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sample.errors.items() if count)
            yield f"**errors** in round {sample.round}: {kinds}"
        if sample.foreign_load > NOISY:
            yield f"round {sample.round}: others used {sample.foreign_load:.0%} of the core"
        if sample.client_foreign_load > NOISY:
            yield f"round {sample.round}: others used {sample.client_foreign_load:.0%} of wrk's core"


def marks(samples: list[Sample]) -> str:
    errors = "!" if any(sample.error_count for sample in samples) else ""
    noise = "~" if any(max(sample.foreign_load, sample.client_foreign_load) > NOISY for sample in samples) else ""
    slack = "<" if median_of(samples, lambda sample: sample.core_used + sample.foreign_load) < SATURATED else ""
    return f" {errors}{noise}{slack}".rstrip()


def ratio_to(results: Results, scenario: str, server: str) -> float | None:
    """How many times the requests of `server` the reference did, in the median round that has both."""
    reference = {sample.round: rate(sample) for sample in results.of(scenario, REFERENCE)}
    samples = results.of(scenario, server)
    ratios = [reference[sample.round] / rate(sample) for sample in samples if sample.round in reference]
    return median(ratios) if ratios else None


def rate(sample: Sample) -> float:
    return sample.requests_per_second


def median_of(samples: list[Sample], value: Callable[[Sample], float]) -> float:
    return median(map(value, samples))


def memory_table(results: Results) -> str:
    rows = []
    for server in results.servers:
        if samples := results.of("hello", server):
            memory = samples[-1].memory
            sizes = [memory.worker_rss, memory.worker_pss, memory.total_pss]
            counts = [str(memory.threads), str(memory.processes)]
            rows.append([server, *counts, *(f"{size / 1024:.1f} MiB" for size in sizes)])
    return table(["server", "threads of the worker", "processes", "worker RSS", "worker PSS", "PSS of all"], rows)


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


def failure_blocks(results: Results) -> list[str]:
    return [f"## Failure: {pair}\n\n```text\n{text}\n```" for pair, text in results.failures.items()]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def describe_environment(load: Load) -> dict[str, str]:
    siblings = Path(f"/sys/devices/system/cpu/cpu{load.server_core}/topology/thread_siblings_list")
    found: dict[str, Any] = {
        "date": datetime.datetime.now().astimezone().isoformat(" ", "minutes"),
        "git": git_revision(),
        "cpu": cpu_model(),
        "cores": f"{os.cpu_count()}; core {load.server_core} shares its hardware with {read(siblings)}",
        "load average": read(Path("/proc/loadavg")).rpartition(" ")[0],
        "kernel": platform.release(),
        "python": output([str(VENV / "bin/python"), "-VV"]),
        "wrk": output(["wrk", "-v"]).partition(" [")[0],
        "hyper": hyper_version(),
        **package_versions(),
    }
    return {key: str(value) for key, value in found.items() if value}


def git_revision() -> str:
    revision = output(["git", "rev-parse", "--short=12", "HEAD"])
    changed = output(["git", "status", "--porcelain", "--", *SOURCES])
    return f"{revision} with uncommitted changes" if changed else revision


def cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", read(Path("/proc/cpuinfo")), re.MULTILINE)
    return found[1] if found else platform.machine()


def hyper_version() -> str:
    lock = read(REPOSITORY / "bench/raw-hyper/Cargo.lock")
    found = re.search(r'name = "hyper"\nversion = "(.+)"', lock)
    return found[1] if found else ""


def package_versions() -> dict[str, str]:
    listed = output([str(VENV / "bin/python"), "-m", "pip", "--disable-pip-version-check", "list", "--format=json"])
    installed = {slug(package["name"]): package["version"] for package in json.loads(listed or "[]")}
    return {name: installed[slug(name)] for name in PACKAGES if slug(name) in installed}


def output(command: list[str]) -> str:
    """What a command prints; `wrk -v` fails after it has told its version."""
    return subprocess.run(command, check=False, cwd=REPOSITORY, capture_output=True, text=True).stdout.strip()


def read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""
