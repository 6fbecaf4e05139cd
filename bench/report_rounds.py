"""The summary, a table for each scenario, memory, and latency."""

from bench.measure import Sample
from bench.noise import is_disturbed, notes, starves
from bench.results import Results, median_of, p99_ratio_to, rate, ratio_to
from bench.scenarios import SCENARIOS
from bench.servers import REFERENCE
from bench.table import table

SATURATED = 0.8
SUMMARY_NOTE = (
    f"Median requests/s; in parentheses how many times that {REFERENCE} does (median of the ratios within a"
    " round). `!` errors; `?` connections were left waiting; `~` another program used a core; `<` the server left a"
    " fifth of its core idle, so something else was the limit: wrk, or a wait."
)
LATENCY = ["hello", "hello1000", "fastapi_json", "fastapi_json1000", "h2_hello", "h2_streams10k"]
LATENCY_NOTE = (
    f"p50 and p99; in parentheses how many times as long as {REFERENCE} it took for 99 of 100 requests (median of the"
    " ratios within a round). All connections ask again as soon as they have their answer, so this is waiting in line"
    " at full load. Marks as in the summary: `?` flatters, as the connections that were left waiting are not counted."
)


def rounds_blocks(results: Results) -> list[str]:
    blocks = ["## Summary", SUMMARY_NOTE, summary_table(results)]
    for scenario in results.scenarios:
        blocks += [f"## {scenario}: {SCENARIOS[scenario].what}", scenario_table(results, scenario)]
    if "hello" in results.scenarios:
        blocks += ["## Memory after `hello`", memory_table(results)]
    if latency := [name for name in LATENCY if name in results.scenarios]:
        blocks += ["## Latency", LATENCY_NOTE, latency_table(results, latency)]
    return blocks


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
        "longest",
        f"{REFERENCE} / it",
        "CPU per request",
        "of it system",
        "core used",
        "notes",
    ]
    return table(head, [scenario_row(results, scenario, server) for server in results.servers])


def scenario_row(results: Results, scenario: str, server: str) -> list[str]:
    samples = results.of(scenario, server)
    why_missing = results.why_missing(scenario, server)
    if not samples:
        return [server, *["–"] * 9, why_missing]
    ratio = ratio_to(results, scenario, server)
    return [
        server,
        f"{median_of(samples, rate):,.0f}",
        f"{min(map(rate, samples)):,.0f}–{max(map(rate, samples)):,.0f}",
        f"{median_of(samples, lambda sample: sample.p50_us) / 1000:.2f} ms",
        f"{median_of(samples, lambda sample: sample.p99_us) / 1000:.2f} ms",
        f"{max(sample.max_us for sample in samples) / 1000:.2f} ms",
        f"{ratio:.2f}" if ratio else "–",
        f"{median_of(samples, lambda sample: sample.cpu_us_per_request):.1f} µs",
        f"{median_of(samples, lambda sample: sample.system_us_per_request):.1f} µs",
        f"{median_of(samples, lambda sample: sample.core_used):.0%}",
        "; ".join(filter(None, [*notes(samples), why_missing])),
    ]


def marks(samples: list[Sample]) -> str:
    errors = "!" if any(sample.error_count for sample in samples) else ""
    starved = "?" if any(map(starves, samples)) else ""
    noise = "~" if any(map(is_disturbed, samples)) else ""
    slack = "<" if median_of(samples, lambda sample: sample.core_used + sample.foreign_load) < SATURATED else ""
    return f" {errors}{starved}{noise}{slack}".rstrip()


def memory_table(results: Results) -> str:
    rows = []
    for server in results.servers:
        if samples := results.of("hello", server):
            memory = samples[-1].memory
            sizes = [memory.worker_rss, memory.worker_pss, memory.total_pss]
            counts = [str(memory.threads), str(memory.processes)]
            rows.append([server, *counts, *(f"{size / 1024:.1f} MiB" for size in sizes)])
    return table(["server", "threads of the worker", "processes", "worker RSS", "worker PSS", "PSS of all"], rows)


def latency_table(results: Results, scenarios: list[str]) -> str:
    rows = [[server, *(latency_cell(results, name, server) for name in scenarios)] for server in results.servers]
    return table(["", *scenarios], rows)


def latency_cell(results: Results, scenario: str, server: str) -> str:
    samples = results.of(scenario, server)
    if not samples:
        return results.why_missing(scenario, server).partition(":")[0] or "–"
    p50 = median_of(samples, lambda sample: sample.p50_us) / 1000
    p99 = median_of(samples, lambda sample: sample.p99_us) / 1000
    ratio = p99_ratio_to(results, scenario, server)
    return f"{p50:.2f} / {p99:.2f} ms" + (f" ({ratio:.2f}x)" if ratio and server != REFERENCE else "") + marks(samples)
