"""HTTP over TLS: the same as without, for every kind of worker."""

import hashlib
import os
import shutil
import ssl
import subprocess

import pytest
from certificates import needs_openssl
from client import Client

WORKERS = [("asgi", "echo:app"), ("sync", "wsgi_input:app"), ("gthread", "wsgi_input:app")]
BODY = os.urandom(700_000)


@pytest.fixture(scope="module")
def mine(authority):
    return authority.issue("localhost", "127.0.0.1")


@pytest.fixture(params=WORKERS, ids=lambda kind: kind[0], scope="module")
def echo(request, server, mine):
    worker_class, app = request.param
    with server(app, *mine.flags, worker_class=worker_class) as s:
        yield s


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_are_spoken(echo, authority, version):
    with authority.client(version=version).connect(echo) as client:
        client.post(b"hello", "/echo")
        assert client.read_response().body == b"hello"
        assert client.socket.version() == {771: "TLSv1.2", 772: "TLSv1.3"}[version]


def test_a_connection_is_kept(echo, authority):
    with authority.client().connect(echo) as client:
        for number in range(5):
            client.post(b"%d" % number, "/echo")
            assert client.read_response().body == b"%d" % number


def test_pipelined_requests_are_answered_in_order(echo, authority):
    with authority.client().connect(echo) as client:
        request = b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n"
        client.send(request + b"a" + request + b"b" + request + b"c")
        assert [client.read_response().body for _ in range(3)] == [b"a", b"b", b"c"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_large_bodies_go_both_ways(echo, authority, version):
    with authority.client(version=version).connect(echo) as client:
        for _ in range(2):
            client.post(BODY, "/echo")
            assert hashlib.sha256(client.read_response().body).digest() == hashlib.sha256(BODY).digest()


def test_the_end_of_a_connection_is_announced(echo, authority):
    with authority.client().connect(echo) as client:
        client.get("/hello", "connection: close")
        assert client.read_response().status == 200
        client.expect_closed()  # a ragged end would raise SSLEOFError


def test_an_answer_without_length_is_ended_by_notice(echo, authority):
    with authority.client().connect(echo) as client:
        client.send(b"POST /echo HTTP/1.0\r\ncontent-length: 5\r\n\r\nhello")
        assert client.read_response().body == b"hello"
        client.expect_closed()


def test_plain_http_is_answered_with_a_hint(echo):
    with Client((echo.host, echo.port)) as client:
        client.get()
        response = client.read_response()
        assert response.status == 400 and response.closes
        assert b"https://" in response.body
    echo.wait_for_line(r'\[WARNING\] .*plain HTTP on a port that speaks TLS.*"GET / HTTP/1.1"')


def test_the_log_says_https(echo):
    assert echo.scheme == "https"


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_gets_it(echo, authority):
    url = f"https://localhost:{echo.port}/echo"
    command = ["curl", "--silent", "--cacert", authority.file, "--data", "hello", url]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"hello"


@needs_openssl
def test_openssl_gets_it(echo, authority):
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{echo.port}", "-servername", "localhost"]
    command += ["-CAfile", authority.file, "-verify_return_error", "-quiet", "-ign_eof"]
    request = b"POST /echo HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"
    answer = subprocess.run(command, input=request, capture_output=True, check=True).stdout
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"hello")
