"""How a request becomes a WebSocket, or does not (RFC 6455 section 4, ASGI's `websocket.connect` and `websocket.accept`)."""

import json

import pytest
from frames import ACCEPT, KEY, UPGRADE, RawSocket, text

VERSION, CONNECTION, WEBSOCKET = "sec-websocket-version: 13", "connection: upgrade", "upgrade: websocket"


def without(name, *more):
    return [*(line for line in UPGRADE if not line.startswith(name)), *more]


def answer(s, lines, method="GET", version="1.1", body=b""):
    request = "\r\n".join([f"{method} / HTTP/{version}", "host: test", *lines, "", ""])
    return s.exchange(request.encode() + body)


def scope_of(s, path, *headers):
    with RawSocket(s, path, *headers) as ws:
        return json.loads(ws.read_message())


def test_a100_the_scope_has_its_keys_and_no_method(shared):
    s = shared("sockets:show_scope")
    scope = scope_of(s, "/caf%C3%A9/x%2Fy?a=%20b", "x-name: abra\u00e3o")
    assert scope["type"] == "websocket"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert (scope["http_version"], scope["scheme"]) == ("1.1", "ws")
    assert (scope["path"], scope["raw_path"]) == ("/café/x/y", "/caf%C3%A9/x%2Fy")
    assert (scope["query_string"], scope["root_path"]) == ("a=%20b", "")
    assert scope["server"] == [s.host, s.port]
    host, port = scope["client"]
    assert host == "127.0.0.1" and type(port) is int
    assert ["x-name", "abra\u00e3o".encode().decode("latin-1")] in scope["headers"]
    assert scope["subprotocols"] == []
    assert scope["extensions"] == {"websocket.http.response": {}}
    assert "method" not in scope


def test_a100_wss_behind_a_trusted_proxy(shared):
    forwarded = ("x-forwarded-proto: https", "x-forwarded-for: 192.0.2.1")
    scope = scope_of(shared("sockets:show_scope"), "/", *forwarded)
    assert (scope["scheme"], scope["client"]) == ("wss", ["192.0.2.1", 0])


def test_b50_a_proxy_may_also_say_wss(shared):
    assert scope_of(shared("sockets:show_scope"), "/", "x-forwarded-proto: wss")["scheme"] == "wss"
    assert scope_of(shared("sockets:show_scope"), "/", "x-forwarded-proto: ws")["scheme"] == "ws"


def test_a100_each_has_a_shallow_copy_of_the_state(server):
    with server("sockets:with_state") as s:
        for expected in ("1 [1]", "1 [1, 2]"):
            with RawSocket(s) as ws:
                assert ws.read_message() == expected
                ws.expect_close(1000)


def test_a101_subprotocols_are_those_of_all_fields(shared):
    offered = ("sec-websocket-protocol: one,two ,  three", "sec-websocket-protocol: four")
    with RawSocket(shared("sockets:answer_by_path"), "/subprotocol", *offered) as ws:
        assert ws.response.get("sec-websocket-protocol") == b"four"
        assert ws.read_message() == "one,two,three,four"


def test_a102_nothing_is_answered_before_the_application_accepts(server):
    with server("sockets:wait_to_accept") as s, RawSocket(s, begin=False) as ws:
        s.wait_for_note("asked")
        ws.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            ws.socket.recv(1)
        ws.socket.settimeout(15)
        s.open_gate("accept")
        ws.accepted()


@pytest.mark.parametrize("path", ["/bare", "/code"])
def test_a103_b53_closing_before_accepting_is_403(server, path):
    with server("sockets:answer_by_path") as s, RawSocket(s, path, begin=False) as ws:
        response = ws.read_response()
        assert (response.status, response.body) == (403, b"")
        assert (response.get("content-length"), response.closes) == (b"0", True)
        assert response.get("sec-websocket-accept") is None
        ws.expect_closed()


def test_a104_b52_headers_go_out_in_order_and_with_all_repetitions(shared):
    with RawSocket(shared("sockets:answer_by_path"), "/headers") as ws:
        own = [field for field in ws.response.headers if field[0] in (b"x-one", b"x-two", b"set-cookie")]
    assert own == [(b"x-one", b"1"), (b"x-two", b"\xc3\xbc"), (b"set-cookie", b"a"), (b"set-cookie", b"b")]


def test_a104_a105_what_an_application_may_not_choose_is_an_error_of_its_own(server):
    with server("sockets:wrong_before") as s, RawSocket(s, "/before") as ws:
        assert ws.read_message() == "fine"
        s.wait_for_note("refused", count=8)
        kinds = [note["kind"] for note in s.notes if note["event"] == "refused"]
        assert kinds == ["RuntimeError", "ValueError", "TypeError", *["ValueError"] * 4, "RuntimeError"]
        assert "not among those that the client offered" in s.notes[1]["text"]


def test_a118_date_and_server_are_there_once_and_the_application_may_replace_them(shared):
    s = shared("sockets:answer_by_path")
    with RawSocket(s, "/headers") as ws:
        assert ws.response.get("server") == b"rgunicorn" and ws.response.get("date")
    with RawSocket(s, "/server") as ws:
        assert ws.response.get("server") == b"own" and ws.response.get("date")


BAD = [
    (without("sec-websocket-key"), 400, b"missing Sec-WebSocket-Key"),
    (without("sec-websocket-key", "sec-websocket-key: short"), 400, b"invalid Sec-WebSocket-Key"),
    (without("sec-websocket-key", "sec-websocket-key:"), 400, b"invalid Sec-WebSocket-Key"),
    ([*UPGRADE, f"sec-websocket-key: {KEY}"], 400, b"invalid Sec-WebSocket-Key"),
    (without("sec-websocket-version"), 426, b"Version 13"),
    (without("sec-websocket-version", "sec-websocket-version: 12"), 426, b"Version 13"),
    ([*UPGRADE, "content-length: 5"], 400, b"no body"),
    ([*UPGRADE, "transfer-encoding: chunked"], 400, b"no body"),
]


@pytest.mark.parametrize("lines, status, text", BAD)
def test_a117_a_bad_handshake_is_refused_and_the_application_not_called(shared, lines, status, text):
    s = shared("sockets:echo")
    response = answer(s, lines, body=b"12345" if "content-length: 5" in lines else b"")
    assert (response.status, text in response.body) == (status, True), response
    assert not [note for note in s.notes if note["event"] == "disconnected"]


def test_a117_a_refused_version_is_told_the_right_one(shared):
    response = answer(shared("sockets:echo"), without("sec-websocket-version", "sec-websocket-version: 8"))
    assert response.get("sec-websocket-version") == b"13"
    assert response.get("upgrade") == b"websocket"
    assert response.get("connection") == b"upgrade, close"


@pytest.mark.parametrize(
    "connection, upgrade",
    [("keep-alive, Upgrade", "WebSocket"), ("UPGRADE", "websocket"), ("upgrade", "h2c, websocket")],
)
def test_a119_the_fields_are_lists_without_case(shared, connection, upgrade):
    lines = (f"connection: {connection}", f"upgrade: {upgrade}", VERSION, f"sec-websocket-key: {KEY}")
    with RawSocket(shared("sockets:echo"), upgrade=lines) as ws:
        ws.say("hello")
        assert ws.read_message() == "hello"


@pytest.mark.parametrize(
    "lines, method, version",
    [
        (without("upgrade", "upgrade: h2c"), "GET", "1.1"),
        (without("upgrade", "upgrade: not-websocket"), "GET", "1.1"),
        (without("upgrade"), "GET", "1.1"),
        (without("connection", "connection: close"), "GET", "1.1"),
        (UPGRADE, "POST", "1.1"),
        (UPGRADE, "GET", "1.0"),
    ],
)
def test_a119_b65_anything_else_is_an_ordinary_request(shared, lines, method, version):
    response = answer(shared("sockets:echo"), lines, method, version)
    assert (response.status, response.body) == (200, b"ordinary")


def test_what_comes_with_the_handshake_belongs_to_the_websocket(server):
    with server("sockets:wait_to_accept") as s, s.connect() as client:
        request = "\r\n".join(["GET / HTTP/1.1", "host: test", *UPGRADE, "", ""]).encode()
        client.send(request + text("early") + text("bird"))
        s.wait_for_note("asked")
        s.open_gate("accept")
        assert client.read_one_head().get("sec-websocket-accept") == ACCEPT
        assert s.wait_for_note("message")["text"] == "early"
        assert s.wait_for_note("message", count=2)["text"] == "bird"


def test_what_comes_with_a_denied_handshake_is_no_request(server):
    with server("sockets:answer_by_path") as s, s.connect() as client:
        request = "\r\n".join(["GET /bare HTTP/1.1", "host: test", *UPGRADE, "", ""]).encode()
        client.send(request + b"GET /smuggled HTTP/1.1\r\nhost: test\r\n\r\n")
        assert client.read_response().status == 403
        client.expect_closed()


def test_a_websocket_comes_after_ordinary_requests_of_its_connection(shared):
    s = shared("sockets:echo")
    with RawSocket(s, upgrade=(), begin=False) as ws:
        assert ws.read_response().body == b"ordinary"
        ws.get("/", *UPGRADE)
        ws.accepted()
        ws.say("hello")
        assert ws.read_message() == "hello"
