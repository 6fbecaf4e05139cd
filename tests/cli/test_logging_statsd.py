"""statsd: gunicorn's metrics, to the letter, at a real receiver."""

import re
import signal
import socket
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from command import run, serving

APPS = Path(__file__).parent / "apps"


class Receiver:
    """Metrics as they come, one by one."""

    def __init__(self, family, address):
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(20)
        self.metrics = []

    @property
    def address(self):
        host, port = self.socket.getsockname()
        return f"{host}:{port}"

    def wait_for(self, pattern, count=1):
        """The `count`-th metric that matches; all before it are kept in `metrics`."""
        while True:
            matches = [metric for metric in self.metrics if re.fullmatch(pattern, metric)]
            if len(matches) >= count:
                return matches[count - 1]
            self.metrics += self.socket.recv(65536).decode().split("\n")


@contextmanager
def statsd(*flags, app="logging_apps:wsgi", worker_class="sync", receiver=None, **options):
    receiver = receiver or Receiver(socket.AF_INET, ("127.0.0.1", 0))
    flags = ("--statsd-host", receiver.address, *flags)
    with receiver.socket, serving("-k", worker_class, "-b", "127.0.0.1:0", *flags, app, cwd=APPS, **options) as s:
        yield s, receiver


@pytest.mark.parametrize("worker_class", ["asgi", "sync", "gthread"])
def test_a_request_is_three_metrics(worker_class):
    app = "logging_apps:asgi" if worker_class == "asgi" else "logging_apps:wsgi"
    with statsd(worker_class=worker_class, app=app) as (s, receiver):
        httpx.get(s.url)
        receiver.wait_for(r"gunicorn\.requests:1\|c\|@1\.0")
        receiver.wait_for(r"gunicorn\.request\.status\.200:1\|c\|@1\.0")
        duration = receiver.wait_for(r"gunicorn\.request\.duration:\d+\.\d+\|ms")
    assert 0 <= float(duration[len("gunicorn.request.duration:") : -len("|ms")]) < 10_000


def test_prefix_and_tags_are_put_around_each_metric():
    with statsd("--statsd-prefix", "site", "--dogstatsd-tags", "a:b,c:d") as (s, receiver):
        httpx.get(s.url)
        receiver.wait_for(r"site\.gunicorn\.requests:1\|c\|@1\.0\|#a:b,c:d")
        receiver.wait_for(r"site\.gunicorn\.workers:1\|g\|#a:b,c:d")


def test_excluded_requests_are_counted_though_not_logged():
    with statsd("--access-logfile", "-", "--access-log-exclude", "/healthz") as (s, receiver):
        httpx.get(s.url + "/healthz")
        receiver.wait_for(r"gunicorn\.requests:1\|c\|@1\.0")
        assert s.stop().stdout == ""


def test_the_number_of_workers_is_told_when_it_changes():
    with statsd("-w", "2") as (s, receiver):
        receiver.wait_for(r"gunicorn\.workers:2\|g")
        s.process.send_signal(signal.SIGTTIN)
        receiver.wait_for(r"gunicorn\.workers:3\|g")
        s.process.send_signal(signal.SIGTTOU)
        receiver.wait_for(r"gunicorn\.workers:2\|g", count=2)


def test_errors_and_warnings_are_counted_even_if_they_are_not_logged():
    with statsd() as (s, receiver):
        httpx.get(s.url + "/raise")
        receiver.wait_for(r"gunicorn\.log\.exception:1\|c\|@1\.0")
        receiver.wait_for(r"gunicorn\.request\.status\.500:1\|c\|@1\.0")
        assert "asked for" in s.stop().stderr
        s.ended.stderr = ""  # the traceback is what this is about
    with statsd("--log-level", "critical", "-b", "127.0.0.1:0", await_line=None) as (s, receiver):
        receiver.wait_for(r"gunicorn\.workers:1\|g")
        (worker,) = psutil.Process(s.pid).children()
        worker.kill()
        receiver.wait_for(r"gunicorn\.log\.error:1\|c\|@1\.0")
        assert s.stop().stderr == ""


def test_lines_that_go_through_python_are_counted_once(tmp_path):
    (tmp_path / "log.json").write_text('{"version": 1}')
    with statsd("--log-config-json", tmp_path / "log.json") as (s, receiver):
        httpx.get(s.url + "/raise")
        receiver.wait_for(r"gunicorn\.request\.status\.500:1\|c\|@1\.0")
        httpx.get(s.url)
        receiver.wait_for(r"gunicorn\.request\.status\.200:1\|c\|@1\.0")
        assert receiver.metrics.count("gunicorn.log.exception:1|c|@1.0") == 1
        assert not [metric for metric in receiver.metrics if "log.error" in metric]
        s.stop()
        s.ended.stderr = s.ended.stdout = ""  # the traceback is what this is about


def test_the_backlog_is_told_if_asked_for():
    with statsd("--enable-backlog-metric") as (s, receiver):
        receiver.wait_for(r"gunicorn\.backlog:\d+\|h", count=2)


def test_statsd_may_be_a_unix_socket(tmp_path):
    receiver = Receiver(socket.AF_UNIX, str(tmp_path / "statsd"))
    receiver.__class__ = type("UnixReceiver", (Receiver,), {"address": f"unix://{tmp_path / 'statsd'}"})
    with statsd(receiver=receiver) as (s, receiver):
        httpx.get(s.url)
        receiver.wait_for(r"gunicorn\.requests:1\|c\|@1\.0")


def test_python_code_may_send_numbers(tmp_path):
    (tmp_path / "numbers_app.py").write_text(
        "from rgunicorn import _logger\n"
        "def app(environ, start_response):\n"
        "    log = _logger.logger(None)\n"
        "    log.info('', extra={'metric': 'jobs', 'value': 0, 'mtype': 'gauge'})\n"
        "    log.info('seen', extra={'metric': 'took', 'value': 1.5, 'mtype': 'histogram'})\n"
        "    log.error('counted')\n"
        "    start_response('204 No Content', [])\n"
        "    return []\n"
    )
    with statsd("--chdir", tmp_path, app="numbers_app:app") as (s, receiver):
        httpx.get(s.url)
        receiver.wait_for(r"jobs:0\|g")
        receiver.wait_for(r"took:1\.5\|h")
        receiver.wait_for(r"gunicorn\.log\.error:1\|c\|@1\.0")
        s.wait_for_line(r"\[INFO\] seen$")
        s.wait_for_line(r"\[ERROR\] counted$")


def test_nobody_has_to_listen():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with serving("-b", "127.0.0.1:0", "--statsd-host", f"127.0.0.1:{port}", "logging_apps:wsgi", cwd=APPS) as s:
        for _ in range(5):
            assert httpx.get(s.url).text == "hello"


def test_a_name_that_is_unknown_is_mentioned_and_the_server_serves():
    with serving("-b", "127.0.0.1:0", "--statsd-host", "statsd.invalid", "logging_apps:wsgi", cwd=APPS) as s:
        s.wait_for_line("statsd_host cannot be used")
        assert httpx.get(s.url).text == "hello"


def test_an_address_that_is_none_is_refused():
    ended = run("--statsd-host", "host:port", "logging_apps:wsgi", cwd=APPS)
    assert ended.code == 1 and "HOST:PORT" in ended.line_with("statsd_host", "'host:port'")
