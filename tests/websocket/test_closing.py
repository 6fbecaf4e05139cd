"""How WebSockets end, and what each side is told (RFC 6455 section 7, ASGI's `websocket.close` and `websocket.disconnect`)."""

import struct

import pytest
from client import ProtocolError
from frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, RawSocket, close, frame, text
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def ended(s):
    note = s.wait_for_note("disconnected")
    assert note.get("again", True)
    return note["code"], note["reason"]


# The client says goodbye.


@pytest.mark.parametrize(
    "code, reason, seen",
    [
        (1000, b"", (1000, "")),
        (1001, b"custom reason", (1001, "custom reason")),
        (3999, "ü".encode(), (3999, "ü")),
        (None, b"", (1005, "")),
    ],
)
def test_a108_b57_the_application_hears_the_clients_code_and_reason(server, code, reason, seen):
    with server("sockets:listen") as s, RawSocket(s) as ws:
        ws.send(close(code, reason))
        goodbye = ws.read_frame()
        assert goodbye == (CLOSE, struct.pack("!H", code) if code else b"", True, 0)
        ws.expect_end()
        assert ended(s) == seen


def test_a108_a_connection_that_is_gone_is_1006(server):
    with server("sockets:listen") as s, RawSocket(s) as ws:
        ws.close()
        assert ended(s) == (1006, "")


def test_a108_b58_a_connection_that_is_reset_is_1006(server):
    with server("sockets:listen") as s, RawSocket(s) as ws:
        ws.reset()
        assert ended(s) == (1006, "")


def test_a112_a_client_that_leaves_before_the_answer_is_1006_and_nobody_is_to_blame(server):
    with server("sockets:wait_to_accept") as s, RawSocket(s, begin=False) as ws:
        s.wait_for_note("asked")
        ws.close()
        assert s.wait_for_note("told")["code"] == 1006
        assert s.wait_for_note("refused")["kind"] == "ClientDisconnected"


def test_a116_b63_what_was_said_before_the_goodbye_is_delivered_before_it(server):
    with server("sockets:late") as s, RawSocket(s) as ws:
        s.wait_for_note("accepted")
        ws.send(text("one") + text("two") + text("three") + close(1000, b"done"))
        assert ws.read_frame().code == 1000
        ws.expect_end()
        s.open_gate("take")
        assert ended(s) == (1000, "done")
        assert [note["text"] for note in s.notes if note["event"] == "message"] == ["one", "two", "three"]


def test_a116_what_was_said_before_the_connection_was_lost_is_delivered(server):
    with server("sockets:late") as s, RawSocket(s) as ws:
        s.wait_for_note("accepted")
        ws.send(b"".join(text(str(number)) for number in range(200)))
        ws.close()
        s.open_gate("take")
        assert ended(s) == (1006, "")
        assert [note["text"] for note in s.notes if note["event"] == "message"] == [str(n) for n in range(200)]


@pytest.mark.parametrize("way", ["close", "reset", "goodbye"])
def test_a110_sending_to_a_client_that_left_raises_an_oserror(server, way):
    with server("sockets:report_end") as s, RawSocket(s) as ws:
        ws.say("begin")
        ws.send(close(1000)) if way == "goodbye" else getattr(ws, way)()
        s.wait_for_note("gone")
        assert s.wait_for_note("raised") == {"event": "raised", "kind": "ClientDisconnected", "attempt": 0}
        assert s.wait_for_note("raised", count=2)["attempt"] == 1
        assert s.wait_for_note("done")["again"] == "websocket.disconnect"


def test_a110_the_error_may_escape_and_is_not_logged(server):
    with server("sockets:escape_with_disconnect") as s:
        with RawSocket(s) as ws:
            ws.close()
            s.wait_for_note("gone")
        s.stop()
        assert not [line for line in s.lines if "ERROR" in line or "Traceback" in line]


# The application says goodbye.


@pytest.mark.parametrize("code", ["", "code=None", "code=1000", "code=1001", "code=4999"])
@pytest.mark.parametrize("reason", ["", "reason=None", "reason=test"])
def test_a109_b56_the_client_hears_the_applications_code_and_reason(server, code, reason):
    with server("sockets:close_by_path") as s, RawSocket(s, f"/?{code}&{reason}") as ws:
        wanted = int(code[5:]) if code[5:].isdigit() else 1000
        said = "test" if reason == "reason=test" else ""
        ws.expect_close(wanted, said)
        ws.send(close(wanted))
        ws.expect_end()
        assert ended(s) == (wanted, said)


def test_a114_after_closing_nothing_may_be_sent(server):
    with server("sockets:close_by_path") as s, RawSocket(s) as ws:
        ws.expect_close(1000)
        refused = [s.wait_for_note("refused", count=count)["text"] for count in (1, 2)]
        assert refused == [
            f"Unexpected ASGI message '{name}', after sending 'websocket.close'."
            for name in ("websocket.send", "websocket.close")
        ]


def test_a115_after_closing_the_application_hears_its_own_code_at_once(server):
    with server("sockets:close_by_path") as s, RawSocket(s, "/?code=1008&reason=no") as ws:
        assert ended(s) == (1008, "no")  # although the client has not answered
        ws.expect_close(1008)


def test_a115_after_a_denial_it_is_1006(server):
    with server("sockets:deny_by_path") as s, RawSocket(s, "/whole", begin=False) as ws:
        assert ws.read_response().status == 401
        assert ended(s) == (1006, "")


def test_a109_a_reason_is_cut_between_two_characters(shared):
    with RawSocket(shared("sockets:close_with_long_reason")) as ws:
        ws.expect_close(3000, "ü" * 61)


def test_a_client_that_does_not_answer_a_goodbye_is_let_go(shared):
    with RawSocket(shared("sockets:close_by_path")) as ws:
        ws.expect_close(1000)
        ws.say("anything but a goodbye")
        ws.expect_end()


# The application ends without one.


@pytest.mark.parametrize("way, code", [("returns", 1000), ("raises", 1011), ("value", 1011), ("twice", 1011)])
def test_a113_b55_an_application_that_ends_after_it_accepted_closes(server, way, code):
    with server("sockets:leave") as s, RawSocket(s, f"/after/{way}") as ws:
        if way != "returns":
            s.expect_errors()
        assert ws.read_message() == "hello"
        ws.expect_close(code)
        ws.send(close(code))
        ws.expect_end()
        says = {"raises": "ValueError: on purpose", "value": "returned '7'", "twice": "RuntimeError: Expected ASGI"}
        if way in says:
            s.wait_for_line(says[way])


@pytest.mark.parametrize("way", ["returns", "raises", "value"])
def test_a113_b55_an_application_that_ends_before_it_accepted_is_a_500(server, way):
    with server("sockets:leave") as s, RawSocket(s, f"/before/{way}", begin=False) as ws:
        s.expect_errors()
        response = ws.read_response()
        assert (response.status, response.body, response.closes) == (500, b"Internal Server Error", True)
        ws.expect_closed()
        s.wait_for_line("without completing handshake|ValueError: on purpose|returned '7'")


def test_b55_sending_before_accepting_is_a_500(server):
    with server("sockets:leave") as s, RawSocket(s, "/before/early", begin=False) as ws:
        s.expect_errors()
        assert ws.read_response().status == 500
        s.wait_for_line("RuntimeError: Expected ASGI message 'websocket.accept'")


# The client breaks a rule.

BROKEN = [
    ("unmasked", frame(TEXT, b"x", mask=b""), 1002),
    ("reserved bit", frame(TEXT, b"x", reserved=4), 1002),
    ("reserved opcode", frame(3, b"x"), 1002),
    ("reserved control", frame(11, b"x"), 1002),
    ("fragmented control", frame(PING, b"x", last=False), 1002),
    ("long control", frame(PING, b"x" * 126), 1002),
    ("lone continuation", frame(CONTINUATION, b"x"), 1002),
    ("interrupted message", frame(TEXT, b"x", last=False) + frame(TEXT, b"y"), 1002),
    ("close of one byte", frame(CLOSE, b"\3"), 1002),
    ("close code 999", close(999), 1002),
    ("close code 1005", close(1005), 1002),
    ("close code 1006", close(1006), 1002),
    ("close code 5000", close(5000), 1002),
    ("text", frame(TEXT, b"\xff"), 1007),
    ("end of a large text", frame(TEXT, b"x" * 65535 + b"\xff"), 1007),
    ("text in fragments", frame(TEXT, b"\xc3", last=False) + frame(CONTINUATION, b"x"), 1007),
    ("close reason", close(1000, b"\xff"), 1007),
]


@pytest.mark.parametrize("data, code", [pytest.param(data, code, id=name) for name, data, code in BROKEN])
def test_a_broken_rule_ends_the_websocket_and_both_sides_are_told(server, data, code):
    with server("sockets:listen") as s, RawSocket(s) as ws:
        ws.send(text("good") + data + text("not heard"))
        ws.expect_close(code)
        ws.expect_end()
        assert ended(s)[0] == code
        assert [note.get("text") for note in s.notes if note["event"] == "message"] == ["good"]


@pytest.mark.parametrize("fragments", [1, 64])
def test_b59_a_message_may_be_as_large_as_permitted_and_no_larger(server, fragments):
    with server("sockets:echo", "--ws-max-size", "65536") as s:
        for excess, fits in ((0, True), (1, False)):
            with RawSocket(s) as ws:
                first = frame(BINARY, b"x" * 1024, last=fragments == 1)
                if fragments == 1:
                    ws.send(frame(BINARY, b"x" * (65536 + excess)))
                else:
                    ws.send(first + frame(CONTINUATION, b"x" * 1024, last=False) * 62)
                    ws.send(frame(CONTINUATION, b"x" * (1024 + excess)))
                if fits:
                    assert len(ws.read_message()) == 65536
                else:
                    ws.expect_close(1009, "Message exceeds the maximum size (65536 bytes)")
                    assert s.wait_for_note("disconnected", count=2)["code"] == 1009


def test_b59_the_default_is_16_mib(shared):
    with connect(shared("sockets:echo").url.replace("http", "ws", 1), max_size=None, compression=None) as ws:
        ws.send(b"x" * 16777216)
        assert len(ws.recv()) == 16777216
        ws.send(b"x" * 16777217)
        with pytest.raises(ConnectionClosed) as raised:
            ws.recv()
        assert raised.value.rcvd.code == 1009


def test_b59_without_a_limit_more_is_permitted(server):
    with server("sockets:echo", "--websocket-max-message-size", "0") as s:
        with connect(s.url.replace("http", "ws", 1), max_size=None, compression=None) as ws:
            ws.send(b"x" * 20_000_000)
            assert len(ws.recv()) == 20_000_000


def test_b59_compressed_messages_are_measured_when_inflated(server):
    with server("sockets:echo", "--ws-max-size", "1000") as s:
        with connect(s.url.replace("http", "ws", 1)) as ws:
            ws.send("x" * 1001)
            with pytest.raises(ConnectionClosed) as raised:
                ws.recv()
            assert raised.value.rcvd.code == 1009


def test_frames_behind_the_goodbye_do_no_harm(shared):
    s = shared("sockets:echo")
    with RawSocket(s) as ws:
        ws.send(close(1000) + text("late") + frame(PING, b"late") + b"\xff" * 1000)
        ws.expect_close(1000)
        ws.expect_end()
    with RawSocket(s) as ws:
        ws.say("alive")
        assert ws.read_message() == "alive"


def test_what_came_before_a_broken_rule_is_answered_before_it(shared):
    with RawSocket(shared("sockets:echo")) as ws:
        ws.send(text("one") + text("two") + frame(TEXT, b"bad", reserved=2) + text("late"))
        assert [ws.read_message(), ws.read_message()] == ["one", "two"]
        ws.expect_close(1002)
        ws.expect_end()


def test_a_broken_rule_does_not_wait_for_the_application(server):
    with server("sockets:late") as s, RawSocket(s) as ws:
        s.wait_for_note("accepted")
        ws.send(text("not taken") + frame(TEXT, b"bad", reserved=2))
        ws.expect_close(1002)
        ws.expect_end()
        s.open_gate("take")
        assert s.wait_for_note("message")["text"] == "not taken"
        assert ended(s)[0] == 1002


def test_a_broken_rule_behind_more_than_is_read_ahead_is_found(server):
    with server("sockets:late", "--ws-max-queue", "1") as s, RawSocket(s) as ws:
        s.wait_for_note("accepted")
        ws.send(text("one") + text("two") + frame(TEXT, b"bad", reserved=2))
        s.open_gate("take")
        s.wait_for_note("message", count=2)
        assert ended(s)[0] == 1002
        ws.expect_close(1002)


# The access log.


def test_the_access_log_has_a_line_when_it_is_over(server):
    with server("sockets:echo", "--access-logfile", "-", "--access-logformat", "%(r)s|%(s)s|%(B)s") as s:
        with RawSocket(s, "/chat?a=b") as ws:
            ws.say("12345")
            assert ws.read_message() == "12345"
            ws.send(close(1000))
            ws.expect_close(1000)
            ws.expect_end()
        assert s.stdout.wait_for(r"\|").string == "GET /chat?a=b HTTP/1.1|101|11"  # 2 + 5 and 2 + 2 bytes


def test_hooks_are_called_around_a_websocket(server, tmp_path):
    config = tmp_path / "hooks.py"
    config.write_text(
        "import sys\n"
        'def pre_request(worker, req): print(\'note: {"event": "pre"}\', file=sys.stderr, flush=True)\n'
        "def post_request(worker, req, environ, resp):\n"
        '    print(\'note: {"event": "post", "status": "%s"}\' % resp.status, file=sys.stderr, flush=True)\n'
    )
    with server("sockets:echo", "-c", config) as s, RawSocket(s) as ws:
        s.wait_for_note("pre")
        ws.send(close(1000))
        assert s.wait_for_note("post")["status"].startswith("101")


def test_the_client_of_these_tests_notices_a_cut_frame(shared):
    with RawSocket(shared("sockets:echo")) as ws:
        ws.buffer, ws.ended = b"\x81\x05he", True
        with pytest.raises(ProtocolError):
            ws.read_frame()
