"""What a run has found, the ratios in it, and the files that it is saved as.

A ratio is taken within a round, between neighbours in time, and the median
over the rounds is shown: that survives a machine that slows down for a while.
"""

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from bench.idle_connections import IdleStep
from bench.idle_websockets import IdleSockets
from bench.measure import Idle, Load, Sample
from bench.profile import Profile
from bench.scenarios import SCENARIOS
from bench.servers import REFERENCE, REPOSITORY, SERVERS

Item = TypeVar("Item")
RESULTS = REPOSITORY / "bench/results"


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
    idle_steps: list[IdleStep] = field(default_factory=list)
    idle_sockets: list[IdleSockets] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)

    def of(self, scenario: str, server: str) -> list[Sample]:
        return [sample for sample in self.samples if (sample.scenario, sample.server) == (scenario, server)]

    def beside_reference(self, scenario: str, server: str) -> list[tuple[Sample, Sample]]:
        """The reference's sample and this server's, of each round that has both."""
        reference = {sample.round: sample for sample in self.of(scenario, REFERENCE)}
        return [(reference[it.round], it) for it in self.of(scenario, server) if it.round in reference]

    def idle_steps_of(self, server: str, count: int) -> list[IdleStep]:
        return [step for step in self.idle_steps if (step.server, step.count) == (server, count)]

    def idle_sockets_of(self, server: str, count: int) -> list[IdleSockets]:
        return [step for step in self.idle_sockets if (step.server, step.count) == (server, count)]

    def all_samples(self) -> list[Sample]:
        return [*self.samples, *(step.sample for step in self.idle_steps)]

    def fail(self, scenario: str, server: str, reason: str) -> None:
        self.failures[f"{server} {scenario}"] = reason

    def why_missing(self, scenario: str, server: str) -> str:
        """The first line of the reason, or nothing when the pair was measured."""
        if reason := SERVERS[server].why_not(SCENARIOS[scenario]):
            return f"n/a: {reason}"
        reason = self.failures.get(f"{server} {scenario}", "")
        return f"failed: {reason.splitlines()[0]}" if reason else ""


def save(results: Results, name: str, report: str) -> Path:
    """Writes the report and all numbers beside each other, never over an earlier run. Returns the report's path."""
    return save_beside(results.environment, name, report, dataclasses.asdict(results))


def save_beside(environment: dict[str, str], name: str, report: str, numbers: Any) -> Path:
    RESULTS.mkdir(exist_ok=True)
    parts = [environment["date"][:10], slug(environment["cpu"]), slug(name)]
    stem = "-".join(part for part in parts if part)
    taken = [path.name for path in RESULTS.iterdir()]
    number = next(n for n in range(1, 1000) if f"{numbered(stem, n)}.md" not in taken)
    path = RESULTS / f"{numbered(stem, number)}.md"
    path.write_text(report)
    path.with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")
    return path


def numbered(stem: str, number: int) -> str:
    return stem if number == 1 else f"{stem}-{number}"


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\(r\)|\(tm\)", "", text.lower())).strip("-")


def ratio_to(results: Results, scenario: str, server: str) -> float | None:
    """How many times the requests of `server` the reference did, in the median round that has both."""
    pairs = results.beside_reference(scenario, server)
    return median(rate(reference) / rate(it) for reference, it in pairs) if pairs else None


def p99_ratio_to(results: Results, scenario: str, server: str) -> float | None:
    """How many times as long as the reference `server` took for 99 of 100 requests, in the median round."""
    pairs = results.beside_reference(scenario, server)
    return median(it.p99_us / reference.p99_us for reference, it in pairs) if pairs else None


def rate(sample: Sample) -> float:
    return sample.requests_per_second


def median_of(samples: list[Item], value: Callable[[Item], float]) -> float:
    return median(map(value, samples))
