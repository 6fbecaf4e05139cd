"""Compares event loops on this Python, in turn:  python -m bench.eventloop [--rounds N] [CASE...]

Needs an environment with uvloop and a release build of rgunicorn: `scripts/bench` makes bench/.venv.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median

LOOPS = ["asyncio", "uvloop", "rgunicorn"]
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
}
"""How many times as fast as uvloop it should be."""


def measure(kind, cases):
    """Nanoseconds per operation, by case."""
    command = [sys.executable, Path(__file__).parent / "cases.py", kind, *cases]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name: int(cost) for name, cost in map(str.split, lines)}


def main():
    parser = argparse.ArgumentParser(prog="python -m bench.eventloop")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    options = parser.parse_args()
    rounds = [{kind: measure(kind, options.cases) for kind in LOOPS} for _ in range(options.rounds)]
    print("| case | asyncio | uvloop | rgunicorn | rgunicorn / uvloop | goal |")
    print("|---|--:|--:|--:|--:|--:|")
    for case in rounds[0]["asyncio"]:
        costs = [median(one[kind][case] for one in rounds) for kind in LOOPS]
        ratio = median(one["uvloop"][case] / one["rgunicorn"][case] for one in rounds)
        cells = [case, *(f"{cost:.0f} ns" for cost in costs), f"{ratio:.2f}x", GOALS.get(case, "")]
        print("|", " | ".join(map(str, cells)), "|")


if __name__ == "__main__":
    main()
