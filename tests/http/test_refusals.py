"""What the logs say of requests that were refused: enough to find out why, nothing secret, no flood (B20)."""

import ast
import re

import pytest

GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
REFUSAL = r"\[WARNING\] Invalid request from ip=127\.0\.0\.1: "

# A request, and what the error log says after the peer.
LOGGED = {
    "request-line": (b"G?T /a HTTP/1.1\r\nhost: x\r\n\r\n", 'invalid request method: "G?T /a HTTP/1.1"'),
    "only-the-line": (
        GET + b"x-name: a\r\nx name: b\r\nx-secret: c\r\n\r\n",
        'whitespace before the colon of a header field: "x name: b"',
    ),
    "line-of-the-second": (GET + b"Host: y\r\n\r\n", 'duplicate host header field: "Host: y"'),
    "escaped": (
        GET + b'x-name: \x1b[2J\x7f\xe9"\\\r\n\r\n',
        r'invalid character in a header field value: "x-name: \x1b[2J\x7f\xe9\"\x5c"',
    ),
    "line-feed": (
        GET + b"x-name: a\n[2026-01-01 00:00:00 +0000] [1] [INFO] forged\r\n\r\n",
        r'line feed without a carriage return: "x-name: a\x0a"',
    ),
    "bounded": (
        GET + b"x-name: " + b"v" * 9000 + b"\r\n\r\n",
        'header field is too large: "x-name: ' + "v" * 120 + '..."',
    ),
    "authorization": (
        GET + b"Authorization: Basic c2VjcmV0\x01\r\n\r\n",
        'invalid character in a header field value: "Authorization[redacted]"',
    ),
    "proxy-authorization": (
        GET + b"proxy-authorization : c2VjcmV0\r\n\r\n",
        'whitespace before the colon of a header field: "proxy-authorization[redacted]"',
    ),
    "cookie": (
        GET + b"cookie: secret=" + b"v" * 9000 + b"\r\n\r\n",
        'header field is too large: "cookie[redacted]"',
    ),
    "cookie-folded": (GET + b"cookie: a=b;\r\n secret=1\r\n\r\n", 'folded header field: "[redacted]"'),
    "head-of-a-body": (
        POST + b"content-length: 6\ncontent-type: a/b\n\nsecret",
        r'line feed without a carriage return: "content-length: 6\x0a"',
    ),
    "chunk": (CHUNKED + b"6\r\nsecretsecret\r\n", "chunk is not ended by CRLF"),
    "trailer": (CHUNKED + b"0\r\nauthorization: secret\r\n\r\n", "authorization is not allowed as a trailer field"),
    "tls": (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        r'TLS handshake on a port that speaks plain HTTP: "\x16\x03\x01\x02\x00',
    ),
}


@pytest.mark.parametrize("name", LOGGED)
def test_b20_the_error_log_has_one_line_with_peer_rule_and_excerpt(server, name):
    request, expected = LOGGED[name]
    with server("echo:app") as s:
        s.expect_errors()  # the application meets the disconnect of a broken body
        assert s.exchange(request).status in (400, 431)
        line = s.wait_for_line(REFUSAL).string
        assert expected in line
        if not expected.startswith("TLS"):
            assert line.endswith(expected)
        assert s.stop() == 0
        said = [line for line in s.lines if "ecret" in line or "c2Vj" in line or "forged" in line]
        assert said == [] and sum("Invalid request" in line for line in s.lines) == 1


def test_b20_a_tls_handshake_is_answered_with_a_hint(server):
    with server("echo:app") as s:
        response = s.exchange(LOGGED["tls"][0])
        assert (response.status, response.body) == (400, b"TLS handshake on a port that speaks plain HTTP\n")


@pytest.mark.parametrize(
    ("request_", "logged"),
    [
        (b"G?T /a HTTP/1.1\r\nhost: x\r\n\r\n", '"G?T /a HTTP/1.1" 400 '),
        (b"\r\nGET /a HTTP/1.1\r\n\r\n", '"GET /a HTTP/1.1" 400 '),
        (b'GET /"\x1b\n', r'"GET /\"\x1b" 400 '),
        (GET + b"x: " + b"v" * 9000, '"GET / HTTP/1.1" 431 '),
        (b"GET /" + b"v" * 9000, '"GET /' + "v" * 123 + '" 414 '),
        (GET + b"expect: cats\r\n\r\n", '"GET / HTTP/1.1" 417 '),
        (b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n", '"CONNECT x:80 HTTP/1.1" 501 '),
        (CHUNKED + b"g\r\n", '"POST / HTTP/1.1" 400 '),
    ],
    ids=["method", "after-empty-line", "escaped", "field", "request-line", "expectation", "connect", "body"],
)
def test_b20_the_access_log_has_a_line_too(server, request_, logged):
    with server("echo:path", "--access-logfile", "-") as s:
        s.exchange(request_)
        line = s.stdout.wait_for(r"^127\.0\.0\.1 ").string
        assert logged in line and line.endswith(' "-" "-"')


def test_b20_a_burst_of_refusals_is_not_a_flood_of_lines_and_none_is_forgotten(server):
    with server("echo:path", "--access-logfile", "-") as s:
        for _ in range(300):
            assert s.exchange(b"nonsense\r\n\r\n").status == 400
        assert s.stop() == 0
        written = sum(bool(re.search(REFUSAL, line)) for line in s.lines)
        counts = [re.search(r"\[WARNING\] (\d+) more invalid requests were not logged", line) for line in s.lines]
        withheld = sum(int(count[1]) for count in counts if count)
        assert (written < 300, written + withheld) == (True, 300)
        assert sum('"nonsense" 400 ' in line for line in s.stdout.snapshot()) == 300


def test_b20_trailers_never_become_headers(server):
    with server("scopes:dump") as s:
        response = s.exchange(CHUNKED + b"1\r\nx\r\n0\r\nx-late: yes\r\nhost2: y\r\n\r\n")
        names = [name for name, _ in ast.literal_eval(response.body.decode())["headers"]]
        assert names == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize(
    "trailers",
    [b"x-name: v\r\n" * 101, b"x-name: " + b"v" * 8190 + b"\r\n"],
    ids=["too-many", "too-long"],
)
def test_b20_trailers_have_the_limits_of_headers(server, trailers):
    with server("echo:app") as s:
        s.expect_errors()
        assert s.exchange(CHUNKED + b"0\r\n" + trailers + b"\r\n").status == 431


def test_b20_an_absolute_target_replaces_the_host(server):
    with server("scopes:dump") as s:
        response = s.exchange(b"GET http://b.example:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n")
        scope = ast.literal_eval(response.body.decode())
        assert scope["headers"] == [(b"host", b"b.example:81")]
        assert (scope["path"], scope["query_string"]) == ("/p", b"q")
