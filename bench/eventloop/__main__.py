"""Compares event loops on this Python, in turn:  python -m bench.eventloop [--rounds N] [--save NAME] [CASE...]

Needs an environment with uvloop and a release build of rgunicorn: `scripts/bench` makes bench/.venv.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median

from bench.environment import describe_environment, load_average
from bench.measure import Load
from bench.noise import disturbances
from bench.results import save_beside
from bench.table import table

Costs = dict[str, dict[str, int]]
"""Nanoseconds per operation, by loop and case."""

LOOPS = ["asyncio", "uvloop", "rgunicorn"]
CORE = 0
"""Of all threads of a case. On two, a case with a thread depends on where the system puts it, by half and more."""

GOALS = {
    "call_soon": 1.5,
    "call_soon_chain": 1.5,
    "call_later_cancel": 1.5,
    "create_task": 1.0,
    "call_soon_threadsafe": 2.0,
    "echo_1k": 1.0,
    "echo_100k": 1.0,
    "streams_1k": 1.0,
    "streams_100k": 1.0,
    "udp_1k": 1.0,
}
"""How many times as fast as uvloop it should be."""

NOTE = (
    f"Processor time of one process on core {CORE} per operation, the best of five runs; the median of the rounds. The ratio is taken within"
    " each round, between neighbours in time; its least and greatest are in the last column."
)


def main() -> None:
    average = load_average()
    parser = argparse.ArgumentParser(prog="python -m bench.eventloop")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", metavar="NAME", help="into bench/results, with this word in the names of the files")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    options = parser.parse_args()
    rounds = [{kind: measure(kind, options.cases) for kind in LOOPS} for _ in range(options.rounds)]
    compared = comparison(rounds)
    print(compared)
    if options.save is not None:
        print(f"saved {save(rounds, compared, average, options.save)}")


def measure(kind: str, cases: list[str]) -> dict[str, int]:
    """Nanoseconds per operation, by case."""
    command = ["taskset", "-c", str(CORE), sys.executable, str(Path(__file__).parent / "cases.py"), kind, *cases]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name: int(cost) for name, cost in (line.split() for line in lines)}


def comparison(rounds: list[Costs]) -> str:
    return table(
        ["case", *LOOPS, "times as fast as uvloop", "goal", "min–max"],
        [row(rounds, case) for case in rounds[0]["asyncio"]],
    )


def row(rounds: list[Costs], case: str) -> list[str]:
    costs = [median(one[kind][case] for one in rounds) for kind in LOOPS]
    ratios = [one["uvloop"][case] / one["rgunicorn"][case] for one in rounds]
    goal = f"{GOALS[case]:.1f}x" if case in GOALS else "–"
    spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
    return [case, *(f"{cost:,.0f} ns" for cost in costs), f"{median(ratios):.2f}x", goal, spread]


def save(rounds: list[Costs], compared: str, average: str, name: str) -> Path:
    environment = describe_environment(Load(0, 0, 0, 0), average)
    doubts = " ".join(disturbances(average, []))
    blocks = [
        f"# Event loops, {environment['date']}",
        table(["", ""], [["method", f"{len(rounds)} rounds"], *map(list, environment.items())]),
        *([f"**Do not quote these figures.** {doubts}"] if doubts else []),
        NOTE,
        compared,
    ]
    numbers = {"environment": environment, "nanoseconds": rounds}
    return save_beside(environment, f"eventloop {name}", "\n\n".join(blocks) + "\n", numbers)


if __name__ == "__main__":
    main()
