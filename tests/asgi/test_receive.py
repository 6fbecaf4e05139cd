"""What `receive()` gives the application (A40-A50)."""

import ast
import hashlib
import select

import pytest


def chunked(*parts, trailers=b""):
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailers + b"\r\n"


def posting(length, *headers):
    lines = ["POST / HTTP/1.1", "host: x", f"content-length: {length}", *headers, "", ""]
    return "\r\n".join(lines).encode()


@pytest.fixture(scope="module")
def echo(server):
    with server("echo:app") as s:
        yield s


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
)
def test_a40_a_request_without_body_has_exactly_one_event(server, request_bytes):
    with server("receiving:events") as s:
        events = ast.literal_eval(s.exchange(request_bytes).body.decode())
    assert events == [{"type": "http.request", "body": b"", "more_body": False}]


def test_a40_the_last_event_of_a_body_says_so(server):
    with server("receiving:events") as s:
        events = ast.literal_eval(s.exchange(posting(300_000) + b"x" * 300_000).body.decode())
    assert {event["type"] for event in events} == {"http.request"}
    assert [event["more_body"] for event in events] == [True] * (len(events) - 1) + [False]
    assert b"".join(event["body"] for event in events) == b"x" * 300_000


@pytest.mark.parametrize("size", [1, 100, 65536, 1_000_000])
def test_b2_a_body_of_known_length_is_given_whole(echo, size):
    body = bytes(index % 251 for index in range(size))
    assert echo.exchange(posting(size) + body).body == body


def test_a41_b3_a_chunked_body_is_decoded(echo):
    assert echo.exchange(chunked(b"hello", b" ", b"x" * 100_000)).body == b"hello " + b"x" * 100_000


def test_a41_an_empty_chunked_body_is_empty(echo):
    assert echo.exchange(chunked()).body == b""


def test_a41_b3_chunk_extensions_and_trailers_are_not_part_of_the_body(echo):
    with echo.connect() as client:
        client.send(
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
            b'5;name=value;other="quoted"\r\nhello\r\n0\r\nx-checksum: 1\r\nx-more: 2\r\n\r\n'
        )
        assert client.read_response().body == b"hello"
        client.get("/")
        assert client.read_response().complete


def test_a41_the_chunk_size_is_hexadecimal_in_either_case(echo):
    request = b"POST / HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
    assert echo.exchange(request + b"a\r\n0123456789\r\n0\r\n\r\n").body == b"0123456789"
    assert echo.exchange(request + b"00A\r\n0123456789\r\n000\r\n\r\n").body == b"0123456789"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a42_the_first_part_of_a_body_comes_before_the_last_is_sent(server, framing):
    if framing == "length":
        parts = [posting(10), b"hello", b"world"]
    else:
        parts = [
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
            b"5\r\nhello\r\n",
            b"5\r\nworld\r\n0\r\n\r\n",
        ]
    with server("receiving:each_chunk") as s, s.connect() as client:
        client.send(parts[0] + parts[1])
        assert s.wait_for_note("chunk") == {"event": "chunk", "body": "hello", "more": True}
        client.send(parts[2])
        assert client.read_response().status == 200
        s.wait_for_line('"more": false')
        assert "".join(note["body"] for note in s.notes) == "helloworld"


def test_a43_b35_the_server_stops_reading_when_the_app_does_not(server):
    piece, total = b"\x3c" * 65536, 96 << 20
    with server("echo:digest_after_gate") as s, s.connect() as client:
        s.open_gate("other")
        before, sent = s.worker_memory(), 0
        client.send(posting(total))
        client.socket.setblocking(False)
        # The client's socket stays full for a second: the server has stopped.
        while sent < total and select.select([], [client.socket], [], 1)[1]:
            sent += client.socket.send(piece[: total - sent])
        assert sent < 32 << 20
        assert s.worker_memory() - before < 8 << 20
        client.socket.settimeout(15)
        s.open_gate("read")
        while sent < total:
            sent += client.socket.send(piece[: total - sent])
        digest = hashlib.sha256(piece * (total // len(piece))).hexdigest()
        assert client.read_response().body.decode() == f"{total} {digest}"


def test_a44_b27_receive_gives_a_disconnect_after_the_response(server):
    with server("receiving:after_the_response") as s, s.connect() as client:
        client.get("/")
        assert client.read_response().status == 200
        assert s.wait_for_note("after")["message"] == {"type": "http.disconnect"}
        assert s.wait_for_note("again")["message"] == {"type": "http.disconnect"}


def test_a44_receive_gives_a_disconnect_after_a_response_to_an_unread_body(server):
    with server("receiving:after_the_response") as s, s.connect() as client:
        client.send(posting(5) + b"hello")
        assert client.read_response().status == 200
        assert s.wait_for_note("after")["message"] == {"type": "http.disconnect"}


def test_a45_a46_after_the_body_receive_waits_for_the_end_of_the_exchange(server):
    with server("receiving:after_the_body") as s, s.connect() as client:
        client.post(b"hello")
        assert client.read_response().body == b"answer"
        assert s.wait_for_note("before the response")["done"] is False
        assert s.wait_for_note("after the response")["message"] == {"type": "http.disconnect"}
        for count in (1, 2, 3):
            assert s.wait_for_note("again", count=count)["message"] == {"type": "http.disconnect"}


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a44_a46_disconnect_is_repeatable(server, leave):
    with server("receiving:until_disconnect") as s:
        client = s.connect()
        client.get("/")
        s.wait_for_note("event")
        getattr(client, leave)()
        for count in (1, 2, 3):
            assert s.wait_for_note("again", count=count)["type"] == "http.disconnect"


def test_a47_b29_a_disconnect_is_noticed_while_nobody_waits_for_it(server):
    with server("receiving:busy_elsewhere") as s:
        client = s.connect()
        client.get("/")
        assert s.wait_for_note("called")["disconnected"] is False
        client.close()
        s.open_gate("look")
        assert s.wait_for_note("looked")["disconnected"] is True


@pytest.mark.parametrize(
    "request_bytes",
    [
        posting(10) + b"hello",
        posting(10),
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ],
    ids=["length", "nothing", "chunk", "half-chunk", "half-end"],
)
def test_a48_b28_a_client_that_leaves_mid_upload_is_a_disconnect_not_an_end(server, request_bytes):
    with server("receiving:until_disconnect") as s:
        client = s.connect()
        client.send(request_bytes)
        s.wait_for_note("called")
        client.close()
        s.wait_for_note("again", count=3)
        assert all(note["more"] for note in s.notes if note["event"] == "event" and note["type"] == "http.request")


def test_a49_b34_100_continue_is_sent_when_the_app_reads(echo):
    with echo.connect() as client:
        client.send(posting(5, "expect: 100-continue"))
        interim = client.read_one_head()
        assert (interim.status, interim.reason) == (100, "Continue")
        client.send(b"hello")
        response = client.read_response()
        assert response.body == b"hello" and not response.interim
        client.get("/")
        assert client.read_response().complete


def test_a49_100_continue_waits_for_the_first_receive(server):
    with server("receiving:reads_after_gate") as s, s.connect() as client:
        client.send(posting(5, "Expect: 100-Continue"))
        s.wait_for_note("called")
        # The answer to another connection comes after anything sent on this one.
        assert s.exchange(b"GET /gate/other HTTP/1.1\r\nhost: x\r\n\r\n").status == 204
        assert not select.select([client.socket], [], [], 0)[0]
        s.open_gate("read")
        assert client.read_one_head().status == 100
        client.send(b"hello")
        assert client.read_response().body == b"hello"


def test_a49_b34_100_continue_is_never_sent_when_the_app_does_not_read(server):
    with server("receiving:refuses_unread") as s, s.connect() as client:
        client.send(posting(5, "expect: 100-continue"))
        response = client.read_response()
        assert response.status == 204 and not response.interim


def test_a49_100_continue_is_never_sent_to_http_1_0(echo):
    request = b"POST / HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\nhello"
    response = echo.exchange(request)
    assert response.body == b"hello" and not response.interim


def test_a49_a_body_that_did_not_wait_for_100_continue_is_read(echo):
    assert echo.exchange(posting(5, "expect: 100-continue") + b"hello").body == b"hello"


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"


def test_a50_an_unread_body_is_never_parsed_as_a_request(server):
    with server("receiving:answers_unread") as s, s.connect() as client:
        client.send(posting(len(SMUGGLED)) + SMUGGLED)
        assert client.read_response().body == b"/"
        client.close()
        assert s.get("/next").body == b"/next"
        s.wait_for_line('"path": "/next"')
        assert [note["path"] for note in s.notes] == ["/", "/next"]


def test_a50_a_short_unread_body_leaves_a_usable_or_a_closed_connection(server):
    with server("receiving:answers_unread") as s, s.connect() as client:
        client.send(posting(5) + b"hello")
        response = client.read_response()
        assert response.body == b"/"
        if response.closes:
            return client.expect_closed()
        client.get("/next")
        assert client.read_response().body == b"/next"


def test_a50_the_rest_of_an_unread_body_that_comes_later_is_not_a_request(server):
    with server("receiving:answers_unread") as s, s.connect() as client:
        client.send(posting(len(SMUGGLED) + 5) + b"hello")
        assert client.read_response().body == b"/"
        try:
            client.send(SMUGGLED)
            rest = client.read_until_eof()
        except OSError:
            rest = b""
        assert rest == b""
        assert s.get("/next").body == b"/next"
        s.wait_for_line('"path": "/next"')
        assert [note["path"] for note in s.notes] == ["/", "/next"]


@pytest.mark.parametrize("size", [100_000, 20 << 20])
def test_a50_b35_a_large_unread_body_does_not_cost_the_response(server, size):
    """The client gets the whole answer, even one that reads it only after its upload."""
    with server("receiving:answers_unread") as s, s.connect() as client:
        client.send(posting(size))
        try:
            client.send(b"x" * size)
        except OSError:
            pass  # closed while we were uploading
        response = client.read_response()
        assert response.status == 200 and response.body == b"/"
        assert s.get("/next").body == b"/next"
