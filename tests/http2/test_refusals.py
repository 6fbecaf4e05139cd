"""What the logs say of requests that never reach an application."""

import pytest
from http2_client import Http2Client, frame

PROTOCOL_ERROR = 0x1


@pytest.fixture(scope="module")
def streams(server):
    with server("streams:app", "--http2", "--access-logfile", "-", "--http2-max-header-list-size", "4000") as running:
        running.expect_errors()
        yield running


@pytest.fixture
def client(streams):
    with Http2Client((streams.host, streams.port)) as client:
        yield client


class Refusals:
    """Counts the lines with a reason, to wait for one more."""

    def __init__(self, streams, reason):
        self._streams, self._pattern = streams, rf"Invalid request from ip=127\.0\.0\.1: {reason}$"
        self._before = sum(line.endswith(reason) for line in streams.lines)

    def wait_for_one(self):
        self._streams.wait_for_line(self._pattern, count=self._before + 1)


def test_fields_that_are_larger_than_the_limit_are_logged_with_their_answer(streams, client):
    refusals = Refusals(streams, "header fields are larger than http2_max_header_list_size")
    assert client.fetch("/", (b"a", b"x" * 5000)).status == 431
    refusals.wait_for_one()
    streams.stdout.wait_for(r'127\.0\.0\.1 .* "-?" 431 0')
    assert client.fetch().body == b"hello"


@pytest.mark.parametrize(
    "field", [(b"connection", b"close"), (b"te", b"gzip"), (b":path", b"/twice"), (b"content-length", b"1")]
)
def test_a_malformed_head_is_logged(streams, client, field):
    refusals = Refusals(streams, "malformed HTTP/2 request")
    stream = client.get("/", field)
    client.until(lambda: client.answers[stream].reset is not None)
    assert client.answers[stream].reset == PROTOCOL_ERROR
    refusals.wait_for_one()
    assert client.fetch().body == b"hello"


@pytest.mark.parametrize("flags", [0, 1], ids=["a length that is too small", "a length that is too large"])
def test_a_body_with_a_wrong_length_is_logged(streams, client, flags):
    refusals = Refusals(streams, "malformed HTTP/2 request")
    stream = client.begin("/echo", (b"content-length", b"2" if not flags else b"9"), method="POST")
    client.send_raw(frame(0, flags, stream, b"body"))
    client.until(lambda: client.answers[stream].over)
    assert client.answers[stream].reset == PROTOCOL_ERROR
    refusals.wait_for_one()
    assert client.fetch().body == b"hello"


def test_several_are_logged_one_by_one_and_good_ones_between_them_are_answered(streams, client):
    refusals = Refusals(streams, "malformed HTTP/2 request")
    asked = [client.get("/hello", *([(b"connection", b"close")] if number % 2 else [])) for number in range(4)]
    client.until(lambda: all(client.answers[stream].over for stream in asked))
    assert [client.answers[stream].reset for stream in asked] == [None, PROTOCOL_ERROR] * 2
    refusals.wait_for_one()
    streams.wait_for_line("malformed HTTP/2 request$", count=2)


def test_a_stream_that_is_refused_for_now_is_no_news(server):
    with server("streams:app", "--http2", "--http2-max-concurrent-streams", "1") as s:
        with Http2Client((s.host, s.port)) as client:
            held = client.begin("/echo", method="POST")
            block = client.h2.encoder.encode([(":method", "GET"), (":scheme", "http"), (":path", "/hello")])
            client.send_raw(frame(1, 5, held + 2, block))
            client.send(held, b"body", end=True)
            assert client.answer(held).body == b"body"
        assert not [line for line in s.lines if "Invalid request" in line]
