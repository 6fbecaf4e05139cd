"""Requests as they should be, in every order and in every size of packet."""

import pytest


@pytest.fixture(scope="module")
def echo(server):
    with server("echo:app") as s:
        yield s


@pytest.fixture(scope="module")
def path(server):
    with server("echo:path") as s:
        yield s


def test_b1_a_connection_serves_one_request_after_the_other(path):
    with path.connect() as client:
        for number in range(5):
            client.get(f"/{number}")
            response = client.read_response()
            assert response.head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert response.body == b"/%d" % number
            assert not response.closes


def test_b8_pipelined_requests_are_answered_in_order(path):
    with path.connect() as client:
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(50)))
        for number in range(50):
            assert client.read_response().body == b"/%d" % number
        client.get("/again")
        assert client.read_response().body == b"/again"


def test_b8_pipelined_requests_with_bodies_are_told_apart(echo):
    with echo.connect() as client:
        client.send(
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\none"
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
            b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nthree"
        )
        assert [client.read_response().body for _ in range(4)] == [b"one", b"two", b"", b"three"]


def test_b8_more_pipelined_requests_than_a_buffer_holds_are_all_answered(path):
    with path.connect() as client:
        client.send(
            b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\nx-pad: %s\r\n\r\n" % (n, b"p" * 500) for n in range(1000))
        )
        assert [client.read_response().body for _ in range(1000)] == [b"/%d" % number for number in range(1000)]


def test_b8_a_slow_request_holds_back_the_answers_behind_it(server):
    with server("sending:chunk_by_chunk") as s, s.connect() as client:
        client.send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\nGET /gate/after HTTP/1.1\r\nhost: x\r\n\r\n")
        client.read_head()
        for number in (1, 2, 3):
            assert client.read_chunk() == b"part %d" % number
            s.open_gate(f"part{number}")
        assert (client.read_chunk(), client.read_chunk()) == (b"end", b"")
        assert client.read_response().status == 204


@pytest.mark.parametrize("value", ["close", "Close", "foo, close", "close, foo"])
def test_b9_connection_close_of_the_client_ends_the_connection(path, value):
    with path.connect() as client:
        client.send(f"GET /last HTTP/1.1\r\nhost: x\r\nconnection: {value}\r\n\r\n".encode())
        response = client.read_response()
        assert response.body == b"/last" and response.closes
        client.expect_closed()


def test_b9_bytes_behind_connection_close_are_ignored(path):
    with path.connect() as client:
        client.send(b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\nGET /ghost HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.read_response().body == b"/last"
        client.expect_closed()
    assert path.get("/after-ghost").body == b"/after-ghost"
    path.wait_for_line('"path": "/after-ghost"')
    assert not any(note["path"] == "/ghost" for note in path.notes)


def test_b16_http_1_0_closes_after_the_response(path):
    with path.connect() as client:
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        response = client.read_response()
        assert response.version == "HTTP/1.1" and response.body == b"/old"
        client.expect_closed()


def test_b16_http_1_0_may_keep_the_connection(path):
    with path.connect() as client:
        for number in range(2):
            client.send(b"GET /%d HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" % number)
            response = client.read_response()
            assert response.body == b"/%d" % number
            assert (response.get("connection") or b"").lower() == b"keep-alive"


def test_b19_a_request_may_come_byte_by_byte(echo):
    request = b"POST /a?b=c HTTP/1.1\r\nhost: example.org\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    with echo.connect() as client:
        for byte in request:
            client.send(bytes([byte]))
        assert client.read_response().body == b"hello"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /path?query HTTP/1.1\r\nhost: x\r\nx-name: value\r\ncontent-length: 5\r\n\r\nhello",
        b"POST /path HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3;e=1\r\nhel\r\n2\r\nlo\r\n0\r\nx-t: 1\r\n\r\n",
    ],
    ids=["length", "chunked"],
)
def test_b19_a_request_may_be_cut_anywhere(echo, request_bytes):
    for cut in range(1, len(request_bytes)):
        with echo.connect() as client:
            client.send(request_bytes[:cut])
            client.send(request_bytes[cut:])
            assert client.read_response().body == b"hello", cut


def test_a_leading_empty_line_is_tolerated(path):
    assert path.exchange(b"\r\nGET /late HTTP/1.1\r\nhost: x\r\n\r\n").body == b"/late"


def test_a_connection_without_a_request_costs_nothing(path):
    for _ in range(100):
        path.connect().close()
        client = path.connect()
        client.send(b"GET / HT")
        client.reset()
    assert path.get("/fine").body == b"/fine"


@pytest.mark.parametrize(
    "host", ["x", "example.org", "example.org:8000", "127.0.0.1:80", "[::1]", "[::1]:8000", "a_b.c", ""]
)
def test_a_valid_host_is_accepted(path, host):
    assert path.exchange(f"GET /host HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()).status == 200


def test_b65_an_upgrade_nobody_knows_is_a_normal_request(path):
    request = b"GET /up HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: not-a-protocol\r\n\r\n"
    assert path.exchange(request).body == b"/up"
