"""The benchmark's command line and its loop: for each scenario, each round, each server in turn.

Read next: servers.py (what is measured), measure.py (how), report.py (what
is said about it).
"""

import argparse
import fcntl
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench import report
from bench.install import prepare, rgunicorn_can_be_built, say
from bench.measure import WARM_UP, Load, measure, measure_idle
from bench.report import Results
from bench.scenarios import SCENARIOS
from bench.servers import REFERENCE, SERVERS, ServerFailed, serving

OVERHEAD = 1.5


def main() -> int:
    arguments = parse_arguments()
    servers = arguments.servers or default_servers()
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    with only_one_benchmark():
        prepare(servers)
        load = Load(arguments.connections, arguments.seconds, arguments.server_core, arguments.client_core)
        results = Results(report.describe_environment(load), load, arguments.rounds, servers, arguments.only)
        try:
            run_idle(results) if arguments.idle else run_rounds(results)
        except KeyboardInterrupt:
            print(report.markdown(results))
            say("interrupted; nothing saved")
            return 130
    print("\n" + report.markdown(results))
    if not arguments.no_save:
        say(f"saved {report.save(results, save_name(arguments))}")
    return 1 if any(pair.startswith(REFERENCE) for pair in results.failures) else 0


def run_rounds(results: Results) -> None:
    each = results.load.seconds + WARM_UP + OVERHEAD
    pairs = len(results.scenarios) * len(results.servers)
    say(f"about {pairs * results.rounds * each / 60:.0f} minutes at most")
    for scenario in results.scenarios:
        for round_number in range(1, results.rounds + 1):
            for server in results.servers:
                run_one(results, scenario, server, round_number)


def run_one(results: Results, scenario_name: str, server_name: str, round_number: int) -> None:
    """Starts, measures and ends one server, unless the pair is known not to work."""
    if results.why_missing(scenario_name, server_name):
        return
    scenario, server, load = SCENARIOS[scenario_name], SERVERS[server_name], results.load
    label = f"{scenario_name:<13} {round_number}/{results.rounds}  {server_name:<10}"
    try:
        with serving(server, scenario, load.server_core) as running:
            sample = measure(running, server_name, scenario, round_number, load)
    except ServerFailed as failure:
        results.fail(scenario_name, server_name, str(failure))
        print(f"{label} FAILED: {failure}", flush=True)
        return
    results.samples.append(sample)
    trouble = "; ".join(report.notes([sample]))
    print(
        f"{label} {sample.requests_per_second:>9,.0f}/s  p50 {sample.p50_us / 1000:7.2f} ms"
        f"  p99 {sample.p99_us / 1000:7.2f} ms  {trouble}",
        flush=True,
    )


def run_idle(results: Results) -> None:
    scenario = SCENARIOS["hello"]
    for name in results.servers:
        say(f"watching {name}")
        try:
            with serving(SERVERS[name], scenario, results.load.server_core) as running:
                results.idle.append(measure_idle(running, name, scenario, results.load))
        except ServerFailed as failure:
            results.fail("idle", name, str(failure))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures rgunicorn and its peers, one core each, in turn. See bench/README.md.",
    )
    option = parser.add_argument
    option("--rounds", type=positive, default=5, help="how often each server is measured (5)")
    option("--seconds", type=positive, default=None, help="length of a round (4), or of the watch with --idle (5)")
    option("--connections", type=positive, default=64, help="kept open by wrk (64)")
    scenarios, servers = ", ".join(SCENARIOS), ", ".join(SERVERS)
    option("--only", type=names_in(SCENARIOS), default=list(SCENARIOS), metavar="SCENARIO,...", help=scenarios)
    option("--servers", type=names_in(SERVERS), metavar="NAME,...", help=servers)
    option("--idle", action="store_true", help="count wake-ups of idle servers instead")
    option("--server-core", type=int, default=0, help="core of the server (0)")
    option("--client-core", type=int, default=1, help="core of wrk (1)")
    saving = parser.add_mutually_exclusive_group()
    saving.add_argument("--save", default="", metavar="NAME", help="a word for the name of the files of the result")
    saving.add_argument("--no-save", action="store_true", help="print only")
    arguments = parser.parse_args()
    arguments.seconds = arguments.seconds or (5 if arguments.idle else 4)
    return arguments


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def names_in(known: Mapping[str, object]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        wanted = text.split(",")
        if unknown := [name for name in wanted if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
        return wanted

    return names


def default_servers() -> list[str]:
    if rgunicorn_can_be_built():
        return list(SERVERS)
    say(f"no pyproject.toml, so {REFERENCE} cannot be built and is left out; the peers are measured without ratios")
    return [name for name in SERVERS if name != REFERENCE]


def save_name(arguments: argparse.Namespace) -> str:
    return f"{arguments.save} idle" if arguments.idle else arguments.save


@contextmanager
def only_one_benchmark() -> Iterator[None]:
    """Two benchmarks at once would measure each other."""
    with (Path(tempfile.gettempdir()) / "rgunicorn-bench.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("bench: another benchmark is running on this machine")
        yield


def interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
