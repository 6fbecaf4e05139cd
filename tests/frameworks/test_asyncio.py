"""Handlers use the event loop as under any other server: tasks, threads, processes, timers, sockets."""

import socketserver
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

APPS = Path(__file__).parent / "apps"
SINCE_3_11 = pytest.mark.skipif(sys.version_info < (3, 11), reason="new in Python 3.11")


@pytest.fixture(scope="module", params=["asyncio", "rgunicorn", "uvloop"])
def site(server, request):
    """One server for the whole file and each loop, with two workers: no test here may spoil it for the next."""
    with server("asyncio_site:app", "--loop", request.param, workers=2, cwd=APPS) as s:
        yield s


@pytest.fixture
def client(site):
    with httpx.Client(base_url=site.url, timeout=60) as client:
        yield client


@pytest.mark.parametrize(
    "name, expected",
    [
        ("current-task", {"is_task": True, "loop": True}),
        pytest.param("timeout", {"timed_out": True, "cancelling": 0}, marks=SINCE_3_11),
        pytest.param("timeout-not-reached", {"value": "done"}, marks=SINCE_3_11),
        ("wait-for", "timed out"),
        pytest.param("task-group", [3, 1, 2], marks=SINCE_3_11),
        pytest.param("task-group-failing", ["sibling cancelled", "LookupError"], marks=SINCE_3_11),
        ("gather", list(range(100))),
        ("cancel", "CancelledError"),
        ("producer-consumer", True),
        ("anyio-task-group", [1, 2, 3]),
        ("anyio-cancel-scope", True),
        ("anyio-fail-after", "timed out"),
        ("anyio-group-cancelled", 5),
        ("anyio-streams", list(range(10))),
        ("anyio-from-thread", "from the loop"),
        ("executor", 45),
        ("own-executor", "own_0"),
        ("call-soon-threadsafe", "woken"),
        ("run-coroutine-threadsafe", ["slept"]),
        ("subprocess-exec", {"output": "THROUGH A PIPE", "code": 7}),
        ("subprocesses-at-once", list(range(8))),
        ("subprocess-killed", -9),
        ("timers-in-order", {"order": [1, 2, 3], "early": False}),
        ("zero-sleeps", "done"),
        ("server-inside", "HELLO\n"),
        ("unix-socket-pair", list("0123456789")),
        ("level-triggered-reader", list("abcdef")),
        ("datagrams", "datagram"),
        ("resolve", True),
    ],
)
def test_a_handler_may_use(client, name, expected):
    for _ in range(3):  # What the first leaves behind must not hurt the next.
        assert client.get(f"/{name}").json() == expected


def test_calls_from_threads_wake_an_idle_loop_every_time(client):
    """A lost wake-up shows as a request that never ends."""
    for _ in range(200):
        assert client.get("/call-soon-threadsafe").json() == "woken"


def test_threads_are_reused_from_request_to_request(client):
    assert len({client.get("/threadpool").json() for _ in range(100)}) <= 2


def test_two_hundred_calls_at_once_share_forty_threads(client):
    assert client.get("/threadpool-many").json() <= 40


def test_a_handler_that_yields_all_the_time_does_not_hold_up_others(site):
    busy_answers = []
    busy = threading.Thread(
        target=lambda: busy_answers.append(httpx.get(f"{site.url}/zero-sleeps?count=200000", timeout=60))
    )
    busy.start()
    with httpx.Client(base_url=site.url) as quick:
        answered_meanwhile = 0
        while busy.is_alive() and answered_meanwhile < 100:
            assert quick.get("/hello").text == "hello"
            answered_meanwhile += 1
    busy.join()
    assert busy_answers[0].json() == "done"
    assert answered_meanwhile >= 10


def test_a_handler_may_talk_to_a_tcp_server(client):
    with echo_server() as port:
        for _ in range(3):
            assert client.get(f"/echo-over-tcp?port={port}").json() is True


def test_a_handler_may_be_a_client_of_its_own_server(site, client):
    for _ in range(3):
        assert client.get("/fetch", params={"url": f"{site.url}/number"}).json() == [42, 42, 42]


def test_a_handler_may_be_a_client_of_its_own_worker(server):
    with server("asyncio_site:app", workers=1, cwd=APPS) as s, httpx.Client(base_url=s.url, timeout=60) as client:
        assert client.get("/fetch", params={"url": f"{s.url}/number"}).json() == [42, 42, 42]
        for _ in range(3):
            assert client.get("/fetch-at-once", params={"url": f"{s.url}/number"}).json() == [42] * 20


def test_a_handler_may_relay_a_stream_from_its_own_server(site, client):
    answer = client.get("/relay", params={"url": f"{site.url}/lines"})
    assert answer.text == "".join(f"{line}\n" for line in range(1000))


@contextmanager
def echo_server():
    class Echo(socketserver.BaseRequestHandler):
        def handle(self):
            while data := self.request.recv(65536):
                self.request.sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
