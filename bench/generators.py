"""The programs that ask: wrk for HTTP/1.1, h2load for HTTP/2, handshakes.py for resumed TLS, ws-load for
WebSocket. All report the same."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.scenarios import Scenario
from bench.servers import REPOSITORY, WS_LOAD, Running, body_file

# Of handshakes.py, which has a thread for each.
CLIENTS = 16
SCRIPT = Path(__file__).with_name("wrk.lua")
H2LOAD_COUNTS = re.compile(
    r"requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout"
)
H2LOAD_STATUS = re.compile(r"status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")
H2LOAD_BYTES = re.compile(r"traffic: .*? \((\d+)\) total, .*, \S+ \((\d+)\) data")


@dataclass(frozen=True)
class Outcome:
    """What a generator saw in `duration_us`; `bytes` are at least those of the bodies."""

    requests: int
    duration_us: int
    bytes: int
    mean_us: int
    p50_us: int
    p99_us: int
    max_us: int
    errors: dict[str, int]


def generate(running: Running, scenario: Scenario, connections: int, seconds: int, core: int) -> Outcome:
    """Asks for as long as a round lasts, on one core."""
    command = ["taskset", "-c", str(core)]
    return generator_for(scenario)(command, running, scenario, connections, seconds)


def generator_for(scenario: Scenario) -> Callable[..., Outcome]:
    if scenario.interface == "websocket":
        return ws_load
    if scenario.is_http2:
        return h2load
    return handshakes if scenario.protocol == "resume" else wrk


def wrk(pinned: list[str], running: Running, scenario: Scenario, connections: int, seconds: int) -> Outcome:
    command = [*pinned, "wrk", "-t1", f"-d{seconds}s", f"-c{connections}", "--latency", "-s", str(SCRIPT)]
    if scenario.protocol in ("handshake", "rsa"):
        # wrk never resumes a session, so each of its connections has a full handshake.
        command += ["-H", "connection: close"]
    command += [url(running, scenario), "--", scenario.method, *([str(len(scenario.body))] if scenario.body else [])]
    return outcome_in(run(command), running)


def handshakes(pinned: list[str], running: Running, scenario: Scenario, connections: int, seconds: int) -> Outcome:
    port, clients = str(running.port), str(min(connections, CLIENTS))
    command = [*pinned, sys.executable, "-m", "bench.handshakes", port, scenario.path, clients, str(seconds)]
    return outcome_in(run(command), running)


def ws_load(pinned: list[str], running: Running, scenario: Scenario, connections: int, seconds: int) -> Outcome:
    command = [*pinned, str(WS_LOAD), *scenario.load, "--port", str(running.port), "--path", scenario.path]
    return outcome_in(run([*command, "--connections", str(connections), "--seconds", str(seconds)]), running)


def outcome_in(output: str, running: Running) -> Outcome:
    """From the line of JSON that wrk.lua, handshakes.py and ws-load end with."""
    _text, found, outcome = output.partition("RESULT ")
    if not found:
        raise running.failure(f"the generator failed: {output}")
    known = json.loads(outcome)
    return Outcome(**{name: known[name] for name in Outcome.__dataclass_fields__})


def h2load(pinned: list[str], running: Running, scenario: Scenario, connections: int, seconds: int) -> Outcome:
    """Latencies come from its log, as its summary has no percentiles."""
    with tempfile.NamedTemporaryFile(prefix="bench-h2load-") as log, body_file(scenario) as body:
        command = [*pinned, "h2load", "-t1", f"-c{connections}", f"-m{scenario.streams}", f"-D{seconds}"]
        command += [f"--log-file={log.name}", *([f"--data={body}"] if body else []), url(running, scenario)]
        output = run(command)
        latencies = sorted(latencies_in(Path(log.name)))
    return h2load_outcome(output, latencies, seconds, running.failure)


def h2load_outcome(output: str, latencies: list[int], seconds: int, failure: Callable[[str], Exception]) -> Outcome:
    counts, status, traffic = (pattern.search(output) for pattern in (H2LOAD_COUNTS, H2LOAD_STATUS, H2LOAD_BYTES))
    if not (counts and status and traffic):
        raise failure(f"h2load failed: {output}")
    _done, succeeded, _failed, errored, timeout = map(int, counts.groups())
    bodies = int(traffic[2])
    return Outcome(
        requests=succeeded,
        duration_us=seconds * 1_000_000,
        bytes=bodies,
        mean_us=sum(latencies) // len(latencies) if latencies else 0,
        p50_us=percentile(latencies, 50),
        p99_us=percentile(latencies, 99),
        max_us=percentile(latencies, 100),
        # `failed` has those that were still in flight when the time was over, too.
        errors={"errored": errored, "timeout": timeout, "status": sum(map(int, status.groups()))},
    )


def latencies_in(log: Path) -> list[int]:
    """In microseconds. A line has the time of the request, its status and its latency."""
    return [int(line.split("\t")[2]) for line in log.read_text().splitlines()]


def percentile(ordered: list[int], percent: int) -> int:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0


def url(running: Running, scenario: Scenario) -> str:
    return f"{scenario.scheme}://127.0.0.1:{running.port}{scenario.path}"


def run(command: list[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=REPOSITORY)
    return done.stdout + done.stderr
