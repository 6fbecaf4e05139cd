"""The servers that are measured: their command lines, and their processes from start to end.

Every server gets one worker, no access log and otherwise its defaults, with
the faster event loop and parser where it offers them as an option.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.scenarios import Scenario

REPOSITORY = Path(__file__).resolve().parent.parent
VENV = REPOSITORY / "bench/.venv"
RAW_HYPER = REPOSITORY / "bench/raw-hyper/target/release/raw-hyper"
REFERENCE = "rgunicorn"

START_DEADLINE = 30.0
ANSWER_DEADLINE = 10.0
STOP_DEADLINE = 5.0

NO_PYTHON = {name: "no Python in it" for name in ["yield", "sleep10ms", "fastapi_json", "fastapi_def"]}


@dataclass(frozen=True)
class Server:
    """How to start one server on a port. `cannot` maps scenarios it does not serve to the reason."""

    name: str
    command: Callable[[str, int], list[str]]
    cannot: dict[str, str] = field(default_factory=dict)


def script(name: str, options: str) -> Callable[[str, int], list[str]]:
    """The command line of a console script of the benchmark's own environment."""

    def command(app: str, port: int) -> list[str]:
        return [str(VENV / "bin" / name), *options.format(app=app, port=port).split()]

    return command


SERVERS = {
    server.name: server
    for server in [
        Server("rgunicorn", script("rgunicorn", "-k asgi -w 1 -b 127.0.0.1:{port} --log-level warning {app}")),
        Server(
            "granian",
            script(
                "granian",
                "--interface asgi --http 1 --no-ws --workers 1 --no-access-log --log-level warning"
                " --host 127.0.0.1 --port {port} {app}",
            ),
        ),
        Server(
            "uvicorn",
            script(
                "uvicorn",
                "--loop uvloop --http httptools --no-access-log --log-level warning"
                " --host 127.0.0.1 --port {port} {app}",
            ),
        ),
        Server("gunicorn", script("gunicorn", "-k asgi -w 1 -b 127.0.0.1:{port} --log-level warning {app}")),
        Server("hypercorn", script("hypercorn", "-k uvloop -w 1 -b 127.0.0.1:{port} --log-level warning {app}")),
        Server("fastpysgi", script("fastpysgi", "--host 127.0.0.1 --port {port} {app}")),
        Server("raw-hyper", lambda _app, port: [str(RAW_HYPER), str(port)], NO_PYTHON),
    ]
}


class ServerFailed(Exception):
    """A server did not start, or did not give the right answer. The text ends with its log."""


@dataclass(frozen=True)
class Running:
    """A server that has answered the scenario's request correctly."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def pids(self) -> list[int]:
        """The processes of the server, found by the session that it leads."""
        return session_members(self.process.pid)

    def failure(self, reason: str) -> ServerFailed:
        tail = self.log.read_text(errors="replace").splitlines()[-40:]
        return ServerFailed("\n    | ".join([reason, *tail]))


@contextlib.contextmanager
def serving(server: Server, scenario: Scenario, core: int) -> Iterator[Running]:
    """Starts a server on one core, waits for its first right answer, and ends it whatever happens."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{server.name}-") as directory:
        log = Path(directory) / "log"
        port = free_port()
        command = ["taskset", "-c", str(core), *server.command(scenario.app, port)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=environment(directory),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = Running(process, port, log)
        try:
            await_start(running)
            check_answer(running, scenario)
            yield running
        finally:
            stop(process)


def await_start(running: Running) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            raise running.failure(f"ended with status {running.process.returncode} at the start")
        try:
            socket.create_connection(("127.0.0.1", running.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise running.failure(f"did not listen within {START_DEADLINE:.0f} s")


def check_answer(running: Running, scenario: Scenario) -> None:
    """Asks twice over one connection: a right answer that breaks keep-alive is a wrong one."""
    client = http.client.HTTPConnection("127.0.0.1", running.port, timeout=ANSWER_DEADLINE)
    try:
        for _ in range(2):
            client.request(scenario.method, scenario.path, scenario.body or None)
            response = client.getresponse()
            body = response.read()
            if (response.status, body) != (200, scenario.answer):
                raise running.failure(f"answered {response.status} with {len(body)} bytes: {body[:80]!r}")
    except (OSError, http.client.HTTPException) as error:
        raise running.failure(f"gave no answer: {error!r}") from error
    finally:
        client.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Asks the leader to end, then kills what is left of its session, even when interrupted meanwhile."""
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_DEADLINE)
    finally:
        for pid in session_members(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def session_members(leader: int) -> list[int]:
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        # The command in parentheses may hold anything, so count from the last one.
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader and fields[0] != "Z":
                members.append(int(entry.name))
    return sorted(members)


def environment(home: str) -> dict[str, str]:
    """A fixed environment: no GRANIAN_*, UVICORN_* or WEB_CONCURRENCY of the caller takes part."""
    return {
        "HOME": home,
        "LANG": "C.UTF-8",
        "PATH": f"{VENV / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(REPOSITORY),
        "TMPDIR": home,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
