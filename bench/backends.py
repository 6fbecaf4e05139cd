"""Redis and PostgreSQL for those who ask them: servers of our own on the loopback address, in a temporary folder.

    with backend("postgres", core=1) as database:
        database.url

Uses nothing but the standard library, as the tests start them too.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

DEADLINE = 60.0
TICKS = os.sysconf("SC_CLK_TCK")

PROGRAMS = {"redis": ["redis-server"], "postgres": ["initdb", "postgres", "psql"]}
PACKAGES = {"redis": "redis-server", "postgres": "postgresql"}
"""What a backend needs, and the package of Debian that has it."""

VARIABLES = {"redis": "REDIS_URL", "postgres": "DATABASE_URL"}
"""How an application is told of it."""

REDIS_ITEMS = {f"item:{number}": f"value {number} " * 4 for number in range(10)}
POSTGRES_ITEMS = {number: f"item {number}" for number in range(100)}
"""What they hold."""


class BackendFailed(Exception):
    """It did not start. The text ends with its log."""


@dataclass(frozen=True)
class Backend:
    """A running database."""

    kind: str
    url: str
    pid: int

    @property
    def variables(self) -> dict[str, str]:
        return {VARIABLES[self.kind]: self.url}

    def cpu_seconds(self) -> float:
        """Of its processes, those that have ended included."""
        return sum(ticks_with_children_of(pid) for pid in [self.pid, *children(self.pid)]) / TICKS


def find_program(name: str) -> str:
    """Its path, or nothing. Debian keeps PostgreSQL's programs off PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(versions[-1]) if versions else shutil.which(name) or ""


def missing_programs(kind: str) -> list[str]:
    return [program for program in PROGRAMS[kind] if not find_program(program)]


@contextlib.contextmanager
def backend(kind: str, core: int | None = None) -> Iterator[Backend]:
    """Starts it, on one core if one is given, fills it, and ends it whatever happens."""
    with tempfile.TemporaryDirectory(prefix=f"{kind}-", ignore_cleanup_errors=True) as folder:
        starter = STARTERS[kind](Path(folder), free_port())
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        log = Path(folder) / "log"
        with log.open("wb") as output:
            starter.prepare(output)
            process = starter.start([*pinned, *starter.command], output)
        try:
            await_line(process, log, starter.ready)
            starter.fill()
            yield Backend(kind, starter.url, process.pid)
        finally:
            # PostgreSQL waits for its clients after SIGTERM; SIGINT sends them away.
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Redis:
    ready = "Ready to accept connections"

    def __init__(self, folder: Path, port: int) -> None:
        self.port, self.url = port, f"redis://127.0.0.1:{port}"
        options = {"--port": str(port), "--bind": "127.0.0.1", "--save": "", "--dir": str(folder)}
        self.command = [find_program("redis-server"), *(word for option in options.items() for word in option)]

    def prepare(self, _output: IO[bytes]) -> None:
        """It needs nothing."""

    def start(self, command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def fill(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as wire:
            for key, value in REDIS_ITEMS.items():
                wire.sendall(f'SET {key} "{value}"\r\n'.encode())
                if (answer := wire.recv(100)) != b"+OK\r\n":
                    raise BackendFailed(f"redis answered {answer!r} to SET")


class Postgres:
    """PostgreSQL refuses to be root, so root lends it the user that its package made."""

    ready = "database system is ready to accept connections"

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self.user = "postgres" if os.geteuid() == 0 else None
        settings = [
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={folder}",
            "fsync=off",
            "max_connections=200",
        ]
        self.command = [find_program("postgres"), "-D", str(folder / "data"), "-p", str(port)]
        self.command += [word for setting in settings for word in ["-c", setting]]

    def prepare(self, output: IO[bytes]) -> None:
        if self.user:
            try:
                owner = pwd.getpwnam(self.user)
            except KeyError:
                raise BackendFailed("there is no user postgres, and PostgreSQL does not run as root") from None
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = self.start([find_program("initdb"), *options, "-D", str(self.folder / "data")], output)
        if made.wait(DEADLINE) != 0:
            raise BackendFailed(f"initdb failed:\n{(self.folder / 'log').read_text()}")

    def start(self, command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        options: dict[str, Any] = {"cwd": self.folder, "stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        if self.user:
            options |= {"user": self.user, "group": self.user, "extra_groups": []}
        return subprocess.Popen(command, **options)

    def fill(self) -> None:
        rows = ", ".join(f"({number}, '{name}')" for number, name in POSTGRES_ITEMS.items())
        statement = f"CREATE TABLE items (id integer PRIMARY KEY, name text NOT NULL); INSERT INTO items VALUES {rows}"
        command = [find_program("psql"), "--no-psqlrc", "--quiet", "--command", statement, self.url]
        done = subprocess.run(command, cwd=self.folder, check=False, capture_output=True, text=True, timeout=DEADLINE)
        if done.returncode != 0:
            raise BackendFailed(f"psql failed: {done.stderr}")


STARTERS: dict[str, Callable[[Path, int], Redis | Postgres]] = {"redis": Redis, "postgres": Postgres}


def await_line(process: subprocess.Popen[bytes], log: Path, line: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while line not in (text := log.read_text(errors="replace")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise BackendFailed(f"no {line!r} in\n{text}")
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def ticks_with_children_of(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
