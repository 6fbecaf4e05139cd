"""One configuration file with hooks, under gunicorn and under rgunicorn: what can be observed is the same.

What is compared: the order of the hooks in each process and what they could see, the responses, the access log, the
lines of the error log that monitoring matches, and the exit code.
"""

import json
import re
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from client import Client
from command import eventually, serving, start

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "gunicorn"
TWINS = Path(__file__).parent / "apps" / "twins"
RECORDED = TWINS / "recorded.conf.py"
BIN = Path(sys.executable).parent

REQUESTS = [
    b"GET /price?currency=EUR HTTP/1.1\r\nHost: shop\r\nX-Request-Id: 1\r\nUser-Agent: test\r\n\r\n",
    b"POST /order HTTP/1.1\r\nHost: shop\r\nX-Request-Id: 2\r\nContent-Length: 4\r\n\r\nfour",
    b"GET /no%20such?a&b HTTP/1.1\r\nHost: shop\r\nReferer: http://elsewhere/\r\nX-Forwarded-Proto: https\r\n\r\n",
    b"GET /slow HTTP/1.0\r\nHost: shop\r\n\r\n",
    b"GET /broken HTTP/1.1\r\nHost: shop\r\nUser-Agent: test\r\n\r\n",
    b"HEAD /price HTTP/1.1\r\nHost: shop\r\n\r\n",
]

# Sent until every worker has had one, so that it is not known how many there are.
WARM_UP_PATH = "/warm-up"
WARM_UP = b"GET /warm-up HTTP/1.1\r\nHost: shop\r\n\r\n"


@dataclass
class Day:
    """What was seen of one server over a day of operations."""

    code: int = None
    responses: list = field(default_factory=list)
    record: list = field(default_factory=list)
    access: list = field(default_factory=list)
    log: list = field(default_factory=list)

    def process(self, pid):
        """`master`, or the number of the worker."""
        ages = {fact["pid"]: fact["worker"]["age"] for fact in self.record if fact["hook"] == "post_fork"}
        return ages.get(pid, "master")

    def hooks_by_process(self):
        found = {}
        for fact in self.record:
            what = {key: value for key, value in fact.items() if key != "pid"}
            found.setdefault(self.process(fact["pid"]), []).append(what)
        return found

    def log_by_process(self):
        found = {}
        for line in self.log:
            parts = re.fullmatch(r"\[.*?\] \[(\d+)\] \[(\w+)\] (.*)", line)
            if parts:
                pid, level, text = parts.groups()
                found.setdefault(self.process(int(pid)), []).append((level, anonymous(text)))
        return found


def anonymous(text):
    """A line without what differs from run to run."""
    text = re.sub(r"r?gunicorn \d[\w.]*", "SERVER VERSION", text)
    text = re.sub(r"served \d+ requests", "served so many requests", text)
    text = re.sub(r"(?<=127\.0\.0\.1:)\d+", "PORT", text)
    return re.sub(r"\b(?<=pid: )\d+|\(\d+\)|(?<=pid:)\d+|(?<=starting as )\d+", "PID", text)


def environment(folder, **more):
    return {
        "EXAMPLE": str(SHOP / "gunicorn.conf.py"),
        "RECORD": str(folder / "record"),
        "SHOP_BIND": "127.0.0.1:0",
        "KIND": "gthread",
        "THREADS": "4",
        "SHOP_WORKERS": "1",
        "SHOP_SLOW": "0.1",
        "SHOP_ACCESS_LOG": str(folder / "access.log"),
        "SHOP_COUNTERS": str(folder / "counters"),
        "PYTHONPATH": f"{SHOP}:{TWINS}",
        **more,
    }


def live(command, kind, folder):
    """A day of operations: requests, HUP, TTIN, TTOU, TERM."""
    folder.mkdir()
    flags = ["--no-control-socket"] if command == "gunicorn" else []
    day = Day()

    def record():
        path = folder / "record"
        day.record = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return day.record

    def await_hook(hook, age):
        eventually(
            lambda: [it for it in record() if it["hook"] == hook and it["worker"]["age"] == age],
            f"{hook} of worker {age}",
        )

    def serves(age):
        return any(it["hook"] == "pre_request" and it["worker"]["age"] == age for it in record())

    def ask(request):
        with Client(address) as client:
            client.send(request)
            answer = client.read_response(head=request.startswith(b"HEAD"))
        served = len([it for it in record() if it["hook"] == "pre_request"])
        eventually(lambda: len([it for it in record() if it["hook"] == "post_request"]) == served, "post_request")
        return answer

    app = "asgi_shop:application" if kind == "asgi" else "shop:application"
    env = environment(folder, KIND=kind, THREADS="4" if kind == "gthread" else "1")
    with serving("-c", RECORDED, *flags, app, cwd=SHOP, env=env, command=BIN / command) as s:
        address = ("127.0.0.1", int(s.wait_for_line(r"Listening at: http://127\.0\.0\.1:(\d+)")[1]))
        await_hook("post_worker_init", 1)
        day.responses = [ask(request) for request in REQUESTS]
        s.process.send_signal(signal.SIGHUP)
        await_hook("post_worker_init", 2)
        await_hook("child_exit", 1)
        day.responses.append(ask(REQUESTS[0]))
        s.process.send_signal(signal.SIGTTIN)
        await_hook("post_worker_init", 3)
        eventually(lambda: WARM_UP_PATH in ask(WARM_UP).body.decode() and serves(3), "worker 3 to serve")
        s.process.send_signal(signal.SIGTTOU)
        await_hook("child_exit", 2)
        s.expect_errors()
        ended = s.stop()
    day.record = [it for it in record() if it.get("req", {}).get("path") != WARM_UP_PATH]
    day.code = ended.code
    day.log = ended.stderr.splitlines()
    day.access = [it for it in (folder / "access.log").read_text().splitlines() if WARM_UP_PATH not in it]
    return day


@pytest.fixture(scope="module", params=["gthread", "sync", "asgi"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def days(tmp_path_factory, kind):
    """The same day under each, gunicorn first."""
    folder = tmp_path_factory.mktemp("twins")
    return [live(command, kind, folder / command) for command in ("gunicorn", "rgunicorn")]


def test_the_hooks_are_called_in_the_same_order_in_each_process(days):
    def names(day):
        return {process: [fact["hook"] for fact in facts] for process, facts in day.hooks_by_process().items()}

    theirs, ours = map(names, days)
    assert ours == theirs
    assert set(ours) == {"master", 1, 2, 3}


def test_hooks_see_the_same_of_server_worker_request_and_answer(days, kind):
    theirs, ours = (day.hooks_by_process() for day in days)
    for process, facts in theirs.items():
        for their, our in zip(facts, ours[process], strict=True):
            if their["hook"] == "post_request" and their["req"]["path"] == "/broken":
                statuses = (their.pop("resp")["status"], our.pop("resp")["status"])
                # For WSGI gunicorn calls the hook before it knows what to answer.
                assert statuses == ((500, 500) if kind == "asgi" else (None, "500 Internal Server Error"))
            if their["hook"] == "post_request" and kind == "asgi":
                # Here gunicorn counts the request only after the hook.
                assert our["worker"].pop("nr") == their["worker"].pop("nr") + 1
            assert our == their, (process, their["hook"])


def test_the_responses_are_the_same(days):
    def seen(answer):
        return answer.status, answer.reason, answer.get("content-type"), answer.get("x-served-by"), answer.body

    theirs, ours = ([seen(answer) for answer in day.responses] for day in days)
    broken = [request.startswith(b"GET /broken") for request in REQUESTS].index(True)
    assert (ours[broken][:2], theirs[broken][:2]) == ((500, "Internal Server Error"),) * 2
    del theirs[broken], ours[broken]  # gunicorn's own page is HTML, ours is text
    assert ours == theirs


def test_the_access_logs_are_the_same(days):
    theirs, ours = ([line for line in day.access if "/broken" not in line] for day in days)
    assert ours == theirs
    assert len(ours) == len(REQUESTS)
    # gunicorn leaves out what the client is, and counts no bytes.
    broken = [next(line for line in day.access if "/broken" in line) for day in days]
    assert [re.search('"GET /broken HTTP/1.1" 500', line) is not None for line in broken] == [True, True]


def test_the_lines_of_the_error_log_that_monitoring_matches_are_the_same(days):
    theirs, ours = (day.log_by_process() for day in days)
    for process, lines in theirs.items():
        assert matched(ours[process]) == matched(lines)


def matched(lines):
    """Without what each has to say about ASGI, and about workers that gunicorn told to end twice."""
    left_out = re.compile("ASGI|Worker shutting down|was sent SIGTERM")
    return [(level, text) for level, text in lines if not left_out.search(text)]


def test_both_end_with_code_0(days):
    assert [day.code for day in days] == [0, 0]


# What fails


FAILURES = {
    "a hook of the wrong arity": ("def pre_fork(server): pass", "shop:application"),
    "on_starting fails": ("def on_starting(server): raise ValueError('no')", "shop:application"),
    "on_starting exits": ("def on_starting(server): raise SystemExit(7)", "shop:application"),
    "when_ready fails": ("def when_ready(server): raise ValueError('no')", "shop:application"),
    "post_fork fails": ("def post_fork(server, worker): raise ValueError('no')", "shop:application"),
    "post_worker_init fails": ("def post_worker_init(worker): raise ValueError('no')", "shop:application"),
    "no such application": ("", "shop:nothing"),
    "no such module": ("", "no_such_module:application"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_start_that_fails_has_the_same_exit_code(name, tmp_path):
    instead, app = FAILURES[name]
    codes = {}
    for command in ("gunicorn", "rgunicorn"):
        folder = tmp_path / command
        folder.mkdir()
        conf = folder / "failing.conf.py"
        conf.write_text(f"exec(open({str(RECORDED)!r}).read())\n{instead}\n")
        flags = ["--no-control-socket"] if command == "gunicorn" else []
        process = start(["-c", conf, *flags, app], SHOP, environment(folder), command=BIN / command)
        process.communicate(timeout=30)
        codes[command] = process.returncode
    assert codes["rgunicorn"] == codes["gunicorn"]
