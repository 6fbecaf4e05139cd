"""How long a connection that asks nothing is kept (B37, B38)."""

import time

import pytest


def test_b37_an_idle_connection_is_closed_after_the_keep_alive_time(server):
    with server("echo:path") as s, s.connect() as client:
        client.get("/")
        assert client.read_response().body == b"/"
        answered = time.monotonic()
        client.expect_closed()
        assert 1.8 < time.monotonic() - answered < 4


def test_b37_the_keep_alive_time_starts_with_the_last_response(server):
    with server("echo:path") as s, s.connect() as client:
        for number in range(3):
            client.get(f"/{number}")
            assert client.read_response().body == b"/%d" % number
            answered = time.monotonic()
            # Idle for a while, which the server must not count twice.
            client.socket.settimeout(1)
            with pytest.raises(TimeoutError):
                client.socket.recv(1)
            client.socket.settimeout(15)
        client.expect_closed()
        assert 1.8 < time.monotonic() - answered < 4


def test_b37_a_request_in_flight_is_not_idle(server):
    with server("receiving:reads_after_gate", "--keep-alive", "1") as s, s.connect() as client, s.connect() as idle:
        client.post(b"hello")
        s.wait_for_note("called")
        idle.get("/gate/other")
        assert idle.read_response().status == 204
        idle.expect_closed()
        s.open_gate("read")
        assert client.read_response().body == b"hello"


def test_b37_the_keep_alive_time_is_a_setting(server):
    with server("echo:path", "--keep-alive", "4") as s, s.connect() as client:
        client.get("/")
        assert client.read_response().body == b"/"
        answered = time.monotonic()
        client.expect_closed()
        assert 3.8 < time.monotonic() - answered < 6


@pytest.mark.slow
def test_b38_a_head_that_does_not_come_ends_the_connection(server):
    with server("echo:path") as s, s.connect() as silent, s.connect() as halting:
        halting.send(b"GET / HTTP/1.1\r\nhost: x\r\n")
        for client in (silent, halting):
            client.socket.settimeout(45)
            raw = client.read_until_eof()
            assert raw == b"" or raw.startswith(b"HTTP/1.1 408 ")
        assert s.get("/next").body == b"/next"
