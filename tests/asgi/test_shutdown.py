"""How a server ends, and how its workers are replaced (A75, B32, B42, B43, B47, B48)."""

import os
import signal

import pytest
from reloading import check_reload


def refuses_connections(s):
    """Tries until a connection is refused; one that slips in must be ended by the server."""
    for _ in range(100):
        try:
            with s.connect() as client:
                client.read_until_eof()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            continue
    return False


def test_a75_b42_a_request_in_flight_finishes_with_connection_close(server):
    with server("lifespans:upload", "--keep-alive", "60") as s, s.connect() as busy, s.connect() as idle:
        idle.post(b"x")
        assert not idle.read_response().closes
        busy.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe")
        s.wait_for_note("begun", count=2)
        s.kill(signal.SIGTERM)
        idle.expect_closed()
        assert refuses_connections(s)
        busy.send(b"llo")
        response = busy.read_response()
        assert response.status == 200 and response.body == b"hello" and response.complete
        assert response.closes
        busy.expect_closed()
        assert s.wait_for_exit() == 0


def test_b42_a_connection_that_was_idle_may_ask_once_more_while_the_server_drains(server):
    """Its request may have been on the way when the server began to stop."""
    with server("echo:app", "--keep-alive", "60") as s, s.connect() as client:
        client.post(b"before")
        assert not client.read_response().closes
        s.kill(signal.SIGTERM)
        closing = False
        while not closing:  # the first answers may come before the signal does
            client.post(b"again")
            response = client.read_response()
            assert response.body == b"again"
            closing = response.closes
        client.expect_closed()
        assert s.wait_for_exit() == 0


def test_b42_a_request_already_sent_is_answered(server):
    """It was in the socket before the signal, so the client cannot know better."""
    for _ in range(5):
        with server("echo:app") as s, s.connect() as client:
            client.post(b"first")
            assert client.read_response().body == b"first"
            client.post(b"second")
            s.kill(signal.SIGTERM)
            assert client.read_response().body == b"second"
            client.expect_closed()
            assert s.wait_for_exit() == 0


def test_b42_background_work_finishes_within_the_graceful_timeout(server, gate_file):
    with server("lifespans:background", "--keep-alive", "60", env=gate_file.env) as s, s.connect() as client:
        client.get("/")
        assert client.read_response().body == b"answer"
        s.wait_for_note("background begins")
        s.kill(signal.SIGTERM)
        client.expect_closed()
        gate_file.open_gate()
        assert s.wait_for_exit() == 0
        assert s.notes[-1]["event"] == "background ends"


def test_b32_b43_a_request_that_never_ends_is_cut_off_after_the_graceful_timeout(server):
    with server("lifespans:endless", "--graceful-timeout", "1") as s, s.connect() as client:
        client.get("/")
        head = client.read_head()
        assert head.status == 200 and client.read_chunk() == b"data: 1\n\n"
        s.wait_for_note("begun")
        s.kill(signal.SIGTERM)
        assert client.read_until_eof() == b""
        assert s.wait_for_exit(timeout=5) == 0
        assert [note["event"] for note in s.notes] == ["begun", "ended", "lifespan.shutdown"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_stop_ends_with_code_0(server, number):
    with server("lifespans:good") as s:
        assert s.get().body == b"served"
        assert s.stop(number) == 0


def test_b47_a_killed_worker_is_replaced_and_the_others_go_on(server):
    with server("lifespans:pid", workers=2) as s:
        s.wait_for_line("Booting worker", count=2)
        victim = int(s.get().body)
        os.kill(victim, signal.SIGKILL)
        s.wait_for_line(rf"Worker \(pid:{victim}\) was sent SIGKILL")
        s.wait_for_line("Booting worker", count=3)
        assert all(int(s.get().body) != victim for _ in range(10))


APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]}})
    await send({{"type": "http.response.body", "body": b"{version}"}})
"""


def test_b48_hup_brings_new_code_without_a_failed_request(server, tmp_path):
    check_reload(server, tmp_path, APP)
