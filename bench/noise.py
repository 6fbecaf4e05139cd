"""What makes a figure doubtful: other programs on the machine, errors, connections that were left waiting."""

from collections.abc import Iterable

from bench.measure import Sample
from bench.scenarios import SCENARIOS

# The load average over a minute, with both cores free for the benchmark's two programs.
QUIET = 1.0
# Of a round: the share of a core. Of a run: the share of the rounds.
NOISY = 0.05
FEW = 0.1
# Of the connections, as a round cuts off the last answer of each.
SERVED = 0.7


def disturbances(average: str, samples: list[Sample]) -> Iterable[str]:
    """Sentences about what speaks against quoting a run."""
    if float(average.split()[0]) >= QUIET:
        yield f"The machine was not quiet at the start: load average {average}."
    disturbed = sum(map(is_disturbed, samples))
    if disturbed > FEW * len(samples):
        yield f"Other programs used the cores in {disturbed} of {len(samples)} measurements."


def is_disturbed(sample: Sample) -> bool:
    return max(sample.foreign_load, sample.client_foreign_load) > NOISY


def starves(sample: Sample) -> bool:
    if SCENARIOS[sample.scenario].protocol in ("handshake", "rsa"):
        # wrk's latency begins after the handshake, where most of the time is spent.
        return False
    return sample.served_connections < SERVED * sample.connections


def notes(samples: list[Sample]) -> Iterable[str]:
    for sample in samples:
        if sample.error_count:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sample.errors.items() if count)
            yield f"**errors** in round {sample.round}: {kinds}"
        if starves(sample):
            yield f"round {sample.round}: served {sample.served_connections:,.0f} of {sample.connections:,} connections"
        if sample.foreign_load > NOISY:
            yield f"round {sample.round}: others used {sample.foreign_load:.0%} of the core"
        if sample.client_foreign_load > NOISY:
            yield f"round {sample.round}: others used {sample.client_foreign_load:.0%} of wrk's core"
