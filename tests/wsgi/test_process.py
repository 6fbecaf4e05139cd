"""A WSGI worker's life: signals, hangs, reloads, its log and who serves when (B42, B47, B48)."""

import os
import re
import signal
import socket
from contextlib import ExitStack

import pytest
from command import run, serving
from conftest import APPS
from load import Load, wait_for_death
from reloading import check_reload
from wsgi_workers import only_on

APP = "wsgi_life:app"
BOOTING = r"Booting worker with pid: (\d+)"


# The end


@pytest.mark.parametrize("path", ["gated", "streaming_over_gate"])
def test_b42_term_lets_the_running_request_finish(wsgi, gate_file, path):
    with wsgi(APP, env=gate_file.env) as s, s.connect() as client:
        client.get(f"/{path}")
        s.wait_for_note("begun")
        s.kill(signal.SIGTERM)
        s.wait_for_line("Handling signal: term")
        gate_file.open_gate()
        response = client.read_response()
        assert response.status == 200 and response.complete
        client.expect_closed()
        assert s.wait_for_exit() == 0


def test_b42_a_request_already_sent_is_answered_after_term(wsgi, gate_file):
    """Two clients: one is being served, the other one's request is in its socket."""
    with wsgi(APP, env=gate_file.env) as s, s.connect() as running, s.connect() as waiting:
        waiting.get("/pid")
        assert waiting.read_response().status == 200
        running.get("/gated")
        s.wait_for_note("begun")
        waiting.get("/pid")
        s.kill(signal.SIGTERM)
        s.wait_for_line("Handling signal: term")
        gate_file.open_gate()
        assert running.read_response().status == 200
        response = waiting.read_response()
        assert response.status == 200
        assert s.wait_for_exit() == 0


def test_b42_a_request_that_outlasts_graceful_timeout_is_cut(wsgi):
    with wsgi(APP, "--graceful-timeout", "1", "--timeout", "0") as s, s.connect() as client:
        s.expect_errors()
        first = int(s.get("/pid").body)
        client.get("/hang")
        s.kill(signal.SIGTERM)
        assert client.read_until_eof() == b""
        s.wait_for_exit()
        wait_for_death(first)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_stop_of_an_idle_server_ends_with_code_0(wsgi, number):
    with wsgi(APP) as s:
        assert s.get("/pid").status == 200
        assert s.stop(number) == 0


# Workers


@only_on("sync")
def test_b47_a_hanging_request_is_ended_after_timeout_with_its_stack_in_the_log(wsgi):
    with wsgi(APP, "--timeout", "1") as s, s.connect() as client:
        s.expect_errors()
        first = int(s.get("/pid").body)
        client.get("/hang")
        s.wait_for_line(rf"\[CRITICAL\] WORKER TIMEOUT \(pid:{first}\)")
        s.wait_for_line(r"wsgi_life\.py.*hang_in_user_code")
        assert client.read_until_eof() == b""
        wait_for_death(first)
        assert int(s.get("/pid").body) == int(s.wait_for_line(BOOTING, count=2)[1])


def test_b47_a_killed_worker_is_replaced(wsgi):
    with wsgi(APP) as s:
        first = int(s.get("/pid").body)
        os.kill(first, signal.SIGKILL)
        s.wait_for_line(BOOTING, count=2)
        assert int(s.get("/pid").body) != first


@only_on("sync")
def test_one_worker_runs_one_request_at_a_time_and_two_run_two(wsgi, gate_file):
    with wsgi(APP, workers=2, env=gate_file.env) as s, s.connect() as busy:
        s.wait_for_line(BOOTING, count=2)
        busy.get("/gated")
        occupied = s.wait_for_note("begun")["pid"]
        assert {int(s.get("/pid").body) for _ in range(10)} == {pid for pid in s.worker_pids() if pid != occupied}
        gate_file.open_gate()
        assert int(busy.read_response().body) == occupied


@only_on("gthread")
def test_a_worker_with_three_threads_runs_three_requests_at_a_time(wsgi, gate_file):
    gate = os.open(gate_file.env["GATE"], os.O_RDWR)  # The apps read until it is closed.
    with wsgi(APP, env=gate_file.env) as s, ExitStack() as stack:
        clients = [stack.enter_context(s.connect()) for _ in range(4)]
        for client in clients[:3]:
            client.get("/held")
        s.wait_for_note("holding", count=3)
        clients[3].get("/pid")
        os.close(gate)
        assert len({client.read_response().body for client in clients}) == 1


@only_on("gthread")
def test_w28_a_client_that_has_shut_its_side_is_waited_for(wsgi, gate_file):
    with wsgi(APP, env=gate_file.env) as s, s.connect() as client:
        client.get("/gated")
        s.wait_for_note("begun")
        client.socket.shutdown(socket.SHUT_WR)
        assert s.get("/pid").status == 200  # So the worker has seen the end of that client's requests.
        gate_file.open_gate()
        assert client.read_response().status == 200


def test_w71_a_thread_of_the_app_works_on_while_the_server_sleeps(wsgi):
    with wsgi(APP) as s:
        assert s.get("/thread_works_between_requests").body == b"started"
        s.wait_for_note("thread done")


# Reload


CHANGING = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "1")])
    return [b"{version}"]
"""


def test_b48_hup_brings_new_code_without_a_failed_request(wsgi, tmp_path):
    check_reload(wsgi, tmp_path, CHANGING)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("event", [signal.SIGHUP, signal.SIGTERM])
def test_b48_b42_hup_and_term_under_load_lose_no_request(wsgi, event):
    with wsgi("wsgi_life:checked", workers=2) as s:
        pids = [int(s.wait_for_line(BOOTING, count=count)[1]) for count in (1, 2)]
        with Load(s.host, s.port) as load:
            if event == signal.SIGTERM:
                load.stop_server(s.pid)
                assert s.wait_for_exit(30) == 0
            else:
                for count in range(int(os.environ.get("TEST_REPEATS", "4"))):
                    s.kill(event)
                    new = [int(s.wait_for_line(BOOTING, 30, 2 * count + more)[1]) for more in (3, 4)]
                    for pid in pids:
                        wait_for_death(pid)
                    pids = new
                    load.wait_for_progress()
        assert load.failures == []


# The log


def test_b51_a_request_has_a_line_in_gunicorns_format(wsgi):
    with wsgi(APP, "--access-logfile", "-") as s:
        body = s.get("/pid?q=1", "user-agent: curl/8", "referer: http://example.org/").body
        line = s.stdout.wait_for("q=1").string
        s.exchange(b"HEAD /pid?q=2 HTTP/1.0\r\n\r\n", head=True)
        head_line = s.stdout.wait_for("q=2").string
    date = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    assert re.fullmatch(
        rf'127\.0\.0\.1 - - {date} "GET /pid\?q=1 HTTP/1\.1" 200 {len(body)} "http://example\.org/" "curl/8"', line
    )
    assert re.fullmatch(rf'127\.0\.0\.1 - - {date} "HEAD /pid\?q=2 HTTP/1\.0" 200 \S+ "-" "-"', head_line)


# Which applications are served


def test_sync_is_what_a_server_without_a_worker_class_runs():
    with serving("-b", "127.0.0.1:0", APP, cwd=APPS) as s:
        s.wait_for_line("Using worker: sync")


FACTORY = """
def make():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "4")])
        return [b"made"]
    return app


class Application:
    def __call__(self, environ, start_response):
        start_response("200 OK", [("Content-Length", "6")])
        return [b"object"]


class Answer:
    def __init__(self, environ, start_response):
        self.start_response = start_response

    def __iter__(self):
        self.start_response("200 OK", [("Content-Length", "5")])
        yield b"class"


application = Application()
"""


@pytest.mark.parametrize(
    ("name", "body"),
    [("made:make()", b"made"), ("made", b"object"), ("made:application", b"object"), ("made:Answer", b"class")],
)
def test_an_app_is_any_callable_or_what_a_factory_makes(wsgi, tmp_path, name, body):
    (tmp_path / "made.py").write_text(FACTORY)
    with wsgi(name, cwd=tmp_path) as s:
        assert s.get().body == body


def test_an_app_that_cannot_be_imported_ends_the_server_with_its_traceback(tmp_path):
    (tmp_path / "broken.py").write_text("import nowhere_to_be_found\n")
    ended = run("-k", "sync", "-b", "127.0.0.1:0", "broken:app", cwd=tmp_path)
    assert ended.code == 3
    ended.line_with("nowhere_to_be_found")
    ended.assert_only_the_users_traceback()
