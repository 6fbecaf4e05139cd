"""Counts the user-space instructions of one request, function by function, with valgrind's callgrind.

A worker is run twice, with few and with many requests, and the counts are subtracted: what start and end cost is in
both. Callgrind does not see the kernel. The format of its files is described in the manual's chapter
"Callgrind Format Specification".
"""

import http.client
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bench.measure import Load, busiest
from bench.scenarios import Scenario
from bench.servers import ANSWER_DEADLINE, VENV, Running, Server, ServerFailed, serving

# Each connection asks this often. The fewer, the more a garbage collection or a resized table in one run shows.
FEW, MANY = 20, 120
# Valgrind runs one instruction for about fifty.
SLOWNESS = 30


class Place(NamedTuple):
    """Where instructions were spent: a shared object, the source file of the line (inlined or not), a function."""

    object: str
    file: str
    function: str


def available() -> bool:
    return shutil.which("valgrind") is not None


def instructions_per_request(server: Server, scenario: Scenario, load: Load) -> dict[Place, float]:
    few = count(server, scenario, load, FEW)
    many = count(server, scenario, load, MANY)
    requests = (MANY - FEW) * load.connections
    return {place: (many[place] - few[place]) / requests for place in many | few}


def count(server: Server, scenario: Scenario, load: Load, laps: int) -> Counter[Place]:
    """The worker's instructions from its start to its end, with `laps` requests on each connection."""
    with tempfile.TemporaryDirectory(prefix="bench-callgrind-") as directory:
        with serving(under_callgrind(server, directory), scenario, load.server_core) as running:
            ask(running, scenario, load.connections, laps)
            worker = busiest(running)
        written = Path(directory) / str(worker)
        if not written.exists():
            raise ServerFailed("callgrind wrote nothing: the worker did not end in time")
        with written.open(errors="replace") as lines:
            return parse(lines)


def under_callgrind(server: Server, directory: str) -> Server:
    """The same command line inside valgrind, which follows forks, and with no limit on a worker's silence."""

    def command(app: str, port: int) -> list[str]:
        script, *options = server.command(app, port)
        # One hash seed for both runs, or their start costs differ.
        valgrind = ["env", "PYTHONHASHSEED=0", "valgrind", "--tool=callgrind"]
        valgrind += [f"--callgrind-out-file={directory}/%p", str(VENV / "bin/python"), script]
        return [*valgrind, "--timeout", "0", *options]

    return replace(server, command=command, patience=SLOWNESS)


def ask(running: Running, scenario: Scenario, connections: int, laps: int) -> None:
    """All connections ask, then all read, so that the server finds as many requests at once as under wrk."""
    address = ("127.0.0.1", running.port)
    clients = [http.client.HTTPConnection(*address, timeout=ANSWER_DEADLINE * SLOWNESS) for _ in range(connections)]
    try:
        for _ in range(laps):
            for client in clients:
                send(client, scenario)
            for client in clients:
                body = client.getresponse().read()
                if body != scenario.answer:
                    raise running.failure(f"answered with {len(body)} bytes: {body[:80]!r}")
    except (OSError, http.client.HTTPException) as error:
        raise running.failure(f"gave no answer: {error!r}") from error
    finally:
        for client in clients:
            client.close()


def send(client: http.client.HTTPConnection, scenario: Scenario) -> None:
    """Sends the fields that wrk sends, and no others."""
    client.putrequest(scenario.method, scenario.path, skip_accept_encoding=True)
    if scenario.body:
        client.putheader("Content-Length", str(len(scenario.body)))
    client.endheaders(scenario.body or None)


def parse(lines: Iterable[str]) -> Counter[Place]:
    """Self costs by place. Raises `ValueError` when they do not sum up to the file's own total."""
    costs: Counter[Place] = Counter()
    names: dict[tuple[str, str], str] = {}
    object_name = function_file = file = function = ""
    callee_follows = False
    total = -1
    for line in lines:
        if line[0].isdigit() or line[0] in "+-*":
            # The line after `calls=` is the inclusive cost of what was called.
            if not callee_follows:
                costs[Place(object_name, file, function)] += int(line.split()[1])
            callee_follows = False
            continue
        key, _, value = line.rstrip("\n").partition("=")
        match key:
            case "ob":
                object_name = named(names, "ob", value)
            case "fl":
                file = function_file = named(names, "fl", value)
            case "fi" | "fe":
                file = named(names, "fl", value)
            case "fn":
                function, file = named(names, "fn", value), function_file
            case "cob" | "cfn":
                named(names, key[1:], value)
            case "cfi" | "cfl":
                named(names, "fl", value)
            case "calls":
                callee_follows = True
            case _ if line.startswith("totals: "):
                total = int(line.split()[1])
    if sum(costs.values()) != total:
        raise ValueError(f"read {sum(costs.values())} instructions, the file says {total}")
    return costs


def named(names: dict[tuple[str, str], str], kind: str, value: str) -> str:
    """A name is written once as `(number) name`, and afterwards as `(number)`."""
    found = re.fullmatch(r"\((\d+)\)(?: (.*))?", value)
    if not found:
        return value
    number, name = found.groups()
    if name is not None:
        names[kind, number] = name
    return names.get((kind, number), "???")
