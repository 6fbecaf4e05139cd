"""The servers that the suite can be run against: rgunicorn, and others that show what the suite itself is worth.

    HTTP2_SERVER=nghttpd pytest tests/http2_rfc

nghttpd serves files and echoes what is posted, so tests of what an application sees are left out there. hypercorn and
granian are found on PATH, or in the folder that HTTP2_SERVER_BIN names.
"""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from conftest import APPS, Server
from http2_wire import connect

START = 20.0
# What / and /big answer, as in apps/http2.py.
HELLO = b"Hello, stream!"
BIG = b"".join(b"%07d\n" % number for number in range(131_072))
NAME = os.environ.get("HTTP2_SERVER", "rgunicorn")


@dataclass
class Certificate:
    authority: Path
    chain: Path
    key: Path


@dataclass
class Target:
    """A running server: what clients connect to, and what is known about it."""

    name: str
    address: tuple
    pid: int
    context: ssl.SSLContext | None = None
    has_application: bool = True
    server: object = None

    def connect(self):
        """A connection on which nothing was sent yet."""
        return connect(self.address, self.context)

    def start(self, *pairs):
        """A connection after the exchange of SETTINGS."""
        return self.connect().start(*pairs)

    @property
    def scheme(self):
        return "https" if self.context else "http"

    def memory(self):
        """Resident bytes of all processes of the server."""
        leader = psutil.Process(self.pid)
        return sum(process.memory_info().rss for process in [leader, *leader.children(recursive=True)])

    def needs_application(self):
        if not self.has_application:
            pytest.skip(f"{self.name} runs no application")

    def needs_tls(self):
        if not self.context:
            pytest.skip("about TLS")

    def needs_cleartext(self):
        if self.context:
            pytest.skip("about clear text")

    def is_alive(self):
        return psutil.pid_exists(self.pid) and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE


class Http2Server(Server):
    """rgunicorn, whose address may begin with https."""

    def await_listening(self):
        pattern = rf"Listening at: \S*https?://{re.escape(self.host)}:(\d+)"
        self.port = int(self.wait_for_line(pattern)[1])


@contextmanager
def rgunicorn(certificate, flags=(), workers=1, app="http2:app", worker_class="asgi"):
    """With `certificate` over TLS, without it in clear text."""
    protocols = ["--http-protocols", "h2,h1"]
    files = (
        ["--certfile", certificate.chain, "--keyfile", certificate.key]
        if certificate
        else ["--http2-cleartext", "prior-knowledge"]
    )
    server = Http2Server(app, ("-k", worker_class, *protocols, *files, *flags), workers, {}, APPS)
    try:
        server.await_listening()
        yield Target("rgunicorn", (server.host, server.port), server.pid, context_for(certificate), server=server)
        server.finish()
    finally:
        server.destroy()


@contextmanager
def nghttpd(certificate, folder):
    """Serves files with the names of the paths that need no application."""
    for name, content in {"index.html": HELLO, "big": BIG}.items():
        (folder / name).write_bytes(content)
    port = free_port()
    options = ["-a", "127.0.0.1", "-d", folder, "--echo-upload", *([] if certificate else ["--no-tls"]), port]
    files = [certificate.key, certificate.chain] if certificate else []
    with running(["nghttpd", *options, *files], folder, port) as pid:
        yield Target("nghttpd", ("127.0.0.1", port), pid, context_for(certificate), has_application=False)


@contextmanager
def hypercorn(certificate, folder):
    port = free_port()
    files = ["--certfile", certificate.chain, "--keyfile", certificate.key] if certificate else []
    with running(["hypercorn", "-b", f"127.0.0.1:{port}", *files, "http2:app"], APPS, port) as pid:
        yield Target("hypercorn", ("127.0.0.1", port), pid, context_for(certificate))


@contextmanager
def granian(certificate, folder):
    port = free_port()
    files = ["--ssl-certificate", certificate.chain, "--ssl-keyfile", certificate.key] if certificate else []
    files += ["--ssl-protocol-min", "tls1.2"] if certificate else []
    options = ["--interface", "asginl", "--http", "2", "--workers", "1", "--host", "127.0.0.1", "--port", port]
    with running(["granian", *options, *files, "http2:app"], APPS, port) as pid:
        yield Target("granian", ("127.0.0.1", port), pid, context_for(certificate))


REFERENCES = {"nghttpd": nghttpd, "hypercorn": hypercorn, "granian": granian}


@contextmanager
def serving(certificate, folder):
    """The chosen server."""
    if NAME == "rgunicorn":
        with rgunicorn(certificate) as target:
            yield target
    else:
        with REFERENCES[NAME](certificate, folder) as target:
            yield target


@contextmanager
def running(command, cwd, port):
    path = os.pathsep.join(filter(None, [os.environ.get("HTTP2_SERVER_BIN"), os.environ["PATH"], "/usr/sbin"]))
    program = shutil.which(command[0], path=path)
    if not program:
        pytest.skip(f"{command[0]} is not installed")
    process = subprocess.Popen(
        [program, *map(str, command[1:])],
        cwd=cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(cwd)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        await_port(process, port)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_port(process, port):
    end = time.monotonic() + START
    while time.monotonic() < end:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server does not listen")


def context_for(certificate, *protocols, maximum=None):
    """A client's context that offers HTTP/2, and trusts the certificate."""
    if not certificate:
        return None
    context = ssl.create_default_context(cafile=certificate.authority)
    context.set_alpn_protocols(list(protocols or ["h2"]))
    if maximum:
        context.maximum_version = maximum
    return context


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
