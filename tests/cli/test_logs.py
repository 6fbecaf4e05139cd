"""The access log in gunicorn's format, and the error log with gunicorn's lines."""

import re
from pathlib import Path

import httpx
import pytest
from command import eventually, run, serving, text_of

APPS = Path(__file__).parent / "apps"
DEFAULT = re.compile(
    r"127\.0\.0\.1 - - "
    r"\[\d\d/(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
    r'"GET /a%20b\?q=1 HTTP/1\.1" 200 5 "http://from\.example/" "agent/1\.0 \(test\)"'
)
ERROR_LINE = re.compile(
    r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[(\d+)\] \[(TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL)\] \S.*"
)
HEADERS = {"referer": "http://from.example/", "user-agent": "agent/1.0 (test)"}


def asgi(*arguments, app="hello:app", **options):
    return serving("-k", "asgi", "-b", "127.0.0.1:0", *arguments, app, cwd=APPS, **options)


def logged(logformat, *requests, app="hello:app"):
    """The access lines of some requests, written to stdout."""
    with asgi("--access-logfile", "-", "--access-logformat", logformat, app=app) as s:
        with httpx.Client(base_url=s.url) as client:
            for request in requests:
                client.request(**request)
        return s.stop().stdout.splitlines()


# Access log


def test_there_is_no_access_log_unless_asked_for():
    with asgi() as s:
        httpx.get(s.url)
        ended = s.stop()
    assert ended.stdout == "" and "GET /" not in ended.stderr


def test_the_default_line_on_stdout_is_gunicorns():
    with asgi("--access-logfile", "-") as s:
        httpx.get(s.url + "/a%20b?q=1", headers=HEADERS)
        (line,) = s.stop().stdout.splitlines()
    assert DEFAULT.fullmatch(line)


def test_the_default_line_in_a_file_is_gunicorns(tmp_path):
    file = tmp_path / "access.log"
    file.write_text("kept\n")
    with asgi("--access-logfile", file, "-w", "2") as s:
        for _ in range(20):
            httpx.get(s.url + "/a%20b?q=1", headers=HEADERS)
        s.stop()
    kept, *lines = file.read_text().splitlines()
    assert kept == "kept" and len(lines) == 20
    assert all(DEFAULT.fullmatch(line) for line in lines)


def test_a_line_is_in_the_file_soon_without_any_further_request(tmp_path):
    file = tmp_path / "access.log"
    with asgi("--access-logfile", file, "--access-logformat", "%(U)s") as s:
        httpx.get(s.url + "/soon")
        assert eventually(lambda: text_of(file), "the access line") == "/soon\n"


def test_a_missing_referer_and_agent_are_dashes():
    request = {"method": "GET", "url": "/", "headers": {"user-agent": ""}}
    (line,) = logged('"%(f)s" "%({no-such}i)s" "%({no-such}o)s"', request)
    assert line == '"-" "-" "-"'


@pytest.mark.parametrize(
    "logformat, pattern",
    [
        ("%(h)s", r"127\.0\.0\.1"),
        ("%(l)s", "-"),
        ("%(u)s", "ann"),
        ("%(t)s", r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"),
        ("%(r)s", r"POST /a%20b\?q=1&r HTTP/1\.1"),
        ("%(m)s", "POST"),
        ("%(U)s", "/a b"),
        ("%(q)s", "q=1&r"),
        ("%(H)s", r"HTTP/1\.1"),
        ("%(s)s", "200"),
        ("%(b)s %(B)s", "5 5"),
        ("%(T)s", "0"),
        ("%(D)s", r"\d+"),
        ("%(M)s", r"\d+"),
        ("%(L)s", r"0\.\d{6}"),
        ("%(p)s", r"<\d+>"),
        ("%({X-In}i)s", "from the client"),
        ("%({x-out}o)s", "from the app"),
        ("%({request_method}e)s", "POST"),
        ("100%% %(s)s", "100% 200"),
    ],
)
def test_an_atom_means_what_it_means_in_gunicorn(logformat, pattern):
    request = {
        "method": "POST",
        "url": "/a%20b?q=1&r",
        "headers": {"x-in": "from the client", "authorization": "Basic YW5uOnNlY3JldA=="},
        "content": b"body",
    }
    (line,) = logged(logformat, request)
    assert re.fullmatch(pattern, line)


def test_quotes_and_line_breaks_cannot_forge_a_line():
    request = {"method": "GET", "url": "/%0aforged", "headers": {"user-agent": 'a"b'}}
    (line,) = logged('"%(a)s" %(r)s', request)
    assert line == r'"a\"b" GET /%0aforged HTTP/1.1'


def test_an_empty_answer_has_zero_bytes():
    (line,) = logged("%(s)s %(B)s", {"method": "GET", "url": "/"}, app="hello:empty")
    assert line == "204 0"


def test_there_is_one_line_per_response_in_the_order_of_one_connection():
    requests = [{"method": "GET", "url": f"/{number}"} for number in range(50)]
    assert logged("%(U)s", *requests) == [f"/{number}" for number in range(50)]


# Error log


def test_the_error_log_on_stderr_has_gunicorns_lines_in_gunicorns_order():
    with asgi("-w", "2") as s:
        httpx.get(s.url)
        s.wait_for_line("Booting worker", count=2)
        lines = s.stop().stderr.splitlines()
    assert all(ERROR_LINE.fullmatch(line) for line in lines)
    milestones = [
        rf"\[{s.pid}\] \[INFO\] Starting rgunicorn \d+\.\d+\.\d+",
        rf"\[{s.pid}\] \[INFO\] Listening at: http://127\.0\.0\.1:\d+ \({s.pid}\)$",
        rf"\[{s.pid}\] \[INFO\] Using worker: asgi$",
        r"\[(\d+)\] \[INFO\] Booting worker with pid: \1$",
        rf"\[{s.pid}\] \[INFO\] Handling signal: term$",
        r"\[(\d+)\] \[INFO\] Worker exiting \(pid: \1\)$",
        rf"\[{s.pid}\] \[INFO\] Shutting down: Master$",
    ]
    remaining = iter(lines)
    for milestone in milestones:
        assert any(re.search(milestone, line) for line in remaining), f"{milestone} is not, or not in order, in {lines}"


def test_an_error_that_keeps_the_server_from_starting_is_on_stderr_and_in_a_file_once_each(tmp_path):
    path = tmp_path / "error.log"
    ended = run("-k", "asgi", "--pid", "/nowhere/pid", "--error-logfile", path, "hello:app", cwd=APPS)
    assert ended.code == 1
    assert ended.stderr.count("/nowhere/pid") == text_of(path).count("/nowhere/pid") == 1
    assert "[ERROR]" in text_of(path)
    ended = run("-k", "asgi", "--pid", "/nowhere/pid", "hello:app", cwd=APPS)
    assert ended.stderr.count("/nowhere/pid") == 1


def test_the_error_log_may_be_a_file_and_stderr_is_silent(tmp_path):
    file = tmp_path / "error.log"
    with asgi("--error-logfile", file, await_line=None) as s:
        url = eventually(lambda: re.search(r"Listening at: (\S+)", text_of(file)), "the address in the log")[1]
        assert httpx.get(url).text == "hello"
        ended = s.stop()
    assert (ended.stdout, ended.stderr) == ("", "")
    lines = file.read_text().splitlines()
    assert all(ERROR_LINE.fullmatch(line) for line in lines)
    assert lines[-1].endswith("Shutting down: Master")


@pytest.mark.parametrize(
    "level, shown",
    [
        ("trace", {"TRACE", "DEBUG", "INFO"}),
        ("debug", {"DEBUG", "INFO"}),
        ("info", {"INFO"}),
        ("warning", set()),
        ("error", set()),
        ("critical", set()),
    ],
)
def test_the_log_level_is_the_least_that_is_shown(tmp_path, level, shown):
    path = tmp_path / "quiet.sock"
    with asgi("-b", f"unix:{path}", "--log-level", level, await_line=None) as s:
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path), retries=0), base_url="http://localhost"
        ) as client:
            eventually(path.exists, "the socket")
            assert eventually(lambda: answer(client), "an answer") == "hello"
        lines = s.stop().stderr.splitlines()
    assert {match[2] for match in map(ERROR_LINE.fullmatch, lines) if match} == shown


def answer(client):
    try:
        return client.get("/").text
    except httpx.ConnectError:
        return None  # The socket file exists a moment before somebody listens on it.
