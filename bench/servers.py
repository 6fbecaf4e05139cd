"""The servers that are measured: their command lines, and their processes from start to end.

Every server gets one worker, no access log and otherwise its defaults, with
the faster event loop and parser where it offers them as an option.
"""

import contextlib
import functools
import http.client
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.backends import Backend, free_port
from bench.scenarios import DEFLATE_SCENARIOS, PROTOCOLS, SCENARIOS, WEBSOCKET_SCENARIOS, Scenario

REPOSITORY = Path(__file__).resolve().parent.parent
VENV = REPOSITORY / "bench/.venv"
CERTIFICATES = VENV / "certificates"
WS_LOAD = REPOSITORY / "bench/ws-load/target/release/ws-load"
RAW_HYPER = REPOSITORY / "bench/raw-hyper/target/release/raw-hyper"
REFERENCE = "rgunicorn"
WEBSOCKET_SERVERS = [REFERENCE, "granian", "uvicorn", "uvicorn-wsproto", "gunicorn", "hypercorn"]

START_DEADLINE = 30.0
ANSWER_DEADLINE = 10.0
STOP_DEADLINE = 5.0
HOME = tempfile.gettempdir()

PYTHON_ONLY = ["yield", "sleep10ms", "file50k", "fastapi_json", "fastapi_json1000", "fastapi_def", "flask", "django"]
PYTHON_ONLY += [name for name, scenario in SCENARIOS.items() if scenario.backend]
NO_PYTHON = {name: "no Python in it" for name in PYTHON_ONLY}
NO_DEFLATE = {name: "no permessage-deflate" for name in DEFLATE_SCENARIOS}
AS_UVICORN = {name: "the same as uvicorn" for name in SCENARIOS if name not in WEBSOCKET_SCENARIOS}


@dataclass(frozen=True)
class Server:
    """How to start one server on a port.

    `command` is for ASGI over HTTP, `others` for the other interfaces of scenarios. `cannot` maps scenarios it does not
    serve to the reason. `room` are options that let it hold 20,000 connections, and keep idle ones for as long as it can,
    up to two minutes. `over` are the options for TLS and HTTP/2, by protocol; one that is missing is not spoken.
    `beside_backend` are those for applications that wait for a database. `patience` multiplies how long it may take to answer.
    """

    name: str
    command: Callable[[str, int], list[str]]
    others: dict[str, Callable[[str, int], list[str]]] = field(default_factory=dict)
    cannot: dict[str, str] = field(default_factory=dict)
    room: dict[str, str] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    beside_backend: str = ""
    patience: int = 1

    def command_for(self, scenario: Scenario, port: int) -> list[str]:
        """The command line for a scenario that `why_not` has nothing against."""
        options = self.over.get(scenario.protocol, "").format(**files_of(scenario.protocol)).split()
        options += self.beside_backend.split() if scenario.backend else []
        return [*self.others.get(scenario.interface, self.command)(scenario.app, port), *options]

    def why_not(self, scenario: Scenario) -> str:
        """Why this server does not serve a scenario, or nothing."""
        if scenario.interface != "asgi" and scenario.interface not in self.others:
            return f"does not serve {scenario.interface}"
        if scenario.protocol != "h1" and scenario.protocol not in self.over:
            return f"does not speak {PROTOCOLS[scenario.protocol]}"
        return self.cannot.get(scenario.name, "")

    def with_room(self) -> "Server":
        known = help_text(self.command("", 0)[0]) if self.room else ""
        # A version that lacks an option has no such limit, or is found out when it closes connections.
        options = [word for flag, value in self.room.items() if flag in known for word in [flag, value]]
        roomy = {name: with_options(command, options) for name, command in self.others.items()}
        return replace(self, command=with_options(self.command, options), others=roomy)


def with_options(command: Callable[[str, int], list[str]], options: list[str]) -> Callable[[str, int], list[str]]:
    return lambda app, port: [*command(app, port), *options]


@functools.cache
def help_text(program: str) -> str:
    done = subprocess.run([program, "--help"], check=False, capture_output=True, text=True, env=environment(HOME))
    return done.stdout


def script(name: str, options: str) -> Callable[[str, int], list[str]]:
    """The command line of a console script of the benchmark's own environment."""

    def command(app: str, port: int) -> list[str]:
        return [str(VENV / "bin" / name), *options.format(app=app, port=port).split()]

    return command


GRANIAN_WSGI = (
    "--interface wsgi --http 1 --no-ws --workers 1 --blocking-threads %d --no-access-log --log-level warning"
    " --host 127.0.0.1 --port {port} {app}"
)
UVICORN_WEBSOCKET = (
    "--loop uvloop --http httptools --ws %s --no-access-log --log-level warning --host 127.0.0.1 --port {port} {app}"
)


def spoken(tls: str, http2: str | None = None, cleartext: str | None = None) -> dict[str, str]:
    """The options of a server for each protocol, from those for TLS and for HTTP/2 with it and without."""
    found = {protocol: tls for protocol in ("https", "handshake", "rsa", "resume")}
    if http2 is not None:
        found["h2"] = f"{tls} {http2}"
    if cleartext is not None:
        found["h2c"] = cleartext
    return found


def files_of(protocol: str) -> dict[str, str]:
    """The certificate and its key, as install.py has made them."""
    folder = CERTIFICATES / ("rsa" if protocol == "rsa" else "p256")
    return {"cert": str(folder / "server.pem"), "key": str(folder / "server.key")}


GUNICORN_TLS = spoken(
    "--certfile {cert} --keyfile {key}",
    "--http-protocols h2,h1",
    "--http-protocols h2,h1 --http2-cleartext prior-knowledge",
)
GUNICORN_ROOM = {"--keep-alive": "120", "--worker-connections": "20000"}

SERVERS = {
    server.name: server
    for server in [
        Server(
            "rgunicorn",
            script("rgunicorn", "-k asgi -w 1 -b 127.0.0.1:{port} --log-level warning {app}"),
            {
                "websocket": script("rgunicorn", "-k asgi -w 1 -b 127.0.0.1:{port} --log-level warning {app}"),
                "sync": script("rgunicorn", "-w 1 -b 127.0.0.1:{port} --log-level warning {app}"),
                "threads": script("rgunicorn", "--threads 4 -w 1 -b 127.0.0.1:{port} --log-level warning {app}"),
            },
            room=GUNICORN_ROOM,
            over=GUNICORN_TLS,
            beside_backend="--loop rgunicorn",
        ),
        Server(
            "rgunicorn-asyncio",
            script("rgunicorn", "-k asgi --loop asyncio -w 1 -b 127.0.0.1:{port} --log-level warning {app}"),
            room=GUNICORN_ROOM,
            over=GUNICORN_TLS,
        ),
        Server(
            "granian",
            script(
                "granian",
                "--interface asgi --http 1 --no-ws --workers 1 --no-access-log --log-level warning"
                " --host 127.0.0.1 --port {port} {app}",
            ),
            {
                "websocket": script(
                    "granian",
                    "--interface asgi --http 1 --workers 1 --no-access-log --log-level warning"
                    " --host 127.0.0.1 --port {port} {app}",
                ),
                "sync": script("granian", GRANIAN_WSGI % 1),
                "threads": script("granian", GRANIAN_WSGI % 4),
            },
            NO_DEFLATE,
            # It counts connections as requests, and waits for the next head at most a minute.
            room={"--backpressure": "20000", "--http1-header-read-timeout": "60000"},
            # Of two `--http` the last one counts.
            over=spoken("--ssl-certificate {cert} --ssl-keyfile {key}", "--http 2", "--http 2"),
        ),
        Server(
            "uvicorn",
            script(
                "uvicorn",
                "--loop uvloop --http httptools --no-access-log --log-level warning"
                " --host 127.0.0.1 --port {port} {app}",
            ),
            {"websocket": script("uvicorn", UVICORN_WEBSOCKET % "websockets-sansio")},
            room={"--timeout-keep-alive": "120"},
            over=spoken("--ssl-certfile {cert} --ssl-keyfile {key}"),
        ),
        Server(
            "uvicorn-wsproto",
            script("uvicorn", UVICORN_WEBSOCKET % "wsproto"),
            {"websocket": script("uvicorn", UVICORN_WEBSOCKET % "wsproto")},
            AS_UVICORN,
        ),
        Server(
            "gunicorn",
            script("gunicorn", "-k asgi -w 1 -b 127.0.0.1:{port} --log-level warning {app}"),
            {
                "websocket": script("gunicorn", "-k asgi -w 1 -b 127.0.0.1:{port} --log-level warning {app}"),
                "sync": script("gunicorn", "-k sync -w 1 -b 127.0.0.1:{port} --log-level warning {app}"),
                "threads": script(
                    "gunicorn", "-k gthread --threads 4 -w 1 -b 127.0.0.1:{port} --log-level warning {app}"
                ),
            },
            {**NO_DEFLATE, "h2_wsgi": "its sync worker speaks HTTP/1.1 only"},
            room=GUNICORN_ROOM,
            over=GUNICORN_TLS,
        ),
        Server(
            "hypercorn",
            script("hypercorn", "-k uvloop -w 1 -b 127.0.0.1:{port} --log-level warning {app}"),
            {"websocket": script("hypercorn", "-k uvloop -w 1 -b 127.0.0.1:{port} --log-level warning {app}")},
            room={"--keep-alive": "120"},
            over=spoken("--certfile {cert} --keyfile {key}", "", ""),
        ),
        Server(
            "fastpysgi",
            script("fastpysgi", "--host 127.0.0.1 --port {port} {app}"),
            {"sync": script("fastpysgi", "--host 127.0.0.1 --port {port} {app}")},
        ),
        Server(
            "raw-hyper",
            lambda _app, port: [str(RAW_HYPER), str(port)],
            {"sync": lambda _app, port: [str(RAW_HYPER), str(port)]},
            NO_PYTHON,
        ),
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
    patience: int = 1
    backend: Backend | None = None

    def pids(self) -> list[int]:
        """The processes of the server, found by the session that it leads."""
        return session_members(self.process.pid)

    def failure(self, reason: str) -> ServerFailed:
        tail = self.log.read_text(errors="replace").splitlines()[-40:]
        return ServerFailed("\n    | ".join([reason, *tail]))


@contextlib.contextmanager
def serving(server: Server, scenario: Scenario, core: int, backend: Backend | None = None) -> Iterator[Running]:
    """Starts a server on one core, waits for its first right answer, and ends it whatever happens."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{server.name}-") as directory:
        log = Path(directory) / "log"
        port = free_port()
        command = ["taskset", "-c", str(core), *server.command_for(scenario, port)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=environment(directory) | (backend.variables if backend else {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = Running(process, port, log, server.patience, backend)
        try:
            await_start(running)
            check_answer(running, scenario)
            yield running
        finally:
            stop(process, STOP_DEADLINE * server.patience)


def await_start(running: Running) -> None:
    patience = START_DEADLINE * running.patience
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            raise running.failure(f"ended with status {running.process.returncode} at the start")
        try:
            socket.create_connection(("127.0.0.1", running.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise running.failure(f"did not listen within {patience:.0f} s")


def check_answer(running: Running, scenario: Scenario) -> None:
    """Asks twice over one connection: a right answer that breaks keep-alive is a wrong one."""
    if scenario.interface == "websocket":
        return  # ws-load checks every answer
    if scenario.is_http2:
        return check_http2_answer(running, scenario)
    client = client_for(running, scenario)
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


def client_for(running: Running, scenario: Scenario) -> http.client.HTTPConnection:
    patience = ANSWER_DEADLINE * running.patience
    if scenario.scheme == "http":
        return http.client.HTTPConnection("127.0.0.1", running.port, timeout=patience)
    return http.client.HTTPSConnection("127.0.0.1", running.port, timeout=patience, context=trusting_context())


def trusting_context() -> ssl.SSLContext:
    """For a client that measures, and so believes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def check_http2_answer(running: Running, scenario: Scenario) -> None:
    """The same by nghttp, which prints the bodies one after the other."""
    with body_file(scenario) as body:
        command = ["nghttp", "--no-dep", "--multiply=2", f"--timeout={ANSWER_DEADLINE * running.patience:.0f}"]
        command += [f"--data={body}"] if body else []
        url = f"{scenario.scheme}://127.0.0.1:{running.port}{scenario.path}"
        done = subprocess.run([*command, url], check=False, capture_output=True)
    if done.stdout != scenario.answer * 2:
        found = f"{len(done.stdout)} bytes: {done.stdout[:80]!r} {done.stderr[:200]!r}"
        raise running.failure(f"answered over {PROTOCOLS[scenario.protocol]} with {found}")


@contextlib.contextmanager
def body_file(scenario: Scenario) -> Iterator[str]:
    """The name of a file with the body of the request, for programs that want one; empty where there is no body."""
    if not scenario.body:
        yield ""
        return
    with tempfile.NamedTemporaryFile(prefix="bench-body-") as file:
        file.write(scenario.body)
        file.flush()
        yield file.name


def stop(process: subprocess.Popen[bytes], patience: float) -> None:
    """Asks the leader to end, then kills what is left of its session, even when interrupted meanwhile."""
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
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
