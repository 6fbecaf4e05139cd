"""Which part of the server spends a request's instructions.

Decided from where callgrind says that they were spent. Code that the compiler inlined counts where it was written,
code of Rust's library for whoever it was compiled for.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePath

from bench.callgrind import Place, instructions_per_request
from bench.measure import Load
from bench.scenarios import Scenario
from bench.servers import Server

CPYTHON = "CPython and the application"
NATIVE = "native modules of the application"
BRIDGE = "bridge: rgunicorn-asgi, rgunicorn-eventloop, pyo3"
HTTP = "HTTP: rgunicorn-core, tokio, mio"
C_LIBRARY = "C library and allocator"
REST = "rest: other Rust, jumps between objects"
PARTS = [CPYTHON, NATIVE, BRIDGE, HTTP, C_LIBRARY, REST]

CRATES = {
    **dict.fromkeys(["rgunicorn_asgi", "rgunicorn_eventloop", "pyo3", "pyo3_ffi"], BRIDGE),
    **dict.fromkeys(["rgunicorn_core", "tokio", "mio", "bytes", "httpdate", "itoa", "memchr", "slab", "socket2"], HTTP),
}
OWN_CRATE = re.compile(r"crates/(rgunicorn-[a-z]+)/")
PUBLISHED_CRATE = re.compile(r"/([A-Za-z0-9_-]+?)-\d+\.\d+\.\d+[^/]*/src/")
CRATE_IN_SYMBOL = re.compile(r"\b([a-z][a-z0-9_]*)::")
LARGEST = 25


@dataclass(frozen=True)
class FunctionCost:
    """Instructions per request that one function itself spends in one part."""

    part: str
    function: str
    instructions: float


@dataclass(frozen=True)
class Profile:
    """User-space instructions per request of one scenario."""

    scenario: str
    connections: int
    parts: dict[str, float]
    largest: list[FunctionCost]

    @property
    def total(self) -> float:
        return sum(self.parts.values())


def profile(server: Server, scenario: Scenario, load: Load) -> Profile:
    parts: defaultdict[str, float] = defaultdict(float)
    functions: defaultdict[tuple[str, str], float] = defaultdict(float)
    for place, instructions in instructions_per_request(server, scenario, load).items():
        part = part_of(place)
        parts[part] += instructions
        functions[part, short(place.function)] += instructions
    costs = [FunctionCost(*key, instructions) for key, instructions in functions.items()]
    largest = sorted(costs, key=lambda cost: -cost.instructions)[:LARGEST]
    return Profile(scenario.name, load.connections, {part: parts[part] for part in PARTS}, largest)


def part_of(place: Place) -> str:
    name = PurePath(place.object).name
    if name.startswith("_rgunicorn."):
        return part_of_rust(place)
    if re.match(r"(lib)?python\d", name) or "/lib-dynload/" in place.object:
        return CPYTHON
    if re.match(r"(libc|libm|libpthread|ld-linux.*)[.-]", name):
        return C_LIBRARY
    return NATIVE if "/site-packages/" in place.object else REST


def part_of_rust(place: Place) -> str:
    source = OWN_CRATE.search(place.file) or PUBLISHED_CRATE.search(place.file)
    written_in = [source[1].replace("-", "_")] if source else []
    for crate in [*written_in, *CRATE_IN_SYMBOL.findall(place.function)]:
        if part := CRATES.get(crate):
            return part
    return REST


def short(function: str) -> str:
    """Without the hash of a Rust symbol, and without callgrind's number of a recursion."""
    return re.sub(r"::h[0-9a-f]{16}$|'\d+$", "", function)
