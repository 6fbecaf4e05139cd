"""The benchmark's loops, and what the command runs when.

Read next: options.py (the command line), servers.py (what is measured), measure.py (how), report.py (what is said
about it).
"""

import argparse
import fcntl
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from bench import callgrind
from bench.backends import Backend, BackendFailed, backend
from bench.environment import describe_environment, load_average
from bench.idle_connections import measure_idle_connections
from bench.idle_websockets import measure_idle_websockets
from bench.install import allow_descriptors, prepare, rgunicorn_can_be_built, say
from bench.measure import WARM_UP, Load, measure, measure_idle
from bench.noise import disturbances, notes
from bench.options import parse_arguments
from bench.profile import profile
from bench.report import markdown
from bench.report_idle import idle_blocks, idle_connections_blocks, idle_websockets_blocks
from bench.report_profile import profile_blocks
from bench.report_rounds import rounds_blocks
from bench.results import Results, save
from bench.scenarios import SCENARIOS, WEBSOCKET_SCENARIOS
from bench.servers import REFERENCE, SERVERS, WEBSOCKET_SERVERS, ServerFailed, serving

OVERHEAD = 1.5
# More of them, and a server gets the options that let it hold so many.
DEFAULT_CONNECTIONS = 100
# A program's own files, and connections that are being closed.
SPARE_DESCRIPTORS = 500


@dataclass(frozen=True)
class Mode:
    """One kind of run: it becomes one report, with `name` in the names of its files.

    `servers` and `scenarios` are the ones measured when the command line does not choose.
    """

    name: str
    run: Callable[[Results], None]
    blocks: Callable[[Results], list[str]]
    servers: list[str]
    scenarios: list[str]
    seconds: int = 4


def main() -> int:
    average = load_average()
    arguments = parse_arguments()
    modes = [mode for mode in MODES if arguments.all or mode.name == arguments.mode]
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    with only_one_benchmark():
        scenarios = {name for mode in modes for name in arguments.only or mode.scenarios}
        prepare(sorted({server for mode in modes for server in servers_of(mode, arguments)}), scenarios)
        allow_descriptors(max(most_connections(mode, arguments) for mode in modes) + SPARE_DESCRIPTORS)
        for sentence in disturbances(average, []):
            say(sentence)
        return max(run_mode(mode, arguments, average) for mode in modes)


def run_mode(mode: Mode, arguments: argparse.Namespace, average: str) -> int:
    cores = (arguments.server_core, arguments.client_core)
    load = Load(arguments.connections, arguments.seconds or mode.seconds, *cores, tuple(arguments.idle_counts))
    environment = describe_environment(load, average)
    servers, scenarios = servers_of(mode, arguments), arguments.only or mode.scenarios
    results = Results(environment, load, arguments.rounds, servers, scenarios)
    try:
        mode.run(results)
    except KeyboardInterrupt:
        print(markdown(results, mode.blocks(results)))
        say("interrupted; nothing of this saved")
        raise
    report = markdown(results, mode.blocks(results))
    print("\n" + report)
    if not arguments.no_save:
        say(f"saved {save(results, f'{arguments.save} {mode.name}', report)}")
    return 1 if any(pair.startswith(REFERENCE) for pair in results.failures) else 0


def servers_of(mode: Mode, arguments: argparse.Namespace) -> list[str]:
    if arguments.servers:
        return list(arguments.servers)
    if rgunicorn_can_be_built():
        return mode.servers
    say(f"no pyproject.toml, so {REFERENCE} cannot be built and is left out; the peers are measured without ratios")
    return [name for name in mode.servers if name != REFERENCE]


def run_rounds(results: Results) -> None:
    each = results.load.seconds + WARM_UP + OVERHEAD
    pairs = len(results.scenarios) * len(results.servers)
    say(f"about {pairs * results.rounds * each / 60:.0f} minutes at most")
    for scenario in results.scenarios:
        kind = SCENARIOS[scenario].backend
        try:
            with backend(kind, results.load.client_core) if kind else nullcontext() as database:
                run_scenario(results, scenario, database)
        except BackendFailed as failure:
            say(f"{scenario}: {failure}")
            for server in results.servers:
                results.fail(scenario, server, str(failure))


def run_scenario(results: Results, scenario: str, database: Backend | None) -> None:
    for round_number in range(1, results.rounds + 1):
        for server in results.servers:
            run_one(results, scenario, server, round_number, database)


def run_one(
    results: Results, scenario_name: str, server_name: str, round_number: int, database: Backend | None
) -> None:
    """Starts, measures and ends one server, unless the pair is known not to work."""
    if results.why_missing(scenario_name, server_name):
        return
    scenario, server, load = SCENARIOS[scenario_name], SERVERS[server_name], results.load
    if scenario.connections > DEFAULT_CONNECTIONS:
        server = server.with_room()
    label = f"{scenario_name:<16} {round_number}/{results.rounds}  {server_name:<15}"
    try:
        with serving(server, scenario, load.server_core, database) as running:
            sample = measure(running, server_name, scenario, round_number, load)
    except ServerFailed as failure:
        results.fail(scenario_name, server_name, str(failure))
        print(f"{label} FAILED: {failure}", flush=True)
        return
    results.samples.append(sample)
    trouble = "; ".join(notes([sample]))
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


def run_idle_connections(results: Results) -> None:
    """Each server in turn, in each round, as with scenarios; its steps are neighbours in time."""
    for round_number in range(1, results.rounds + 1):
        for name in results.servers:
            if f"{name} idle" not in results.failures:
                run_idle_steps(results, name, round_number)


def run_idle_steps(results: Results, name: str, round_number: int) -> None:
    scenario, load = SCENARIOS["hello"], results.load
    label = f"idle connections {round_number}/{results.rounds}  {name:<15}"
    try:
        with serving(SERVERS[name].with_room(), scenario, load.server_core) as running:
            for step in measure_idle_connections(running, name, scenario, round_number, load):
                results.idle_steps.append(step)
                print(
                    f"{label} {step.count:>6,} idle {step.sample.requests_per_second:>9,.0f}/s"
                    f"  {step.bytes_per_connection:>8,.0f} bytes each  {'; '.join(notes([step.sample]))}",
                    flush=True,
                )
    except ServerFailed as failure:
        results.fail("idle", name, str(failure))
        print(f"{label} FAILED: {failure}", flush=True)


def run_idle_websockets(results: Results) -> None:
    scenario, load = SCENARIOS["ws_text64"], results.load
    for round_number in range(1, results.rounds + 1):
        for name in results.servers:
            label = f"idle WebSockets {round_number}/{results.rounds}  {name:<15}"
            try:
                with serving(SERVERS[name].with_room(), scenario, load.server_core) as running:
                    for step in measure_idle_websockets(running, name, scenario, round_number, load):
                        results.idle_sockets.append(step)
                        each, cpu = step.bytes_per_connection, step.cpu_ms
                        print(f"{label} {step.count:>6,} {each:>8,.0f} bytes each  {cpu:.1f} ms/s", flush=True)
            except ServerFailed as failure:
                results.fail("idle", name, str(failure))
                print(f"{label} FAILED: {failure}", flush=True)


def run_profile(results: Results) -> None:
    """Processor time of the chosen servers, instructions of rgunicorn."""
    run_rounds(results)
    if REFERENCE not in results.servers:
        return
    if not callgrind.available():
        say("valgrind is missing, so no instructions are counted; install it (`sudo apt-get install valgrind`)")
        return
    for name in results.scenarios:
        if SCENARIOS[name].protocol != "h1" or SCENARIOS[name].backend:
            say(f"{name}: instructions are counted for HTTP/1.1 without a database only")
            continue
        say(f"counting the instructions of {name}")
        try:
            results.profiles.append(profile(SERVERS[REFERENCE], SCENARIOS[name], results.load))
        except ServerFailed as failure:
            results.fail(f"callgrind {name}", REFERENCE, str(failure))


HTTP_SCENARIOS = [name for name in SCENARIOS if name not in WEBSOCKET_SCENARIOS]
HTTP_SERVERS = [name for name in SERVERS if name not in ("rgunicorn-asyncio", "uvicorn-wsproto")]

MODES = [
    Mode("", run_rounds, rounds_blocks, HTTP_SERVERS, HTTP_SCENARIOS),
    Mode("idle", run_idle, idle_blocks, list(SERVERS), ["hello"], seconds=5),
    Mode(
        "idle-connections",
        run_idle_connections,
        idle_connections_blocks,
        [REFERENCE, "granian", "uvicorn"],
        ["hello"],
    ),
    Mode("websocket", run_rounds, rounds_blocks, WEBSOCKET_SERVERS, WEBSOCKET_SCENARIOS),
    Mode("idle-websockets", run_idle_websockets, idle_websockets_blocks, WEBSOCKET_SERVERS, ["ws_text64"], seconds=5),
    Mode("profile", run_profile, profile_blocks, [REFERENCE], ["hello", "fastapi_json"]),
]


def most_connections(mode: Mode, arguments: argparse.Namespace) -> int:
    idle = max(arguments.idle_counts) if mode.name in ("idle-connections", "idle-websockets") else 0
    scenarios = [SCENARIOS[name].connections for name in arguments.only or mode.scenarios]
    return int(idle + max(arguments.connections, *scenarios))


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
