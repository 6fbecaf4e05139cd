"""The end of a connection: drains, idle clients, deadlines."""

import signal
import socket
import struct

import pytest
from http2_client import Http2Client, frame

NO_ERROR, CANCEL, ENHANCE_YOUR_CALM = 0x0, 0x8, 0xB


def connect(server):
    return Http2Client((server.host, server.port))


def test_a75_a_drain_says_goaway_and_lets_streams_finish(server):
    with server("streams:app", "--http2") as s, connect(s) as client:
        waiting = client.get("/until-disconnect/drained")
        s.wait_for_note("listening")
        s.kill(signal.SIGTERM)
        client.until(lambda: len(client.goaways) == 2)
        (first, last), (second, processed) = client.goaways
        assert (first, last, second, processed) == (NO_ERROR, 0x7FFFFFFF, NO_ERROR, waiting)
        client.h2.reset_stream(waiting, CANCEL)
        client.flush()


def test_a_request_on_its_way_when_the_drain_begins_is_answered(server):
    with server("streams:app", "--http2") as s, connect(s) as client:
        client.answers_pings = False
        first = client.get("/wait/go")
        s.wait_for_note("waiting")
        s.kill(signal.SIGTERM)
        client.until(lambda: client.goaways and client.pings)
        opened = client.get("/open/go")
        client.send_raw(frame(6, 1, 0, client.pings[-1]))
        assert client.answer(first).body == b"waited"
        client.until_closed()
        assert client.goaways == [(NO_ERROR, 0x7FFFFFFF), (NO_ERROR, opened)]


def test_a_client_that_left_with_a_shut_window_holds_nothing_up(server):
    """Nobody opens the window of an answer whose client sends no more."""
    with server("streams:app", "--http2", "--graceful-timeout", "60") as s:
        with connect(s) as client:
            client.send_raw(frame(4, 0, 0, struct.pack(">HI", 4, 0)))
            client.head(client.get("/large/100000"))
        with connect(s) as other:
            assert other.fetch().body == b"hello"
        s.kill(signal.SIGTERM)
        s.wait_for_exit()


def test_an_idle_connection_ends_after_keepalive_with_goaway(server):
    with server("streams:app", "--http2", "--keep-alive", "1") as s, connect(s) as client:
        stream = client.get()
        client.answer(stream)
        assert client.until_closed() == [(NO_ERROR, stream)]


def test_a_client_that_asks_nothing_is_let_go(server):
    with server("streams:app", "--http2", "--header-timeout", "1") as s, connect(s) as client:
        assert client.until_closed() == [(NO_ERROR, 0)]


@pytest.mark.parametrize("begun", [b"PRI * HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_a_preface_that_does_not_go_on_is_not_waited_for(server, begun):
    with server("streams:app", "--http2", "--header-timeout", "1") as s:
        with socket.create_connection((s.host, s.port), timeout=15) as raw:
            raw.sendall(begun)
            while raw.recv(1000):
                pass


def test_fields_that_do_not_end_are_not_waited_for(server):
    with server("streams:app", "--http2", "--header-timeout", "1") as s, connect(s) as client:
        client.fetch()  # what both have to say at first is said
        client.get("/until-disconnect/begun")
        s.wait_for_note("listening")
        client.send_raw(frame(1, 1, 5, b"\x82"))
        assert client.until_closed()[-1][0] == ENHANCE_YOUR_CALM
        s.wait_for_note("disconnected")


def test_a_body_that_does_not_go_on_is_a_408_on_its_stream(server):
    with server("streams:app", "--http2", "--body-timeout", "1") as s, connect(s) as client:
        stream = client.begin("/echo", method="POST")
        client.send(stream, b"half")
        assert client.answer(stream).status == 408
        assert client.fetch().body == b"hello"
        s.expect_errors()


def test_a_stream_whose_client_gives_no_window_is_reset(server):
    with server("streams:app", "--http2", "--write-timeout", "1") as s, connect(s) as client:
        client.reads = False
        stream = client.get("/parts/3")
        assert client.answer(stream).reset == CANCEL
        s.wait_for_line("Response was not read in time")
        client.h2.increment_flow_control_window(1 << 20)
        client.flush()
        assert client.fetch().body == b"hello"
        s.expect_errors()


def test_max_requests_ends_connections_after_what_they_asked(server):
    with server("streams:app", "--http2", "--max-requests", "5") as s, connect(s) as client:
        asked = [client.get() for _ in range(10)]
        assert all(client.answer(stream).body == b"hello" for stream in asked)
        assert client.until_closed()[0][0] == NO_ERROR
        with connect(s) as other:
            assert other.fetch().body == b"hello"


def test_each_stream_has_a_line_in_the_access_log(server):
    with server("streams:app", "--http2", "--access-logfile", "-") as s, connect(s) as client:
        client.fetch("/hello/1")
        client.fetch("/status/404")
        s.stdout.wait_for(r'"GET /hello/1 HTTP/2" 200 5')
        s.stdout.wait_for(r'"GET /status/404 HTTP/2" 404 4')
