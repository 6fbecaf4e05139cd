"""The access log as JSON, paths that are not logged, and what is known of a request's environ."""

import json
import re
import socket
from pathlib import Path

import httpx
import pytest
from command import run, serving

APPS = Path(__file__).parent / "apps"


def logged(*flags, requests, worker_class="sync", env=None):
    """The lines of the access log on stdout after some requests: raw bytes or paths."""
    app = "logging_apps:asgi" if worker_class == "asgi" else "logging_apps:wsgi"
    with serving(
        "-k", worker_class, "-b", "127.0.0.1:0", "--access-logfile", "-", *flags, app, cwd=APPS, env=env or {}
    ) as s:
        for request in requests:
            if isinstance(request, bytes):
                send(s.url, request)
            else:
                httpx.get(s.url + request)
        return s.stop().stdout.splitlines()


def send(url, request):
    host, port = re.search(r"//(.+):(\d+)", url).groups()
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(request)
        while client.recv(4096):
            pass


HOSTILE = (
    b'GET /a%22%5C%0A%C3%A4%FF?q=%22" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
    b'User-Agent: "\\\t\xc3\xa4\xff</script>\r\nReferer: {"a": 1}\r\nAuthorization: Basic YTpi\r\n\r\n'
)


@pytest.mark.parametrize("worker_class", ["asgi", "sync", "gthread"])
def test_a_json_line_is_valid_whatever_clients_send(worker_class):
    junk = b'\x16\x03\x01"\\\x00junk\r\n\r\n'
    requests = [HOSTILE, junk, "/plain"]
    hostile, refused, plain = map(json.loads, logged("--access-log-json", requests=requests, worker_class=worker_class))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", hostile.pop("time"))
    assert 0 <= hostile.pop("duration") < 10 and hostile.pop("pid") > 0
    assert hostile == {
        "client": "127.0.0.1",
        "user": "a",
        "method": "GET",
        "path": '/a"\\\nä\xff',
        "query": 'q=%22"',
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 5,
        "referer": '{"a": 1}',
        "user_agent": '"\\\tä\xff</script>',
        "host": "x",
    }
    assert refused["status"] == 400 and refused["request"].startswith('\x16\x03\x01"\\')
    assert (plain["path"], plain["referer"], plain["user"]) == ("/plain", None, None)


def test_a_format_is_mentioned_that_json_makes_useless():
    with serving(
        "-b", "127.0.0.1:0", "--access-log-json", "--access-logformat", "%(h)s", "logging_apps:wsgi", cwd=APPS
    ) as s:
        s.wait_for_line("access_log_format has no effect: access_log_json is on")


@pytest.mark.parametrize("worker_class", ["asgi", "sync"])
def test_excluded_paths_are_not_logged(worker_class):
    paths = ["/healthz", "/healthz?x=1", "/healthz/", "/static/a/b.css", "/favicon.ico", "/"]
    lines = logged(
        "--access-log-exclude",
        "/healthz, /static/*,*.ico",
        "--access-logformat",
        "%(U)s",
        requests=paths,
        worker_class=worker_class,
    )
    assert lines == ["/healthz/", "/"]


@pytest.mark.parametrize("pattern, problem", [("healthz", "starts neither"), ("/a?b", "only paths are compared")])
def test_a_pattern_that_fits_no_path_is_refused(pattern, problem):
    ended = run("--access-log-exclude", pattern, "logging_apps:wsgi", cwd=APPS)
    assert ended.code == 1 and problem in ended.line_with("access_log_exclude", repr(pattern))


def test_the_environ_of_wsgi_is_known():
    names = ["SCRIPT_NAME", "PATH_INFO", "SERVER_NAME", "wsgi.url_scheme", "HTTP_X_A", "HTTP_COOKIE", "HTTP_NONE"]
    logformat = "|".join(f"%({{{name}}}e)s" for name in names)
    request = (
        b"GET /site/a%20b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"X-A: 1\r\nX-A: 2\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n"
    )
    (line,) = logged("--access-logformat", f"{logformat}|%(U)s", requests=[request], env={"SCRIPT_NAME": "/site"})
    assert line == "/site|/a b|127.0.0.1|http|1,2|a=1; b=2|-|/a b"


def test_ports_are_those_of_the_two_ends():
    (line,) = logged("--access-logformat", "%({SERVER_PORT}e)s %({REMOTE_PORT}e)s", requests=["/"])
    server, client = map(int, line.split())
    assert server != client and min(server, client) > 0


@pytest.mark.parametrize(
    "worker_class, flags, client",
    [("sync", [], "127.0.0.1"), ("sync", ["--proxy-headers"], "192.0.2.7"), ("asgi", [], "192.0.2.7")],
)
def test_the_client_is_whom_the_application_takes_for_it(worker_class, flags, client):
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"
    flags = [*flags, "--access-logformat", "%(h)s %({REMOTE_ADDR}e)s"]
    assert logged(*flags, requests=[request], worker_class=worker_class) == [f"{client} {client}"]
