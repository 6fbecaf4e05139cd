"""Messages of a WebSocket, both ways (RFC 6455 section 5, ASGI's `websocket.receive` and `websocket.send`)."""

import asyncio
import threading
import zlib

import aiohttp
import pytest
from frames import BINARY, CONTINUATION, PING, PONG, TEXT, UPGRADE, RawSocket, close, frame, text
from websockets.sync.client import connect


def url(s, path="/"):
    return s.url.replace("http", "ws", 1) + path


@pytest.mark.parametrize("size", [0, 1, 125, 126, 4096, 4097, 65535, 65536, 1_000_000])
def test_b52_messages_of_any_size_are_echoed(shared, size):
    with RawSocket(shared("sockets:echo")) as ws:
        ws.send(frame(BINARY, b"\xff" * size))
        assert ws.read_message() == b"\xff" * size
        ws.send(text("ü" * size))
        assert ws.read_message() == "ü" * size
        ws.send(text("a" * size))
        assert ws.read_message() == "a" * size


@pytest.mark.parametrize("character", ["\x7f", "\x80", "ü", "€", "😀"])
@pytest.mark.parametrize("place", [0, 255, 256, 8190, 65535])
def test_b52_a_large_text_may_have_any_character_anywhere(shared, place, character):
    message = "a" * place + character + "b" * (65535 - place)
    with RawSocket(shared("sockets:echo")) as ws:
        ws.send(text(message) + frame(TEXT, message[:300].encode(), last=False))
        assert ws.read_message() == message
        ws.send(frame(CONTINUATION, message[300:].encode()))
        assert ws.read_message() == message


def test_b52_other_clients_agree(shared):
    s = shared("sockets:echo")
    with connect(url(s), max_size=None) as ws:
        for message in ("text", b"bytes", "ü" * 100_000, b"\0" * 1_000_000):
            ws.send(message)
            assert ws.recv() == message

    async def talk():
        async with aiohttp.ClientSession() as session, session.ws_connect(url(s), compress=15) as ws:
            await ws.send_str("hello " * 100)
            assert (await ws.receive_str()) == "hello " * 100
            await ws.ping()

    asyncio.run(talk())


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_b52_bytes_may_come_in_any_pieces(shared, size):
    data = text("hello") + frame(PING, b"?") + frame(BINARY, b"x" * 300) + text("ü" * 70)
    with RawSocket(shared("sockets:echo")) as ws:
        for start in range(0, len(data), size):
            ws.send(data[start : start + size])
        answers = [ws.read_frame() for _ in range(4)]
        answers.remove((PONG, b"?", True, 0))  # a pong need not wait for the application
        assert [answer.payload for answer in answers] == [b"hello", b"x" * 300, ("ü" * 70).encode()]


def test_a106_b60_fragments_are_one_message(shared):
    with RawSocket(shared("sockets:echo")) as ws:
        for opcode in (TEXT, BINARY):
            ws.send(frame(opcode, b"a" * 512, last=False))
            for _ in range(4):
                ws.send(frame(PING, b"between") + frame(CONTINUATION, b"b" * 512, last=False))
            ws.send(frame(CONTINUATION, b"c" * 512))
            assert [ws.read_frame().opcode for _ in range(4)] == [PONG] * 4
            answer = ws.read_frame()
            assert (answer.opcode, answer.payload) == (opcode, b"a" * 512 + b"b" * 2048 + b"c" * 512)


def test_a106_a_message_has_one_of_text_and_bytes(server):
    with server("sockets:listen") as s, RawSocket(s) as ws:
        ws.send(text("hello") + frame(BINARY, b"bytes"))
        first, second = s.wait_for_note("message"), s.wait_for_note("message", count=2)
        assert first == {"event": "message", "type": "websocket.receive", "text": "hello"}
        assert second == {"event": "message", "type": "websocket.receive", "bytes": "bytes"}


def test_a107_anything_with_bytes_may_be_sent(shared):
    with RawSocket(shared("sockets:forms")) as ws:
        assert [ws.read_message() for _ in range(5)] == [b"bytes", b"bytearray", b"memoryview", b"", ""]


def test_a107_a114_wrong_events_raise_and_harm_nothing(server):
    with server("sockets:wrong_after") as s, RawSocket(s, "/after") as ws:
        assert ws.read_message() == "fine"
        s.wait_for_note("refused", count=15)
        refused = [note for note in s.notes if note["event"] == "refused"]
        kinds = [note["kind"] for note in refused]
        assert kinds == [
            "RuntimeError",
            *["ValueError"] * 3,
            *["TypeError"] * 2,
            "UnicodeEncodeError",
            *["ValueError"] * 5,
            *["TypeError"] * 2,
            "RuntimeError",
        ]
        expected = "Expected ASGI message 'websocket.send' or 'websocket.close', but got 'websocket.accept'."
        assert refused[0]["text"] == expected


@pytest.mark.parametrize("path, late", [("/closed", "RuntimeError"), ("/left", "ClientDisconnected")])
def test_a5_what_is_wrong_is_raised_where_send_is_awaited_and_not_where_it_is_called(server, path, late):
    with server("sockets:awaited_later") as s, RawSocket(s, path) as ws:
        if path == "/left":
            ws.send(close(1000))
        ws.expect_close(1000)
        kinds = s.wait_for_note("raised")["kinds"]
        assert kinds == ["RuntimeError", "ValueError", "TypeError", late, late]


@pytest.mark.parametrize("path", ["/before", "/after"])
def test_a107_what_is_no_event_raises(server, path):
    with server("sockets:wrong_events") as s, RawSocket(s, path) as ws:
        assert ws.read_message() == "fine"
        s.wait_for_note("refused", count=5)
        kinds = [note["kind"] for note in s.notes if note["event"] == "refused"]
        assert kinds == ["ValueError", "TypeError", "RuntimeError", "RuntimeError", "TypeError"]


def test_a111_pings_are_answered_while_the_application_does_something_else(server):
    with server("sockets:late") as s, RawSocket(s) as ws:
        s.wait_for_note("accepted")
        ws.send(text("not taken") + b"".join(frame(PING, b"%d" % number) for number in range(10)))
        assert [ws.read_frame() for _ in range(10)] == [(PONG, b"%d" % number, True, 0) for number in range(10)]
        s.open_gate("take")
        assert s.wait_for_note("message")["text"] == "not taken"


def test_a111_pongs_that_nobody_asked_for_are_ignored(shared):
    with RawSocket(shared("sockets:echo")) as ws:
        ws.send(frame(PONG, b"hello") + text("after"))
        assert ws.read_message() == "after"


def test_a13_messages_of_one_turn_are_taken_without_the_event_loop(server):
    with server("sockets:batch") as s, RawSocket(s) as ws:
        ws.send(text("first") + b"".join(text(str(number)) for number in range(60)) + text("last"))
        assert ws.read_message() == "0"


def test_a60_messages_of_one_turn_leave_in_order(shared):
    with RawSocket(shared("sockets:burst")) as ws:
        assert [ws.read_message() for _ in range(100)] == [str(number) for number in range(100)]


def test_a12_giving_up_a_receive_loses_no_message(shared):
    with RawSocket(shared("sockets:cancels")) as ws:
        for number in range(50):
            ws.say(str(number))
        assert ws.read_message() == ",".join(map(str, range(50)))


def test_a11_one_task_sends_while_another_receives(shared):
    with RawSocket(shared("sockets:both_ways")) as ws:
        for number in range(50):
            ws.say(str(number))
        messages = [ws.read_message() for _ in range(100)]
        for kind in ("tick", "echo"):
            assert [m for m in messages if m.startswith(kind)] == [f"{kind} {number}" for number in range(50)]


def test_many_talk_at_once(shared):
    s = shared("sockets:echo")
    errors = []

    def talk(name):
        try:
            with connect(url(s)) as ws:
                for number in range(50):
                    ws.send(f"{name} {number}")
                    assert ws.recv() == f"{name} {number}"
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=talk, args=(name,)) for name in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


# Compression.

DEFLATE = "sec-websocket-extensions: permessage-deflate; client_max_window_bits"


def test_b64_compression_is_agreed_on_and_used(shared):
    with RawSocket(shared("sockets:echo"), "/", DEFLATE) as ws:
        assert ws.response.get("sec-websocket-extensions").startswith(b"permessage-deflate")
        compressor = zlib.compressobj(wbits=-12)
        inflator = zlib.decompressobj(wbits=-15)
        for _ in range(2):
            data = compressor.compress(b"hello " * 100) + compressor.flush(zlib.Z_SYNC_FLUSH)
            ws.send(frame(TEXT, data[:-4], reserved=4))
            answer = ws.read_frame()
            assert (answer.opcode, answer.reserved) == (TEXT, 4)
            assert inflator.decompress(answer.payload + b"\0\0\xff\xff") == b"hello " * 100


def test_b64_without_an_offer_there_is_no_compression(shared):
    with RawSocket(shared("sockets:echo")) as ws:
        assert ws.response.get("sec-websocket-extensions") is None
        ws.say("a" * 1000)
        assert ws.read_frame().reserved == 0


def test_b64_compression_can_be_switched_off(server):
    with server("sockets:echo", "--ws-per-message-deflate", "off") as s, RawSocket(s, "/", DEFLATE) as ws:
        assert ws.response.get("sec-websocket-extensions") is None
        ws.say("a" * 1000)
        assert ws.read_frame().reserved == 0


def test_without_websockets_a_request_for_one_is_an_ordinary_request(server):
    with server("sockets:echo", "--ws", "none") as s:
        assert s.get("/", *UPGRADE).body == b"ordinary"


def test_a_message_behind_the_clients_goodbye_is_not_heard(server):
    with server("sockets:listen") as s, RawSocket(s) as ws:
        ws.send(text("one") + close(1000) + text("two"))
        s.wait_for_note("disconnected")
        assert [note["text"] for note in s.notes if note["event"] == "message"] == ["one"]


def test_a18_messages_are_in_the_log_at_trace_level_but_not_what_they_say(server):
    with server("sockets:echo", "--log-level", "trace") as s, RawSocket(s) as ws:
        ws.send(text("a secret") + frame(BINARY, b"another"))
        assert [ws.read_message(), ws.read_message()] == ["a secret", b"another"]
        s.wait_for_line("Receive .*'websocket.connect'")
        s.wait_for_line("Receive .*'websocket.receive', 'text': <8 characters>")
        s.wait_for_line("Send .*<7 bytes>")
        assert not [line for line in s.lines if "secret" in line or "another" in line]
