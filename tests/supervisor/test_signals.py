"""TERM ends gracefully, INT and QUIT at once, TTIN and TTOU change the number of workers."""

import os
import signal
from pathlib import Path

import pytest
from client import Client
from command import eventually
from load import live_workers, wait_for_death, wait_until_all_serve

APPS = Path(__file__).parent / "apps"
BOOTING = r"Booting worker with pid: (\d+)"


@pytest.fixture
def site(server):
    return lambda *flags, **options: server("behaviours:app", *flags, cwd=APPS, **options)


def never_ending_request(s) -> Client:
    """A request that is inside the application, and stays there."""
    client = s.connect()
    client.get("/never")
    assert client.read_head().status == 200
    assert client.read_chunk() == b"started"
    return client


# TERM


def test_term_finishes_a_response_that_has_begun(site):
    with site() as s, s.connect() as client:
        client.send(b"POST /talk HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf")
        assert client.read_head().status == 200
        assert client.read_chunk() == b"started"
        s.kill(signal.SIGTERM)
        s.wait_for_line("Handling signal: term")
        client.send(b"rest")
        assert client.read_chunk() == b"rest"
        assert client.read_chunk() == b""
        client.expect_closed()
        assert s.wait_for_exit() == 0


def test_term_answers_a_request_whose_body_is_on_its_way_and_says_close(site):
    with site() as s, s.connect() as client:
        client.send(b"POST /listen HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n")
        s.wait_for_line("listening to the body")
        s.kill(signal.SIGTERM)
        # The master stops listening before it tells the worker, who then does so too.
        eventually(lambda: refuses(s), "the worker's end of listening")
        client.send(b"body")
        response = client.read_response()
        assert (response.status, response.body, response.closes) == (200, b"body", True)
        client.expect_closed()
        assert s.wait_for_exit() == 0


def refuses(s):
    try:
        s.connect().close()
    except ConnectionError:
        return True


def test_term_does_not_wait_for_idle_or_silent_connections(site):
    with site("--graceful-timeout", "60", "--keep-alive", "60") as s, s.connect() as idle, s.connect() as silent:
        idle.get("/")
        assert idle.read_response().status == 200
        assert s.stop(signal.SIGTERM, timeout=15) == 0
        idle.expect_closed()
        silent.expect_closed()


def test_a_request_longer_than_graceful_timeout_is_cut_off_and_the_exit_code_is_0(site):
    with site("--graceful-timeout", "1") as s, never_ending_request(s) as client:
        assert s.stop(signal.SIGTERM, timeout=15) == 0
        assert client.read_chunk() is None  # Cut off, not ended as if it were complete.


def test_term_logs_what_gunicorn_logs(site):
    with site(workers=2) as s:
        pids = [int(s.wait_for_line(BOOTING, count=number)[1]) for number in (1, 2)]
        wait_until_all_serve(s, pids)
        assert s.stop() == 0
        log = "\n".join(s.lines)
        for pid in pids:
            assert f"[{pid}] [INFO] Worker exiting (pid: {pid})" in log
        assert f"[{s.pid}] [INFO] Handling signal: term" in log
        assert log.endswith(f"[{s.pid}] [INFO] Shutting down: Master")


# INT and QUIT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_int_and_quit_do_not_wait_for_a_request(site, number):
    with site("--graceful-timeout", "60") as s, never_ending_request(s) as client:
        assert s.stop(number, timeout=15) == 0
        assert f"Handling signal: {number.name[3:].lower()}" in "\n".join(s.lines)
        assert client.read_chunk() is None


def test_quit_after_term_ends_the_wait(site):
    with site("--graceful-timeout", "60") as s, never_ending_request(s):
        s.kill(signal.SIGTERM)
        s.wait_for_line("Handling signal: term")
        assert s.stop(signal.SIGQUIT, timeout=15) == 0


# TTIN and TTOU


def test_ttin_adds_a_worker_and_ttou_takes_the_oldest(site):
    with site() as s:
        first = int(s.wait_for_line(BOOTING)[1])
        assert s.get("/").body == str(first).encode()
        s.kill(signal.SIGTTIN)
        second = int(s.wait_for_line(BOOTING, count=2)[1])
        wait_until_all_serve(s, [first, second])
        assert live_workers(s) == sorted([first, second])
        s.kill(signal.SIGTTOU)
        wait_for_death(first)
        assert s.get("/").body == str(second).encode()


def test_ttou_leaves_the_last_worker(site):
    with site() as s:
        only = int(s.wait_for_line(BOOTING)[1])
        s.kill(signal.SIGTTOU)
        s.wait_for_line("Handling signal: ttou")
        s.kill(signal.SIGTTIN)  # Handled after it, so its worker shows that TTOU is done.
        s.wait_for_line(BOOTING, count=2)
        assert only in live_workers(s)
        assert s.get("/").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_start_up_ends_the_server_cleanly(site, number):
    with site(workers=4) as s:
        assert s.stop(number) == 0


def test_no_process_is_left_after_the_end(site):
    with site(workers=3) as s:
        pids = [int(s.wait_for_line(BOOTING, count=number)[1]) for number in (1, 2, 3)]
        assert s.stop() == 0
        assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


# To a worker


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR2])
def test_a_signal_for_the_master_that_is_sent_to_a_worker_costs_that_worker(site, number):
    with site() as s:
        first = int(s.wait_for_line(BOOTING)[1])
        wait_until_all_serve(s, [first])
        os.kill(first, number)
        s.wait_for_line(rf"Worker \(pid:{first}\) was sent {number.name}!")
        second = int(s.wait_for_line(BOOTING, count=2)[1])
        wait_until_all_serve(s, [second])


@pytest.mark.parametrize("number", [signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH])
def test_other_signals_for_the_master_mean_nothing_to_a_worker(site, number):
    with site() as s:
        only = int(s.wait_for_line(BOOTING)[1])
        wait_until_all_serve(s, [only])
        os.kill(only, number)
        assert s.get("/").body == str(only).encode()
        assert live_workers(s) == [only]
