"""Autobahn's test suite (`wstest -m fuzzingclient`) against an echo application; called by scripts/conformance.

Strict: each case must end OK, NON-STRICT or INFORMATIONAL, in what was heard and in how it was closed, and each case that
was asked for must have been run. The suite needs a Python 2.7. Where there is none, this says so and is no failure.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/CONFORMANCE.md"
FOLDER = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "autobahn"
SUITE = "autobahntestsuite==25.10.1"
SERVER = "{python} -m rgunicorn -k asgi -w 1 -b 127.0.0.1:{port} --log-level warning conformance.echo:app"

SECTIONS = {
    1: "frames",
    2: "pings and pongs",
    3: "reserved bits",
    4: "opcodes",
    5: "fragments",
    6: "UTF-8",
    7: "closing",
    9: "limits and speed",
    10: "frames cut on their way",
    12: "compression, by payload",
    13: "compression, by parameter",
}
# The large messages of 9, and of 12 and 13 those whose messages are longer than 1 KiB or cut.
PARTS = [*(f"12.{part}" for part in range(1, 6)), *(f"13.{part}" for part in range(1, 8))]
SLOW = ["9.*", *(f"{part}.{case}" for part in PARTS for case in range(5, 19))]
PERMITTED = {"OK", "NON-STRICT", "INFORMATIONAL"}

# The echo application is found beside this file.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}

# As `python2.7 -c`: site packages in a folder are found with their .pth files, which zope needs.
RUN = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"
START_DEADLINE = 30.0
BEGIN, END = "<!-- autobahn: written by scripts/conformance websocket --write -->", "<!-- autobahn ends -->"


@dataclass(frozen=True)
class Case:
    """One case: what the server did, and how it closed."""

    name: str
    behavior: str
    close: str

    @property
    def section(self) -> int:
        return int(self.name.partition(".")[0])

    @property
    def verdict(self) -> str:
        """The worse of the two."""
        refused = {self.behavior, self.close} - PERMITTED
        return ", ".join(sorted(refused)) or ("OK" if self.behavior == "OK" else self.behavior)


class NotInstalled(Exception):
    """The suite is not to be had."""


def main() -> int:
    arguments = parse_arguments(sys.argv[1:])
    python = find_python()
    if not python:
        say("skipped: Autobahn's suite needs a Python 2.7, and there is none (python2.7 on PATH, or in pyenv)")
        return 0
    try:
        install(python)
    except NotInstalled as reason:
        sys.exit(f"conformance: {reason}")
    with served(arguments) as url:
        cases = run_suite(python, url, arguments)
    return report(cases, arguments)


def parse_arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/conformance websocket", description=__doc__)
    option = parser.add_argument
    option("--cases", default="*", metavar="CASE,...", help="only these: 1.*,6.4.*")
    option("--quick", action="store_true", help="leave out the slow ones")
    option("--server", default=SERVER, metavar="COMMAND", help="another server; {port} and {python} are filled in")
    option("--url", default="", help="a server that is running, ws://HOST:PORT")
    option("--write", action="store_true", help=f"write the result into {PAGE.relative_to(ROOT)}")
    return parser.parse_args(words)


def find_python() -> str:
    """A Python 2.7, or nothing."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which("python2.7"), *map(str, sorted(pyenv.glob("versions/2.7.*/bin/python2.7")))]
    question = ["-c", "import pip, sys; print(sys.version_info[:2] == (2, 7))"]
    for candidate in filter(None, candidates):
        answer = subprocess.run([candidate, *question], check=False, capture_output=True, text=True)
        if answer.stdout.strip() == "True":
            return candidate
    return ""


def install(python: str) -> None:
    stamp = FOLDER / "stamp"
    wanted = f"{python} {SUITE}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"installing {SUITE} for {python}")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--target", str(FOLDER / "lib"), SUITE]
    # It warns of its own age, at length.
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise NotInstalled(f"{SUITE} cannot be installed:\n{done.stdout}{done.stderr}")
    stamp.write_text(wanted)


@contextlib.contextmanager
def served(arguments: argparse.Namespace) -> Iterator[str]:
    """The URL of the server, which runs meanwhile, and must end in peace."""
    if arguments.url:
        yield arguments.url
        return
    port = free_port()
    command = arguments.server.format(python=sys.executable, port=port).split()
    log = FOLDER / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, env=ENVIRONMENT)
    try:
        await_start(server, port, log)
        yield f"ws://127.0.0.1:{port}"
        if server.poll() is not None:
            sys.exit(f"conformance: the server ended meanwhile, see {log}")
    finally:
        server.terminate()
        try:
            server.wait(START_DEADLINE)
        except subprocess.TimeoutExpired:
            server.kill()
    said = log.read_text()
    if "Traceback" in said or "panicked" in said:
        say(f"the server complained, see {log}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_start(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"conformance: the server does not listen:\n{log.read_text()}")


def run_suite(python: str, url: str, arguments: argparse.Namespace) -> list[Case]:
    reports = FOLDER / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    specification = {
        "outdir": str(reports),
        "servers": [{"agent": "server", "url": url}],
        "cases": arguments.cases.split(","),
        "exclude-cases": SLOW if arguments.quick else [],
        "exclude-agent-cases": {},
    }
    (FOLDER / "specification.json").write_text(json.dumps(specification))
    command = [python, "-c", RUN, str(FOLDER / "lib"), "-m", "fuzzingclient", "-s", "specification.json"]
    log = FOLDER / "suite.log"
    say(f"running, see {log}")
    with log.open("w") as output:
        subprocess.run(command, check=False, cwd=FOLDER, stdout=output, stderr=subprocess.STDOUT)
    index = reports / "index.json"
    if not index.exists():
        sys.exit(f"conformance: the suite broke off, see {log}")
    found = json.loads(index.read_text())["server"]
    begun = sum(line.startswith("Running test case ID") for line in log.read_text().splitlines())
    if not found or begun != len(found):
        sys.exit(f"conformance: {begun} cases were begun, and {len(found)} ended, see {log}")
    cases = [Case(name, result["behavior"], result["behaviorClose"]) for name, result in found.items()]
    return sorted(cases, key=lambda case: [int(part) for part in case.name.split(".")])


def report(cases: list[Case], arguments: argparse.Namespace) -> int:
    for case in cases:
        if case.verdict != "OK":
            say(f"{case.name}: {case.verdict}")
    failed = [case.name for case in cases if case.verdict not in PERMITTED]
    say(f"{len(cases)} cases: {', '.join(f'{count} {verdict}' for verdict, count in counts(cases))}")
    say(f"FAILED: {', '.join(failed)}" if failed else "passed")
    if arguments.write:
        write(cases)
    return 1 if failed else 0


def counts(cases: list[Case]) -> list[tuple[str, int]]:
    return Counter(case.verdict for case in cases).most_common()


def write(cases: list[Case]) -> None:
    """Puts the result between its two marks."""
    page = PAGE.read_text()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"conformance: {PAGE} has no place for the result")
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(cases)}\n\n{END}{after}")


def table(cases: list[Case]) -> str:
    lines = ["| section | cases | OK | non-strict | informational | failed |", "|---|---:|---:|---:|---:|---:|"]
    for section in sorted({case.section for case in cases}):
        verdicts = Counter(case.verdict for case in cases if case.section == section)
        known = [verdicts.pop(verdict, 0) for verdict in ("OK", "NON-STRICT", "INFORMATIONAL")]
        numbers = [sum(known) + verdicts.total(), *known, verdicts.total()]
        lines.append(f"| {section}: {SECTIONS.get(section, '')} | {' | '.join(map(str, numbers))} |")
    others = [f"{case.name} ({case.verdict.lower()})" for case in cases if case.verdict != "OK"]
    return "\n".join(lines) + (f"\n\nNot simply OK: {', '.join(others)}." if others else "")


def say(text: str) -> None:
    print(f"conformance: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
