"""WebSockets on streams of HTTP/2 (RFC 8441): the same application, the same words (B66)."""

import json
import signal
import zlib

import pytest
from frames import BINARY, CLOSE, PING, PONG, TEXT, close, frame, text
from stream_socket import VERSION, StreamSocket, ask, connect

CANCEL = 8


@pytest.fixture
def echo(shared):
    with connect(shared("sockets:echo", "--http2")) as client:
        yield client


def test_b66_messages_cross_on_streams_beside_each_other_and_requests(echo):
    one, other = StreamSocket(echo), StreamSocket(echo, "/other")
    one.say("to one")
    other.send(frame(BINARY, b"to the other"))
    assert (other.read_message(), one.read_message()) == (b"to the other", "to one")
    assert echo.fetch().body == b"ordinary"
    one.send(close(3000))
    one.expect_close(3000)
    one.expect_end()
    assert one.answer.ended
    other.say("still there")
    assert other.read_message() == "still there"
    assert echo.server_settings[8] == 1


def test_b66_the_scope_is_that_of_http2(shared):
    with connect(shared("sockets:show_scope", "--http2")) as client:
        ws = StreamSocket(client, "/a%20b?c=d", (b"sec-websocket-protocol", b"x, y"), authority=b"example.com")
        scope = json.loads(ws.read_message())
        assert (scope["type"], scope["http_version"], scope["scheme"]) == ("websocket", "2", "ws")
        assert (scope["path"], scope["query_string"], scope["subprotocols"]) == ("/a b", "c=d", ["x", "y"])
        assert scope["headers"][0] == ["host", "example.com"]
        assert not {"method", "http.response.push"} & {*scope, *scope["extensions"]}


def test_b66_a_trusted_proxy_says_that_it_is_secure(server):
    with server("sockets:show_scope", "--http2", "--forwarded-allow-ips", "127.0.0.1") as s, connect(s) as client:
        assert json.loads(StreamSocket(client, scheme=b"https").read_message())["scheme"] == "wss"


def test_b66_the_answer_has_what_the_application_gives_and_nothing_of_a_connection(shared):
    with connect(shared("sockets:answer_by_path", "--http2")) as client:
        ws = StreamSocket(client, "/headers")
        assert [value for name, value in ws.answer.headers if name in (b"x-one", b"set-cookie")] == [b"1", b"a", b"b"]
        assert StreamSocket(client, "/server").answer.get(b"server") == b"own"
        ws = StreamSocket(client, "/subprotocol", (b"sec-websocket-protocol", b"x, y"))
        assert ws.answer.get(b"sec-websocket-protocol") == b"y"
        assert ws.read_message() == "x,y"
        denied = client.answer(ask(client, "/bare", VERSION))
        assert (denied.status, denied.body) == (403, b"")


def test_b66_a_denial_is_an_ordinary_answer(shared):
    with connect(shared("sockets:deny_by_path", "--http2")) as client:
        denied = client.answer(ask(client, "/whole", VERSION))
        assert (denied.status, denied.body, denied.get(b"www-authenticate")) == (401, b"goodbye", b"Basic")
        assert bytes(client.answer(ask(client, "/binary", VERSION)).body) == b"\xff\x00" + b"\xfe" * 18


@pytest.mark.parametrize(
    ("headers", "more", "status"),
    [
        ([VERSION], {"protocol": b"connect-udp"}, 501),
        ([], {}, 400),
        ([(b"sec-websocket-version", b"8")], {}, 400),
        ([VERSION], {"end": True}, 400),
        ([VERSION, (b"content-length", b"5")], {}, 400),
        ([VERSION, (b"sec-websocket-extensions", b"a;;")], {}, 400),
    ],
)
def test_b66_a_bad_request_is_refused_and_harms_nothing(echo, headers, more, status):
    stream = ask(echo, "/", *headers, **more)
    answer = echo.head(stream)
    assert (answer.status, answer.get(b"upgrade")) == (status, None)
    if status == 400 and not more:
        assert answer.get(b"sec-websocket-version") in (b"13", None)
    StreamSocket(echo).say("fine")


def test_b66_without_websockets_the_protocol_is_refused(server):
    with server("sockets:echo", "--http2", "--ws", "none") as s, connect(s) as client:
        assert client.answer(ask(client, "/", VERSION)).status == 501


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_b66_wsgi_refuses(server, worker_class):
    with server("wsgi_answers:app", "--http2", worker_class=worker_class) as s, connect(s) as client:
        stream = ask(client, "/", VERSION)
        answer = client.answer(stream)
        assert (answer.status, answer.body) == (501, b"the protocol that CONNECT asks for is not supported\n")


def test_b66_what_comes_before_the_answer_belongs_to_the_websocket(server):
    with server("sockets:wait_to_accept", "--http2") as s, connect(s) as client:
        ws = StreamSocket(client, begin=False)
        s.wait_for_note("asked")
        ws.send(text("early") + text("bird"))
        assert client.fetch("/gate/unknown").status == 204  # the frames were taken in before this
        s.open_gate("accept")
        ws.accepted()
        assert [s.wait_for_note("message", count=n)["text"] for n in (1, 2)] == ["early", "bird"]


def test_b66_compression_is_agreed_on(echo):
    ws = StreamSocket(echo, "/", (b"sec-websocket-extensions", b"permessage-deflate"))
    assert ws.answer.get(b"sec-websocket-extensions").startswith(b"permessage-deflate")
    compressor = zlib.compressobj(wbits=-12)
    data = compressor.compress(b"hello " * 100) + compressor.flush(zlib.Z_SYNC_FLUSH)
    ws.send(frame(TEXT, data[:-4], reserved=4))
    answer = ws.read_frame()
    assert zlib.decompressobj(wbits=-15).decompress(answer.payload + b"\0\0\xff\xff") == b"hello " * 100


@pytest.mark.parametrize("size", [65535, 65536, 1_000_000])
def test_b66_large_messages_cross(echo, size):
    ws = StreamSocket(echo)
    ws.send(frame(BINARY, b"x" * size))
    assert ws.read_message() == b"x" * size


def test_b66_many_small_messages_cross(echo):
    ws = StreamSocket(echo)
    for number in range(5000):
        echo.h2.send_data(ws.stream, text(str(number)))
        if number % 100 == 99:
            echo.flush()
            assert [ws.read_message() for _ in range(100)] == [str(n) for n in range(number - 99, number + 1)]


# Ends.


def ended(s):
    note = s.wait_for_note("disconnected")
    return note["code"], note["reason"]


def test_b66_a_reset_is_the_end_of_that_websocket_only(server):
    with server("sockets:listen", "--http2") as s, connect(s) as client:
        gone, stays = StreamSocket(client), StreamSocket(client)
        gone.say("last words")
        client.h2.reset_stream(gone.stream, CANCEL)
        client.flush()
        assert s.wait_for_note("message")["text"] == "last words"
        assert ended(s) == (1006, "")
        stays.send(frame(PING, b"still there"))
        assert stays.read_frame() == (PONG, b"still there", True, 0)


def test_b66_an_end_without_a_goodbye_is_1006(server):
    with server("sockets:listen", "--http2") as s, connect(s) as client:
        ws = StreamSocket(client)
        ws.send(text("last words"), end=True)
        ws.expect_end()
        assert ws.answer.ended
        assert s.wait_for_note("message")["text"] == "last words"
        assert ended(s) == (1006, "")


def test_b66_a_goodbye_may_come_with_the_end(server):
    with server("sockets:listen", "--http2") as s, connect(s) as client:
        ws = StreamSocket(client)
        ws.send(text("last words") + close(1001, b"bye"), end=True)
        ws.expect_close(1001)
        ws.expect_end()
        assert ws.answer.ended and ws.answer.reset is None
        assert ended(s) == (1001, "bye")


def test_b66_a_connection_that_is_lost_is_1006_for_all(server):
    with server("sockets:listen", "--http2") as s:
        with connect(s) as client:
            sockets = [StreamSocket(client) for _ in range(5)]
            assert len(sockets) == 5
        s.wait_for_note("disconnected", count=5)
        assert {note["code"] for note in s.notes if note["event"] == "disconnected"} == {1006}


def test_b66_the_application_closes(shared):
    with connect(shared("sockets:close_by_path", "--http2")) as client:
        ws = StreamSocket(client, "/?code=3001&reason=why")
        ws.expect_close(3001, "why")
        ws.send(close(3001))
        ws.expect_end()
        assert ws.answer.ended


def test_b66_a_broken_rule_ends_the_stream(echo):
    ws, other = StreamSocket(echo), StreamSocket(echo)
    ws.send(frame(TEXT, b"not masked", mask=b""))
    ws.expect_close(1002)
    ws.expect_end()
    other.say("fine")
    assert other.read_message() == "fine"


def test_b66_a_stop_says_1012_and_lets_applications_finish(server):
    with server("sockets:tidy", "--http2") as s, connect(s) as client:
        ws = StreamSocket(client)
        s.kill(signal.SIGTERM)
        ws.expect_close(1012)
        ws.send(close(1012))
        ws.expect_end()
        s.wait_for_note("tidied")
        assert client.until_closed()
        assert s.wait_for_exit() == 0


def test_b66_a_stop_answers_handshakes_with_503(server):
    with server("sockets:wait_to_accept", "--http2") as s, connect(s) as client:
        stream = ask(client, "/", VERSION)
        s.wait_for_note("asked")
        s.kill(signal.SIGTERM)
        assert client.answer(stream).status == 503
        assert s.wait_for_exit() == 0


def test_b66_each_websocket_has_its_line_in_the_access_log(server):
    with server("sockets:echo", "--http2", "--access-logfile", "-") as s, connect(s) as client:
        ws = StreamSocket(client, "/room")
        ws.send(close(1000))
        ws.expect_close(1000)
        s.stdout.wait_for(r'"CONNECT /room HTTP/2" 200 4 ')


# Flow.


def test_b66_an_application_that_does_not_receive_shuts_the_window_of_its_stream_only(server):
    with server("sockets:late", "--http2", "--ws-max-queue", "1") as s, connect(s) as client:
        ws, other = StreamSocket(client), StreamSocket(client)
        sent = 0
        # A window's worth is read ahead, and another waits.
        while sent < 10_000 and client.h2.local_flow_control_window(ws.stream) > 100:
            client.h2.send_data(ws.stream, text("x" * 60))
            client.flush()
            sent += 1
            if sent % 50 == 0:
                other.send(frame(PING, b""))
                while other.read_frame().opcode != PONG:
                    pass
        assert sent < 10_000
        s.open_gate("take")
        s.wait_for_note("message", count=sent)
        ws.send(close(1000))
        ws.expect_close(1000)


def test_b66_a_client_without_window_makes_the_application_wait(server):
    with server("sockets:flood", "--http2", "--write-timeout", "0") as s, connect(s) as client:
        client.reads = False
        ws = StreamSocket(client)
        s.wait_for_note("full")
        assert client.fetch().status == 200
        client.reads = True
        client.h2.increment_flow_control_window(1 << 20)
        client.h2.increment_flow_control_window(1 << 20, ws.stream)
        client.flush()
        assert len(ws.read_message()) == 65536
        client.h2.reset_stream(ws.stream, CANCEL)
        client.flush()
        assert s.wait_for_note("ended")["kind"] == "ClientDisconnected"


def test_b66_a_client_that_gives_no_window_for_too_long_loses_its_stream(server):
    with server("sockets:flood", "--http2", "--write-timeout", "1") as s, connect(s) as client:
        client.reads = False
        ws = StreamSocket(client)
        client.until(lambda: ws.answer.over)
        assert ws.answer.reset == CANCEL
        assert s.wait_for_note("ended")["kind"] == "ClientDisconnected"


def test_b66_pings_are_sent_and_silence_ends_the_stream(server):
    flags = ("--ws-ping-interval", "1", "--ws-ping-timeout", "1", "--keep-alive", "1")
    with server("sockets:listen", "--http2", *flags) as s, connect(s) as client:
        ws = StreamSocket(client)
        for _ in range(3):
            ping = ws.read_frame()
            assert ping.opcode == PING
            ws.send(frame(PONG, ping.payload))
        assert ws.read_frame().opcode == PING
        goodbye = ws.expect_close(1011, "keepalive ping timeout")
        assert goodbye.opcode == CLOSE
        ws.expect_end()
        assert ended(s) == (1011, "keepalive ping timeout")
