"""WebSockets behind TLS, on connections of HTTP/1 and streams of HTTP/2."""

import json
import signal
import ssl

import pytest
from frames import PING, PONG, close, frame
from stream_socket import StreamSocket, connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_http1


@pytest.fixture(scope="module")
def mine(authority):
    return authority.issue("localhost", "127.0.0.1")


@pytest.fixture
def context(authority):
    return ssl.create_default_context(cafile=authority.file)


def secured(server, context):
    """An HTTP/2 connection."""
    context.set_alpn_protocols(["h2"])
    return connect(server, wrap=lambda plain: context.wrap_socket(plain, server_hostname="localhost"))


@pytest.mark.parametrize("size", [1, 65536, 3_000_000])
def test_messages_cross_over_http1(server, mine, context, size):
    with server("sockets:echo", *mine.flags) as s:
        with connect_http1(f"wss://localhost:{s.port}", ssl=context, max_size=None) as ws:
            for compressed in (b"x" * size, "ü" * size):
                ws.send(compressed)
                assert ws.recv() == compressed


def test_b66_messages_cross_over_http2(server, mine, context):
    with server("sockets:echo", "--http2", *mine.flags) as s, secured(s, context) as client:
        one, other = StreamSocket(client, scheme=b"https"), StreamSocket(client, scheme=b"https")
        one.send(frame(2, b"x" * 3_000_000))
        other.say("meanwhile")
        assert (other.read_message(), one.read_message()) == ("meanwhile", b"x" * 3_000_000)


def test_the_scope_says_wss_and_what_tls_was_agreed_on(server, mine, context):
    with server("sockets:show_scope", "--http2", *mine.flags) as s:
        with connect_http1(f"wss://localhost:{s.port}", ssl=context) as ws:
            first = json.loads(ws.recv())
        with secured(s, context) as client:
            second = json.loads(StreamSocket(client, scheme=b"https").read_message())
        assert [scope["http_version"] for scope in (first, second)] == ["1.1", "2"]
        for scope in first, second:
            assert scope["scheme"] == "wss"
            assert scope["extensions"]["tls"]["tls_version"] == 0x0304


def test_b61_a_stop_says_1012_over_http1(server, mine, context):
    with server("sockets:listen", *mine.flags) as s:
        with connect_http1(f"wss://localhost:{s.port}", ssl=context) as ws:
            ws.ping().wait()
            s.kill(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                ws.recv()
        assert closed.value.rcvd.code == 1012
        assert s.wait_for_exit() == 0


def test_b66_a_stop_says_1012_over_http2(server, mine, context):
    with server("sockets:listen", "--http2", *mine.flags) as s, secured(s, context) as client:
        ws = StreamSocket(client, scheme=b"https")
        ws.send(frame(PING, b"there?"))
        assert ws.read_frame().opcode == PONG
        s.kill(signal.SIGTERM)
        ws.expect_close(1012)
        ws.send(close(1012))
        ws.expect_end()
        assert s.wait_for_exit() == 0


def test_b58_a_client_that_vanishes_is_1006(server, mine, context):
    with server("sockets:listen", "--http2", *mine.flags) as s:
        with secured(s, context) as client:
            StreamSocket(client, scheme=b"https")
        assert s.wait_for_note("disconnected")["code"] == 1006
