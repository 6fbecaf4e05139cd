"""Clients that cost more than they ask for: each loses its connection, with the right word, and others do not notice."""

import struct

import pytest
from http2_client import PREFACE, Http2Client, frame

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 8, 9
ENHANCE_YOUR_CALM = 0xB
GET = b"\x82\x86\x84\x01\x04test"  # GET, http, /, and the authority


@pytest.fixture(scope="module")
def streams(server):
    with server("streams:app", "--http2") as running:
        yield running


def connect(streams):
    return Http2Client((streams.host, streams.port))


def rapid_resets(client):
    for stream in range(1, 20_000, 2):
        yield frame(HEADERS, 5, stream, GET) + frame(RST_STREAM, 0, stream, struct.pack(">I", 8))


def slow_resets(client):
    """Streams that are open when they are reset."""
    head = bytes([0x82, 0x86, 0x44, 16]) + b"/until-disconnec" + b"\x01\x04test"
    for stream in range(1, 20_000, 2):
        yield frame(HEADERS, 4, stream, head)
        yield frame(RST_STREAM, 0, stream, struct.pack(">I", 8))


def continuations(client):
    yield frame(HEADERS, 1, 1, GET)
    for _ in range(5000):
        yield frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 10)


def empty_continuations(client):
    yield frame(HEADERS, 1, 1, GET)
    for _ in range(5000):
        yield frame(CONTINUATION, 0, 1)


def settings(client):
    for _ in range(5000):
        yield frame(SETTINGS, 0, 0, b"\x00\x04\x00\x00\xff\xff")


def pings(client):
    for _ in range(5000):
        yield frame(PING, 0, 0, b"flooding")


def empty_data(client):
    yield frame(HEADERS, 4, 1, b"\x83\x86\x44\x05/echo\x01\x04test")
    for _ in range(5000):
        yield frame(DATA, 0, 1)


def priorities(client):
    for _ in range(5000):
        yield frame(PRIORITY, 0, 1, b"\x00\x00\x00\x00\x10")


def window_updates(client):
    for _ in range(5000):
        yield frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1))


def unknown_frames(client):
    for _ in range(5000):
        yield frame(0xFA, 0, 0, b"grease")


def header_bomb(client):
    """A large field put into the table once, and named many times."""
    yield frame(HEADERS, 0, 1, GET + b"\x40\x01a\x7f\xe1\x1d" + b"x" * 3936)
    for _ in range(100):
        yield frame(CONTINUATION, 0, 1, b"\xbe" * 16000)


FLOODS = [
    rapid_resets,
    slow_resets,
    continuations,
    empty_continuations,
    settings,
    pings,
    empty_data,
    priorities,
    window_updates,
    unknown_frames,
    header_bomb,
]


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_its_own_connection(streams, flood):
    with connect(streams) as other, connect(streams) as client:
        assert other.fetch().body == b"hello"
        client.until(lambda: client.server_settings)  # its acknowledgement would be wrong amid a field block
        client.send_raw(b"".join(flood(client)))
        client.until_closed()
        assert client.goaways and client.goaways[-1][0] == ENHANCE_YOUR_CALM
        assert other.fetch().body == b"hello"


def test_what_clients_usually_send_is_no_flood(streams):
    with connect(streams) as client:
        for round_ in range(30):
            asked = [client.get("/hello") for _ in range(20)]
            for stream in asked:
                client.h2.prioritize(stream, weight=20)
            client.h2.ping(b"%08d" % round_)
            client.flush()
            assert all(client.answer(stream).body == b"hello" for stream in asked)
        asked = [client.get("/until-disconnect/page") for _ in range(90)]
        for stream in asked:
            client.h2.reset_stream(stream, 8)
        client.flush()
        assert client.fetch().body == b"hello"
        assert len(client.fetch("/large/20000000").body) == 20_000_000


@pytest.mark.parametrize(
    "garbage", [PREFACE[:-1] + b"x", PREFACE + b"GET / HTTP/1.1\r\n\r\n" * 2, PREFACE + frame(HEADERS, 5, 1, GET)]
)
def test_a_client_that_begins_wrongly_is_let_go(streams, garbage):
    with streams.connect() as client:
        client.send(garbage)
        client.read_until_eof()
    with connect(streams) as other:
        assert other.fetch().body == b"hello"
