"""The event loop that `asgi_loop` chooses, in a worker: how the worker lives on it, and what applications do to it."""

import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from command import run
from conftest import APPS
from load import wait_for_death
from websockets.sync.client import connect

CLASSES = {
    "auto": "rgunicorn.eventloop.EventLoop",
    "asyncio": "rgunicorn._asyncio.StockLoop",
    "rgunicorn": "rgunicorn.eventloop.EventLoop",
    "uvloop": "uvloop.Loop",
}
each_loop = pytest.mark.parametrize("loop", ["asyncio", "rgunicorn", "uvloop"])
BOOTING = r"Booting worker with pid: (\d+)"


def told(s, path="/"):
    return json.loads(s.get(path).body)


@pytest.mark.parametrize("loop", CLASSES)
def test_the_application_runs_on_the_loop_of_the_setting_in_the_main_thread(server, loop):
    with server("loops:app", "--loop", loop) as s:
        where = told(s)
        assert CLASSES[loop] in where["loop"]
        assert where["main"]
        assert s.stop() == 0
        assert [(note["event"], note["loop"], note["main"]) for note in s.notes] == [
            ("startup", where["loop"], True),
            ("shutdown", where["loop"], True),
        ]


@each_loop
def test_requests_at_once_and_one_after_the_other_are_answered(server, loop):
    with server("loops:app", "--loop", loop) as s, ThreadPoolExecutor(8) as clients:
        for path, answer in (("/sleep/0", "slept"), ("/sleep/0.01", "slept")):
            assert set(clients.map(lambda _, path=path: told(s, path), range(64))) == {answer}
        with s.connect() as client:
            for _ in range(50):
                client.get("/sleep/0")
                assert client.read_response().body == b'"slept"'


@each_loop
def test_large_bodies_go_both_ways(server, loop):
    body = os.urandom(3_000_000)
    with server("lifespans:upload", "--loop", loop) as s, s.connect() as client:
        client.post(body)
        assert client.read_response().body == body


@each_loop
def test_websockets_are_served(server, loop):
    with server("sockets:echo", "--loop", loop) as s, connect(f"ws://{s.host}:{s.port}") as client:
        for message in ("text", b"bytes", "x" * 200_000):
            client.send(message)
            assert client.recv(timeout=15) == message


@each_loop
def test_a_request_in_flight_finishes_after_term(server, loop):
    with server("lifespans:upload", "--loop", loop) as s, s.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe")
        s.wait_for_note("begun")
        s.kill(signal.SIGTERM)
        s.wait_for_line("Handling signal: term")
        client.send(b"llo")
        assert client.read_response().body == b"hello"
        assert s.wait_for_exit() == 0
        assert s.notes[-1]["event"] == "lifespan.shutdown"


@each_loop
def test_a_request_that_never_ends_is_cut_off_after_the_graceful_timeout(server, loop):
    with server("lifespans:endless", "--graceful-timeout", "1", "--loop", loop) as s, s.connect() as client:
        client.get("/")
        assert client.read_head().status == 200 and client.read_chunk() == b"data: 1\n\n"
        s.kill(signal.SIGTERM)
        assert client.read_until_eof() == b""
        assert s.wait_for_exit() == 0
        assert [note["event"] for note in s.notes] == ["begun", "ended", "lifespan.shutdown"]


@each_loop
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_stop_cancels_what_waits(server, loop, number):
    with server("lifespans:endless", "--loop", loop) as s, s.connect() as client:
        client.get("/")
        s.wait_for_note("begun")
        assert s.stop(number) == 0
        assert [note["event"] for note in s.notes] == ["begun", "ended", "lifespan.shutdown"]


@each_loop
def test_a_worker_that_was_used_enough_is_replaced(server, loop):
    with server("loops:app", "--max-requests", "3", "--loop", loop) as s:
        first = told(s)["pid"]
        for _ in range(3):
            assert told(s, "/sleep/0") == "slept"
        s.wait_for_line("Autorestarting worker after current request")
        wait_for_death(first)
        assert told(s)["pid"] != first


@each_loop
def test_a_loop_that_stands_still_is_ended_and_one_that_sleeps_is_not(server, loop):
    with server("loops:app", "--timeout", "1", "--loop", loop) as s, s.connect() as client:
        s.expect_errors()
        first = told(s)["pid"]
        assert told(s, "/sleep/3") == "slept"
        assert told(s)["pid"] == first
        client.get("/block")
        s.wait_for_line(rf"WORKER TIMEOUT \(pid:{first}\)")
        s.wait_for_line(r"loops\.py.* in block")
        wait_for_death(first)
        assert told(s)["pid"] != first


@each_loop
@pytest.mark.parametrize("path", ["/exit", "/exit-later"])
def test_an_application_that_ends_its_worker_ends_no_other_request(server, loop, path):
    with server("loops:app", "--loop", loop) as s, s.connect() as waiting, s.connect() as ending:
        s.expect_errors()
        first = told(s)["pid"]
        waiting.get("/sleep/1")
        ending.get(path)
        s.wait_for_line("The application ended its worker: SystemExit: 5")
        assert waiting.read_response().body == b'"slept"'
        wait_for_death(first)
        assert told(s)["pid"] != first


@each_loop
def test_hup_replaces_the_workers(server, loop):
    with server("loops:app", "--loop", loop) as s:
        first = told(s)["pid"]
        s.kill(signal.SIGHUP)
        wait_for_death(first)
        assert told(s)["pid"] == int(s.wait_for_line(BOOTING, count=2)[1])


@each_loop
def test_an_application_may_handle_signals_and_start_processes(server, loop):
    with server("loops:app", "--loop", loop) as s:
        for _ in range(3):
            assert told(s, "/signal") is True
            assert told(s, "/process") == ["through a pipe", 0]
        assert s.stop() == 0


@each_loop
def test_an_application_may_send_and_receive_datagrams(server, loop):
    with server("loops:app", "--loop", loop) as s, ThreadPoolExecutor(4) as clients:
        assert list(clients.map(lambda _: told(s, "/datagrams/100"), range(8))) == ["all"] * 8


@each_loop
def test_the_debug_mode_of_asyncio_tells_of_slow_callbacks(server, loop):
    with server("loops:app", "--loop", loop, env={"PYTHONASYNCIODEBUG": "1"}) as s:
        assert told(s, "/debug") is True
        s.wait_for_line(r"Executing <.*hold_up.* took 0\.\d+ seconds")


@each_loop
def test_an_application_may_install_uvloops_policy(server, loop):
    with server("installs_uvloop:app", "--loop", loop, env={"PYTHONWARNINGS": "ignore"}) as s:
        assert CLASSES[loop] in told(s)["loop"]
        assert told(s, "/process") == ["through a pipe", 0]


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="nest_asyncio does not know it")
@pytest.mark.parametrize("target", ["nested_loops:late", "nested_loops:make_early()"])
def test_an_application_may_nest_loops(server, target):
    with server(target, "--loop", "rgunicorn", env={"PYTHONWARNINGS": "ignore"}) as s, ThreadPoolExecutor(4) as clients:
        assert s.get().body == b"nested"
        assert {answer.body for answer in clients.map(lambda _: s.get(), range(20))} == {b"nested"}
        assert s.stop() == 0


WITHOUT_UVLOOP = 'import sys\nsys.modules["uvloop"] = None\n'


@pytest.fixture
def without_uvloop(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_UVLOOP)
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize("flags", [("-k", "asgi"), ("-k", "asgi", "--check-config")])
def test_a_missing_uvloop_is_said_before_anything_starts(without_uvloop, flags):
    ended = run("--loop", "uvloop", *flags, "loops:app", env=without_uvloop, cwd=APPS)
    ended.assert_explained(1, "asgi_loop = 'uvloop'", "uvloop is not installed")
    assert "Starting" not in ended.output


def test_a_missing_uvloop_is_nothing_to_workers_without_a_loop(server, without_uvloop):
    with server("wsgi_answers:app", "--loop", "uvloop", worker_class="sync", env=without_uvloop) as s:
        assert s.get("/fields").status == 200
