"""Requests that break HTTP: refused with a reason, and never shown to the application (B20)."""

import re

import pytest

GET = b"GET / HTTP/1.1\r\n"
HOST = b"host: x\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"

REJECTED = {
    # Request line
    "method-not-a-token": (400, b"G?T / HTTP/1.1\r\nhost: x\r\n\r\n"),
    "method-missing": (400, b"/ HTTP/1.1\r\nhost: x\r\n\r\n"),
    "space-in-target": (400, b"GET /?x=y z HTTP/1.1\r\nhost: x\r\n\r\n"),
    "two-spaces": (400, b"GET  / HTTP/1.1\r\nhost: x\r\n\r\n"),
    "tab-for-space": (400, b"GET\t/\tHTTP/1.1\r\nhost: x\r\n\r\n"),
    "space-at-end": (400, b"GET / HTTP/1.1 \r\nhost: x\r\n\r\n"),
    "space-first": (400, b" GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
    "two-empty-lines-first": (400, b"\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n"),
    "version-missing": (400, b"GET /\r\nhost: x\r\n\r\n"),
    "version-without-slash": (400, b"GET / HTTP1.1\r\nhost: x\r\n\r\n"),
    "version-0.9": (400, b"GET / HTTP/0.9\r\nhost: x\r\n\r\n"),
    "version-1.2": (400, b"GET / HTTP/1.2\r\nhost: x\r\n\r\n"),
    "version-1": (400, b"GET / HTTP/1\r\nhost: x\r\n\r\n"),
    "version-1.10": (400, b"GET / HTTP/1.10\r\nhost: x\r\n\r\n"),
    "version-2.0": (400, b"GET / HTTP/2.0\r\nhost: x\r\n\r\n"),
    "version-lower-case": (400, b"GET / http/1.1\r\nhost: x\r\n\r\n"),
    "http2-preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "target-without-slash": (400, b"GET path HTTP/1.1\r\nhost: x\r\n\r\n"),
    "target-authority": (400, b"GET example.org:80 HTTP/1.1\r\nhost: x\r\n\r\n"),
    "target-asterisk": (400, b"GET * HTTP/1.1\r\nhost: x\r\n\r\n"),
    "target-nul": (400, b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n"),
    "target-del": (400, b"GET /\x7f HTTP/1.1\r\nhost: x\r\n\r\n"),
    "target-above-ascii": (400, b"GET /\xc3\xa9 HTTP/1.1\r\nhost: x\r\n\r\n"),
    "tls": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64),
    "garbage": (400, b"\x00\x01\x02\x03\r\n\r\n"),
    "endless-line": ((400, 414), b"x" * 100_000),
    "long-target": (414, b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n"),
    "connect": (501, b"CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\n\r\n"),
    # Header lines
    "no-colon": (400, GET + HOST + b"nonsense\r\n\r\n"),
    "empty-name": (400, GET + HOST + b": value\r\n\r\n"),
    "space-before-colon": (400, GET + HOST + b"x-name : value\r\n\r\n"),
    "space-in-name": (400, GET + HOST + b"x name: value\r\n\r\n"),
    "name-not-a-token": (400, GET + HOST + b"x(name): value\r\n\r\n"),
    "name-above-ascii": (400, GET + HOST + b"x-n\xc3\xa4me: value\r\n\r\n"),
    "first-line-folded": (400, GET + b" x-name: value\r\nhost: x\r\n\r\n"),
    "folded": (400, GET + HOST + b"x-name: one\r\n two\r\n\r\n"),
    "folded-with-tab": (400, GET + HOST + b"x-name: one\r\n\ttwo\r\n\r\n"),
    "nul-in-value": (400, GET + HOST + b"x-name: a\x00b\r\n\r\n"),
    "cr-in-value": (400, GET + HOST + b"x-name: a\rb\r\n\r\n"),
    "control-in-value": (400, GET + HOST + b"x-name: a\x01b\r\n\r\n"),
    "del-in-value": (400, GET + HOST + b"x-name: a\x7fb\r\n\r\n"),
    "bare-lf-after-request-line": (400, b"GET / HTTP/1.1\nhost: x\r\n\r\n"),
    "bare-lf-after-header": (400, GET + b"host: x\nx-name: value\r\n\r\n"),
    "bare-lf-at-the-end": (400, GET + HOST + b"\n"),
    "all-bare-lf": (400, b"GET / HTTP/1.1\nhost: x\n\n"),
    "too-many-headers": (431, GET + HOST + b"x-name: value\r\n" * 101 + b"\r\n"),
    "header-too-long": (431, GET + HOST + b"x-name: " + b"v" * 9000 + b"\r\n\r\n"),
    "endless-header": (431, GET + HOST + b"x-name: " + b"v" * 200_000),
    # Host
    "host-missing": (400, GET + b"\r\n"),
    "host-twice": (400, GET + HOST + HOST + b"\r\n"),
    "host-twice-differently": (400, GET + HOST + b"Host: y\r\n\r\n"),
    "host-with-space": (400, GET + b"host: a b\r\n\r\n"),
    "host-with-slash": (400, GET + b"host: a/b\r\n\r\n"),
    "host-with-userinfo": (400, GET + b"host: user@a\r\n\r\n"),
    "host-with-bad-port": (400, GET + b"host: a:http\r\n\r\n"),
    "host-above-ascii": (400, GET + b"host: \xc3\xa9\r\n\r\n"),
    # Framing
    "length-and-chunked": (400, POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunked-and-length": (400, POST + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n"),
    "lengths-differ": (400, POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
    "lengths-repeat": (400, POST + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello"),
    "length-list": (400, POST + b"content-length: 5, 5\r\n\r\nhello"),
    "length-empty": (400, POST + b"content-length: \r\n\r\n"),
    "length-negative": (400, POST + b"content-length: -1\r\n\r\n"),
    "length-signed": (400, POST + b"content-length: +5\r\n\r\nhello"),
    "length-hex": (400, POST + b"content-length: 0x5\r\n\r\nhello"),
    "length-underscore": (400, POST + b"content-length: 1_0\r\n\r\nhellohello"),
    "length-words": (400, POST + b"content-length: five\r\n\r\nhello"),
    "length-not-ascii": (400, POST + "content-length: ٥\r\n\r\nhello".encode()),
    "length-overflows": (400, POST + b"content-length: 99999999999999999999999\r\n\r\nhello"),
    "length-endless": (400, POST + b"content-length: " + b"9" * 5000 + b"\r\n\r\n"),
    "coding-unknown": (501, POST + b"transfer-encoding: cats\r\n\r\n"),
    "coding-empty": (501, POST + b"transfer-encoding: \r\n\r\n"),
    "coding-with-parameter": (501, POST + b"transfer-encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    "coding-prefixed": (501, POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "coding-quoted": (501, POST + b'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n'),
    "chunked-twice": (400, POST + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "chunked-in-two-headers": (
        400,
        POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "chunked-not-last": (400, POST + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    "chunked-on-1.0": (400, b"POST / HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    "expectation-unknown": (417, POST + b"expect: cats\r\ncontent-length: 0\r\n\r\n"),
}

BAD_CHUNKS = {
    "size-missing": b"\r\nhello\r\n0\r\n\r\n",
    "size-not-hex": b"5g\r\nhello\r\n0\r\n\r\n",
    "size-0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size-signed": b"+5\r\nhello\r\n0\r\n\r\n",
    "size-negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "size-underscore": b"1_0\r\nhello\r\n0\r\n\r\n",
    "size-space-first": b" 5\r\nhello\r\n0\r\n\r\n",
    "size-overflows": b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "size-line-endless": b"5;" + b"x" * 100_000,
    "size-line-bare-lf": b"5\nhello\r\n0\r\n\r\n",
    "extension-bare-cr": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "extension-bare-lf": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "data-without-crlf": b"5\r\nhello0\r\n\r\n",
    "data-too-long": b"5\r\nhelloXX\r\n0\r\n\r\n",
    "data-ends-with-lf": b"5\r\nhello\n0\r\n\r\n",
    "data-ends-with-crx": b"5\r\nhello\rX0\r\n\r\n",
    "trailer-without-colon": b"0\r\nnonsense\r\n\r\n",
    "trailer-bare-lf": b"0\r\nx-name: a\nb: c\r\n\r\n",
    "trailer-forbidden": b"0\r\ncontent-length: 5\r\n\r\n",
    "trailer-endless": b"0\r\nx-name: " + b"v" * 200_000,
}


@pytest.fixture
def counter(shared):
    return shared("echo:count")


@pytest.fixture
def path(shared):
    return shared("echo:path")


@pytest.fixture
def echo(shared):
    return shared("echo:app")  # it meets the disconnect of a broken body


def calls(s):
    """How often the app was called, with this time."""
    return int(s.get().body)


def exchange_and_close(s, request):
    """The answer, which may come while the request is still being sent, and the end of the connection."""
    with s.connect() as client:
        try:
            client.send(request)
        except OSError:
            pass
        response = client.read_response()
        assert response.complete
        client.expect_closed()
        return response


@pytest.mark.parametrize("name", REJECTED)
def test_b20_a_malformed_head_is_refused_with_a_reason(counter, name):
    status, request = REJECTED[name]
    before = calls(counter)
    response = exchange_and_close(counter, request)
    assert response.status in (status if isinstance(status, tuple) else (status,))
    assert response.closes
    assert response.get("content-type").startswith(b"text/plain")
    assert re.fullmatch(rb"[ -~]{3,200}\n?", response.body)
    assert calls(counter) == before + 1


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_b20_a_malformed_chunked_body_never_looks_whole(echo, name):
    response = exchange_and_close(echo, CHUNKED + BAD_CHUNKS[name])
    assert response.status in (400, 431, 500) and response.closes
    assert response.status != 500, "the client broke HTTP, not the app"


@pytest.mark.parametrize("name", ["length-and-chunked", "host-missing", "folded"])
def test_b20_nothing_behind_a_malformed_request_is_answered(counter, name):
    before = calls(counter)
    exchange_and_close(counter, REJECTED[name][1] + b"GET /ghost HTTP/1.1\r\nhost: x\r\n\r\n")
    assert calls(counter) == before + 1


def test_b20_requests_before_a_malformed_one_are_answered(path):
    with path.connect() as client:
        client.send(b"GET /one HTTP/1.1\r\nhost: x\r\n\r\nGET /two HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n")
        assert client.read_response().body == b"/one"
        assert client.read_response().body == b"/two"
        assert client.read_response().status == 400
        client.expect_closed()


@pytest.mark.parametrize(("line", "status"), [(4094, 200), (4095, 414)], ids=["longest", "too-long"])
def test_b20_the_request_line_has_a_limit(path, line, status):
    target = b"/" + b"x" * (line - len(b"GET / HTTP/1.1"))
    request = b"GET " + target + b" HTTP/1.1\r\nhost: x\r\n\r\n"
    assert len(request.split(b"\r\n")[0]) == line
    assert path.exchange(request).status == status


@pytest.mark.parametrize(("count", "status"), [(100, 200), (101, 431)], ids=["most", "too-many"])
def test_b20_the_number_of_headers_has_a_limit(path, count, status):
    request = GET + HOST + b"x-name: value\r\n" * (count - 1) + b"\r\n"
    assert path.exchange(request).status == status


@pytest.mark.parametrize(("size", "status"), [(8190, 200), (8191, 431)], ids=["longest", "too-long"])
def test_b20_a_header_line_has_a_limit(path, size, status):
    line = b"x-name:" + b"v" * (size - len(b"x-name:\r\n")) + b"\r\n"
    assert len(line) == size
    assert path.exchange(GET + HOST + line + b"\r\n").status == status


def test_b20_a_refusal_is_logged_with_the_peer(server):
    with server("echo:path", "--log-level", "debug") as s:
        assert s.exchange(b"nonsense\r\n\r\n").status == 400
        s.wait_for_line(r"Invalid request from ip=127\.0\.0\.1")
