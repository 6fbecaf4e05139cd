"""A response in place of a WebSocket (ASGI's extension `websocket.http.response`)."""

from frames import RawSocket


def test_a130_b54_a_denial_is_an_ordinary_response(server):
    with server("sockets:deny_by_path") as s, RawSocket(s, "/whole", begin=False) as ws:
        response = ws.read_response()
        assert (response.status, response.body) == (401, b"goodbye")
        assert response.get("www-authenticate") == b"Basic"
        assert response.get("sec-websocket-accept") is None and response.get("upgrade") is None
        assert response.closes
        ws.expect_closed()
        expected = "Unexpected ASGI message 'websocket.http.response.body' sent, after response already completed."
        assert s.wait_for_note("refused")["text"] == expected
        assert s.wait_for_note("disconnected")["code"] == 1006


def test_a130_b54_a_denial_may_have_several_parts_of_any_bytes(server):
    with server("sockets:deny_by_path") as s, RawSocket(s, "/binary", begin=False) as ws:
        response = ws.read_response()
        assert (response.status, response.body, response.complete) == (400, b"\xff\x00" + b"\xfe" * 18, True)
        assert response.chunked


def test_a130_b54_a_status_that_is_none_is_an_error_of_the_application(server):
    with server("sockets:deny_by_path") as s, RawSocket(s, "/status", begin=False) as ws:
        s.expect_errors()
        response = ws.read_response()
        assert (response.status, response.get("content-length"), response.closes) == (500, b"21", True)
        s.wait_for_line("ValueError: invalid response status 1000")


def test_a130_nothing_else_may_follow_the_head_of_a_denial(server):
    with server("sockets:deny_by_path") as s, RawSocket(s, "/accept", begin=False) as ws:
        s.expect_errors()
        s.wait_for_line(
            "RuntimeError: Expected ASGI message 'websocket.http.response.body', but got 'websocket.accept'"
        )
        assert ws.read_response().status == 500


def test_a130_a_denial_that_breaks_off_never_looks_complete(server):
    with server("sockets:deny_by_path") as s, RawSocket(s, "/cut", begin=False) as ws:
        s.wait_for_line("ASGI callable returned without completing response.")
        response = ws.read_response()
        assert (response.status, response.complete) in ((400, False), (500, True))
