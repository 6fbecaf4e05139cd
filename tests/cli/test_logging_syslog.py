"""syslog: gunicorn's lines at real sockets of each kind."""

import re
import socket
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from command import run, serving

APPS = Path(__file__).parent / "apps"
USER, LOCAL3 = 1, 19
ERROR, INFO = 3, 6


class Listener:
    """A syslog that remembers what it was sent: datagrams, or on a stream what stands between zero bytes."""

    def __init__(self, kind, path=None):
        family = socket.AF_UNIX if path else socket.AF_INET
        self.socket = socket.socket(family, kind)
        self.socket.bind(str(path) if path else ("127.0.0.1", 0))
        self.messages, self.changed = [], threading.Condition()
        self.clients = 0
        scheme = "unix" if path else "tcp" if kind == socket.SOCK_STREAM else "udp"
        self.address = f"{scheme}://{path}" if path else "{}://{}:{}".format(scheme, *self.socket.getsockname())
        if kind == socket.SOCK_STREAM:
            self.socket.listen()
            threading.Thread(target=self.accept, daemon=True).start()
        else:
            threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        while True:
            self.add(self.socket.recv(1 << 16))

    def accept(self):
        while True:
            client, _ = self.socket.accept()
            self.clients += 1
            threading.Thread(target=self.read, args=(client,), daemon=True).start()

    def read(self, client):
        rest = b""
        while data := client.recv(4096):
            *whole, rest = (rest + data).split(b"\0")
            for message in whole:
                self.add(message + b"\0")

    def add(self, message):
        with self.changed:
            self.messages.append(message.decode())
            self.changed.notify_all()

    def wait_for(self, pattern):
        find = lambda: next((m for m in self.messages if re.fullmatch(pattern, m, re.DOTALL)), None)  # noqa: E731
        with self.changed:
            assert self.changed.wait_for(find, timeout=20), f"{pattern} is not in {self.messages}"
            return find()


@contextmanager
def syslog(listener, *flags, address=None, worker_class="sync", app="logging_apps:wsgi"):
    address = address or listener.address
    flags = ("--log-syslog", "--log-syslog-to", address, *flags)
    with serving("-k", worker_class, "-b", "127.0.0.1:0", *flags, app, cwd=APPS) as s:
        yield s


@pytest.mark.parametrize("worker_class", ["asgi", "sync", "gthread"])
def test_both_logs_go_to_syslog_in_gunicorns_form(worker_class):
    app = "logging_apps:asgi" if worker_class == "asgi" else "logging_apps:wsgi"
    listener = Listener(socket.SOCK_DGRAM)
    with syslog(listener, worker_class=worker_class, app=app) as s:
        name = re.escape(app.replace(":", "."))
        httpx.get(s.url + "/x", headers={"user-agent": "me"})
        listener.wait_for(rf"<{USER * 8 + INFO}>gunicorn\.{name}\.error: \[{s.pid}\] Starting rgunicorn [\d.]+\0")
        listener.wait_for(
            rf"<{USER * 8 + INFO}>gunicorn\.{name}\.access: \[\d+\] "
            r'127\.0\.0\.1 - - \[.+\] "GET /x HTTP/1\.1" 200 5 "-" "me"\0'
        )
        assert s.stop().stdout == ""  # without --access-logfile, only syslog has the access log


def test_prefix_and_facility_are_taken():
    listener = Listener(socket.SOCK_DGRAM)
    with syslog(listener, "--log-syslog-prefix", "site", "--log-syslog-facility", "local3") as s:
        httpx.get(s.url + "/error")
        listener.wait_for(rf"<{LOCAL3 * 8 + ERROR}>gunicorn\.site\.error: \[\d+\] from the application\0")


def test_the_access_log_can_be_kept_out():
    listener = Listener(socket.SOCK_DGRAM)
    with syslog(listener, "--disable-redirect-access-to-syslog") as s:
        httpx.get(s.url + "/x")
        httpx.get(s.url + "/error")
        listener.wait_for(".*from the application\0")
    assert not [message for message in listener.messages if ".access:" in message]


@pytest.mark.parametrize("kind, suffix", [("dgram", ""), ("dgram", "#dgram"), ("stream", "#stream")])
def test_syslog_may_be_a_unix_socket(tmp_path, kind, suffix):
    kind = socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM
    listener = Listener(kind, tmp_path / "log")
    with syslog(listener, address=listener.address + suffix) as s:
        httpx.get(s.url + "/error")
        listener.wait_for(r"<\d+>gunicorn\..+\.error: \[\d+\] from the application\0")
        listener.wait_for(r"<\d+>gunicorn\..+\.access: .*GET /error.*\0")


def test_syslog_may_be_a_tcp_server():
    listener = Listener(socket.SOCK_STREAM)
    with syslog(listener) as s:
        httpx.get(s.url + "/error")
        listener.wait_for(r"<\d+>gunicorn\..+\.error: \[\d+\] from the application\0")


def test_a_traceback_is_one_message():
    listener = Listener(socket.SOCK_DGRAM)
    with syslog(listener) as s:
        httpx.get(s.url + "/raise")
        listener.wait_for(r"<11>gunicorn\..+\.error: \[\d+\] Error handling request GET /raise\n.*asked for\0")
        s.stop()
        s.ended.stderr = ""  # the traceback is what this is about


def test_a_syslog_that_is_not_there_does_not_matter(tmp_path):
    with syslog(None, address=f"unix://{tmp_path / 'nothing'}") as s:
        for _ in range(3):
            assert httpx.get(s.url).text == "hello"


@pytest.mark.parametrize(
    "flag, value, allowed",
    [("--log-syslog-to", "localhost:514", "udp://HOST:PORT"), ("--log-syslog-facility", "mine", "local7")],
)
def test_what_syslog_does_not_know_is_refused(flag, value, allowed):
    ended = run("--log-syslog", flag, value, "logging_apps:wsgi", cwd=APPS)
    assert ended.code == 1 and allowed in ended.line_with("syslog_", repr(value))


def test_python_logging_has_syslog_too(tmp_path):
    (tmp_path / "log.json").write_text('{"version": 1, "loggers": {}}')
    listener = Listener(socket.SOCK_DGRAM)
    with syslog(listener, "--log-config-json", tmp_path / "log.json", "--log-syslog-prefix", "site") as s:
        httpx.get(s.url + "/x")
        listener.wait_for(r"<14>gunicorn\.site\.access: \[\d+\] 127\.0\.0\.1 .*GET /x.*\0?")


def test_python_logging_calls_syslog_once_for_each_of_the_logs(tmp_path):
    """And not again after configuring `logging`, which closes the handlers that there are."""
    (tmp_path / "log.json").write_text('{"version": 1, "loggers": {}}')
    listener = Listener(socket.SOCK_STREAM)
    with syslog(listener, "--log-config-json", tmp_path / "log.json") as s:
        httpx.get(s.url + "/x")
        listener.wait_for(r"<14>gunicorn\..+\.access: .*GET /x.*\0")
    assert listener.clients == 2


def test_loggers_that_a_configuration_names_have_the_handlers_it_gives_them(tmp_path):
    config = '{"version": 1, "loggers": {"gunicorn.access": {"level": "INFO", "handlers": ["console"]}}}'
    (tmp_path / "log.json").write_text(config)
    listener = Listener(socket.SOCK_DGRAM)
    with syslog(listener, "--log-config-json", tmp_path / "log.json") as s:
        httpx.get(s.url + "/x")
        s.stop()
        listener.wait_for(r"<14>gunicorn\..+\.error: \[\d+\] Shutting down: Master\0?")
        assert not [message for message in listener.messages if ".access: " in message]
