"""The settings of HTTP/2, seen at work: each in a file, in the environment or on the command line."""

import socket

import pytest
from command import run
from conftest import APPS
from http2_client import PREFACE, Http2Client, frame

MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 3, 4, 5, 6


def connect(server, **more):
    return Http2Client((server.host, server.port), **more)


def test_clients_are_told_the_limits(server, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("http2_max_concurrent_streams = 7\nhttp2_max_frame_size = 20000\n")
    env = {"RGUNICORN_HTTP2_INITIAL_WINDOW_SIZE": "70000"}
    flags = ("-c", file, "--http2-max-header-list-size", "5000", "--http2")
    with server("streams:app", *flags, env=env) as s, connect(s) as client:
        assert client.fetch().body == b"hello"
        told = client.server_settings
        assert told[MAX_CONCURRENT_STREAMS] == 7 and told[MAX_FRAME_SIZE] == 20000
        assert told[INITIAL_WINDOW_SIZE] == 70000 and told[MAX_HEADER_LIST_SIZE] == 5000


def test_a_header_list_of_any_size_is_still_bounded(server):
    with server("streams:app", "--http2", "--http2-max-header-list-size", "0") as s, connect(s) as client:
        assert client.fetch().body == b"hello"
        assert client.server_settings[MAX_HEADER_LIST_SIZE] == 1 << 20


def test_without_a_word_http_2_is_not_spoken(server):
    with server("streams:app") as s, s.connect() as client:
        client.send(PREFACE)
        assert client.read_response().status == 400


def test_h2_in_http_protocols_is_for_tls_only(server):
    with server("streams:app", "--http-protocols", "h2,h1") as s, s.connect() as client:
        s.wait_for_line("http_protocols: h2 has no effect without TLS")
        client.send(PREFACE)
        assert client.read_response().status == 400


def test_http2_cleartext_without_h2_in_http_protocols_is_off(server):
    with server("streams:app", "--http2-cleartext", "both") as s, s.connect() as client:
        s.wait_for_line("http2_cleartext has no effect without h2")
        client.send(PREFACE)
        assert client.read_response().status == 400


def test_with_prior_knowledge_a_trusted_peer_has_to_speak_it(server):
    flags = ("--http-protocols", "h2", "--http2-cleartext", "prior-knowledge")
    with server("streams:app", *flags) as s:
        with connect(s) as client:
            assert client.fetch().body == b"hello"
        assert s.get().status == 400
        s.wait_for_line("HTTP/1 on a port that expects HTTP/2")


def test_a_peer_that_is_not_trusted_is_served_http_1(server):
    flags = ("--http-protocols", "h2", "--http2-cleartext", "both", "--forwarded-allow-ips", "192.0.2.1")
    with server("streams:app", *flags) as s:
        assert s.get().status == 200
        with s.connect() as client:
            client.send(PREFACE)
            assert client.read_response().status == 400
        with s.connect() as client:
            client.send(upgrade())
            assert client.read_response().status == 200


def upgrade(settings=b"AAMAAABkAAQCAAAAAAIAAAAA", body=b""):
    length = b"content-length: %d\r\n" % len(body) if body else b""
    fields = b"host: test\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nx-a: b\r\n"
    return b"POST /scope?a=b HTTP/1.1\r\n" + fields + length + b"http2-settings: " + settings + b"\r\n\r\n" + body


UPGRADE = ("--http-protocols", "h2,h1", "--http2-cleartext", "upgrade")


def test_a_request_that_asks_for_h2c_is_answered_in_http_2(server):
    with server("streams:app", *UPGRADE) as s:
        with Http2Client((s.host, s.port), upgrade=upgrade()) as client:
            answer = client.answer(1)
            assert b'"http_version": "2"' in answer.body and b'"query_string": "a=b"' in answer.body
            assert b'["host", "test"], ["x-a", "b"]' in answer.body and b"upgrade" not in answer.body
            assert client.fetch().body == b"hello"
        with s.connect() as client:
            client.send(PREFACE)
            assert client.read_response().status == 400, "the other way was not allowed"


@pytest.mark.parametrize(
    "request_",
    [upgrade(b"!"), upgrade(b"AAAA"), upgrade(body=b"body"), upgrade().replace(b", HTTP2-Settings", b"")],
)
def test_an_upgrade_that_cannot_be_is_answered_in_http_1(server, request_):
    with server("streams:app", *UPGRADE) as s:
        response = s.exchange(request_)
        assert response.status == 200 and b'"http_version": "1.1"' in response.body


@pytest.mark.parametrize(
    ("flag", "value", "word"),
    [
        ("--http-protocols", "h3", "h1, h2"),
        ("--http-protocols", "h2,h2", "twice"),
        ("--http2-cleartext", "sometimes", "prior-knowledge"),
        ("--http2-max-frame-size", "100", "16384"),
        ("--http2-max-concurrent-streams", "0", "from 1"),
        ("--http2-initial-window-size", "2147483648", "2147483647"),
        ("--http2-ping-timeout", "0", "from 1"),
    ],
)
def test_a_wrong_value_is_named(flag, value, word):
    ended = run("--check-config", flag, value, "streams:app", cwd=APPS)
    assert ended.code == 1
    ended.line_with(flag.strip("-").replace("-", "_"), word)


def test_a_silent_client_is_asked_and_let_go(server):
    flags = ("--http2", "--http2-ping-interval", "1", "--http2-ping-timeout", "1")
    with server("streams:app", *flags) as s, connect(s) as client:
        client.get("/until-disconnect/silent")
        client.until(lambda: client.pings)
        assert client.fetch().body == b"hello", "a client that answers stays"
        client.answers_pings = False
        client.until_closed()
        s.wait_for_line("HTTP/2 ping was not answered")


def test_an_adaptive_window_is_announced_again(server):
    with server("streams:app", "--http2", "--http2-adaptive-window") as s, connect(s) as client:
        body = b"x" * 300_000
        for _ in range(3):
            assert client.answer(client.post("/echo", body)).body == body
        assert client.pings, "the round trip was measured"


def test_a_raw_preface_may_come_byte_by_byte(server):
    with server("streams:app", "--http2") as s, socket.create_connection((s.host, s.port)) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in PREFACE + frame(4, 0, 0):
            raw.sendall(bytes([byte]))
        raw.settimeout(15)
        assert raw.recv(3) == b"\x00\x00\x1e"
