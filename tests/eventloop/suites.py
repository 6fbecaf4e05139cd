"""Runs test suites of others in a process of their own, and compares what failed with what may fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def outcomes_of(modules, folder, *, paths=()):
    """What became of each test of `modules`, by its id: "ok", "skipped", or the text of its failure."""
    result = folder / "result.json"
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(map(str, paths)))
    command = [sys.executable, HERE / "run_unittest.py", result, *modules]
    with open(folder / "output", "w") as output:
        subprocess.run(command, env=environment, cwd=folder, stdout=output, stderr=output, timeout=550, check=True)
    return json.loads(result.read_text())


def unexpected(outcomes, expected):
    """Failures that are not in `expected`, and those in it that did not happen, by test."""
    surprises = {}
    for name, outcome in outcomes.items():
        failed = outcome not in ("ok", "skipped")
        if failed and name not in expected:
            surprises[name] = outcome
        if outcome == "ok" and name in expected:
            surprises[name] = f"passes, though it is listed as failing: {expected[name]}"
    return surprises
