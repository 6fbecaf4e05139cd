"""What becomes of WebSockets when the server stops or begins anew (A111 to A115, B61)."""

import signal

import pytest
from frames import RawSocket, close


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_b61_both_sides_are_told_1012_at_once(server, number):
    with server("sockets:listen", "--graceful-timeout", "20") as s, RawSocket(s) as ws:
        s.kill(number)
        ws.expect_close(1012)
        ws.send(close(1012))
        ws.expect_end()
        note = s.wait_for_note("disconnected")
        assert (note["code"], note["again"]) == (1012, True)
        assert s.wait_for_exit() == 0
        assert not [line for line in s.lines if "ERROR" in line or "Cancelling" in line]


def test_b61_an_application_may_finish_what_it_does(server):
    with server("sockets:tidy", "--graceful-timeout", "20") as s, RawSocket(s) as ws:
        s.kill(signal.SIGTERM)
        ws.expect_close(1012)
        ws.send(close(1012))
        s.wait_for_note("tidied")
        assert s.wait_for_exit() == 0


def test_b61_at_hup_old_websockets_end_and_new_ones_are_served(server):
    with server("sockets:listen") as s, RawSocket(s) as ws:
        s.kill(signal.SIGHUP)
        ws.expect_close(1012)
        with RawSocket(s) as other:
            other.send(close(1000))
            other.expect_close(1000)


def test_b61_a_client_that_does_not_answer_holds_up_nothing(server):
    with server("sockets:listen", "--graceful-timeout", "20") as s, RawSocket(s) as ws:
        s.kill(signal.SIGTERM)
        ws.expect_close(1012)
        assert s.wait_for_exit() == 0


def test_a_handshake_in_progress_is_a_503(server):
    with server("sockets:wait_to_accept") as s, RawSocket(s, begin=False) as ws:
        s.wait_for_note("asked")
        s.kill(signal.SIGTERM)
        response = ws.read_response()
        assert (response.status, response.closes) == (503, True)
        assert s.wait_for_note("told")["code"] == 1006
        assert s.wait_for_note("refused")["kind"] == "ClientDisconnected"
        assert s.wait_for_exit() == 0
        assert not [line for line in s.lines if "ERROR" in line]


def test_a_websocket_counts_for_max_requests(server):
    with server("sockets:listen", "--max-requests", "1") as s, RawSocket(s) as ws:
        s.wait_for_line("Autorestarting worker after current request.")
        ws.expect_close(1012)


def test_a_websocket_counts_for_the_limit_of_calls(server):
    with server("sockets:echo", "--limit-concurrency", "1") as s, RawSocket(s) as ws:
        assert s.get("/").status == 503
        ws.send(close(1000))
        ws.expect_close(1000)
        s.wait_for_note("disconnected")
        assert s.get("/").body == b"ordinary"
