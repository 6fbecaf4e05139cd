"""What becomes of answers that never end when the server does (B32, B43)."""

import signal

import pytest


@pytest.fixture
def told(server):
    """A server that tells applications to end 1 s after TERM, cancels them after 1.5 s and cuts them after 1.75 s."""
    return lambda app: server(app, "--graceful-timeout", "2")


def begin(s, client, app_says, *lines, path="/"):
    client.get(path, *lines)
    s.wait_for_note(app_says)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_b32_an_endless_stream_is_told_that_its_client_left_and_may_say_goodbye(told, number):
    with told("farewells:stream") as s, s.connect() as client:
        begin(s, client, "streaming")
        s.kill(number)
        response = client.read_response()
        assert response.complete
        assert response.body == b"data: hello\n\ndata: goodbye\n\ndata: the end\n\n"
        client.expect_closed()
        assert s.wait_for_exit() == 0
        note = s.wait_for_note("told")
        assert (note["first"], note["again"]) == ("http.disconnect", "http.disconnect")
        assert not [line for line in s.lines if "ERROR" in line]


def test_b32_streams_are_told_at_hup_too(told):
    with told("farewells:stream") as s, s.connect() as client:
        begin(s, client, "streaming")
        s.kill(signal.SIGHUP)
        assert b"goodbye" in client.read_response().body
        with s.connect() as other:
            begin(s, other, "streaming")


def test_b32_a_long_poll_can_answer(told):
    with told("farewells:long_poll") as s, s.connect() as client:
        begin(s, client, "polling", path="/answer")
        s.kill(signal.SIGTERM)
        response = client.read_response()
        assert (response.status, response.body, response.closes) == (200, b"nothing happened", True)
        assert s.wait_for_exit() == 0


def test_b32_a_long_poll_that_does_not_answer_is_a_503_and_no_error_of_the_application(told):
    with told("farewells:long_poll") as s, s.connect() as client:
        begin(s, client, "polling", path="/silent")
        s.kill(signal.SIGTERM)
        response = client.read_response()
        assert (response.status, response.body, response.closes) == (503, b"Service Unavailable", True)
        assert s.wait_for_exit() == 0
        assert not [line for line in s.lines if "ERROR" in line]


def test_b32_a_stream_whose_application_just_leaves_is_cut_and_no_error(told):
    with told("farewells:leaves") as s, s.connect() as client:
        begin(s, client, "streaming")
        client.read_head()
        assert client.read_chunk() == b"data: hello\n\n"
        s.kill(signal.SIGTERM)
        assert client.read_chunk() is None
        assert s.wait_for_exit() == 0
        assert not [line for line in s.lines if "ERROR" in line]


def test_b32_a_starlette_stream_that_asks_whether_its_client_left_ends_whole(told):
    with told("farewells:asks") as s, s.connect() as client:
        begin(s, client, "streaming")
        s.kill(signal.SIGTERM)
        response = client.read_response()
        assert response.complete and response.body == b"data: hello\n\ndata: goodbye\n\n"
        assert s.wait_for_exit() == 0


def test_b43_a_stream_that_does_not_listen_is_cancelled_and_may_still_send(told):
    with told("farewells:deaf") as s, s.connect() as client:
        begin(s, client, "streaming")
        client.read_head()
        s.kill(signal.SIGTERM)
        assert client.read_chunk() == b"data: hello\n\n"
        assert client.read_chunk() == b"data: cancelled\n\n"
        assert client.read_chunk() is None
        assert s.wait_for_exit() == 0
        s.wait_for_line(r"Cancelling 1 running task")


def test_b43_a_stream_that_takes_no_hint_is_cut(told):
    with told("farewells:stubborn") as s, s.connect() as client:
        begin(s, client, "streaming")
        s.kill(signal.SIGTERM)
        assert not client.read_response().complete
        s.wait_for_line(r"Forcing close of 1 connections")
        assert s.wait_for_exit() == 0
        assert [note["event"] for note in s.notes] == ["streaming", "told", "cancelled", "cut"]


def test_b43_a_body_that_ends_with_its_connection_is_reset_so_that_it_does_not_look_whole(told):
    with told("farewells:stubborn") as s, s.connect() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        s.wait_for_note("streaming")
        s.kill(signal.SIGTERM)
        assert not client.read_response().complete
        assert client.was_reset
        assert s.wait_for_exit() == 0


def test_b43_a_request_whose_body_is_still_coming_is_told_only_after_it(server):
    with server("farewells:uploads", "--graceful-timeout", "4") as s, s.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf")
        s.wait_for_note("reading", count=2)
        s.kill(signal.SIGTERM)
        s.wait_for_line(r"Telling 1 unfinished request")
        client.send(b"rest")
        assert client.read_response().body == b"halfrest"
        assert s.wait_for_note("told")["type"] == "http.disconnect"
        assert s.wait_for_exit() == 0


def test_b43_a_slow_request_that_does_not_ask_hears_nothing_of_it(server, gate_file):
    with server("farewells:report", "--graceful-timeout", "4", env=gate_file.env) as s, s.connect() as client:
        begin(s, client, "working")
        s.kill(signal.SIGTERM)
        s.wait_for_line(r"Telling 1 unfinished request")
        gate_file.open_gate()
        assert client.read_response().body == b"report"
        assert s.wait_for_exit() == 0
