"""Back-pressure both ways, for one stream and not for its neighbours."""

import pytest
from http2_client import Http2Client


@pytest.fixture
def streams(server):
    with server("streams:app", "--http2") as running:
        yield running


def connect(streams, **more):
    return Http2Client((streams.host, streams.port), **more)


def test_a43_an_application_that_does_not_receive_shuts_the_window_of_its_stream_only(streams):
    body = b"x" * 300_000
    with connect(streams) as client:
        slow = client.begin("/read-after/go", method="POST")
        sent = 0
        while (room := client.h2.local_flow_control_window(slow)) > 0:
            piece = min(room, 16384)
            client.h2.send_data(slow, body[:piece])
            client.flush()
            sent += piece
        assert sent == 65535
        assert client.answer(client.post("/echo", body)).body == body, "others go on"
        assert client.h2.local_flow_control_window(slow) == 0, "nobody took a byte"
        assert client.fetch("/open/go").body == b"open"
        client.send(slow, body[sent:], end=True)
        assert client.answer(slow).body == b"300000"


def test_a_client_that_gives_no_window_makes_send_wait(streams):
    with connect(streams) as client:
        client.reads = False
        slow = client.get("/parts/8")
        client.until(lambda: len(client.answers[slow].body) == 65535)
        streams.wait_for_line('"sent", "part": 0')
        client.reads = True
        client.h2.increment_flow_control_window(1 << 20)
        client.flush()
        assert client.fetch("/status/200").body == b"body", "others go on"
        assert not any("all sent" in line for line in streams.lines)
        client.h2.increment_flow_control_window(1 << 20, slow)
        client.flush()
        assert len(client.answer(slow).body) == 8 * 65536
        streams.wait_for_line("all sent")


def test_a_client_that_does_not_read_its_socket_makes_send_wait(streams):
    with connect(streams, settings={4: 0x7FFFFFFF}) as client:
        client.h2.increment_flow_control_window(0x7FFFFFFF - 65535)
        client.flush()
        slow = client.get("/parts/400")
        streams.wait_for_line('"sent", "part": 0')
        with connect(streams) as other:
            assert other.fetch().body == b"hello"
        assert not any("all sent" in line for line in streams.lines)
        assert len(client.answer(slow).body) == 400 * 65536
        streams.wait_for_line("all sent")


def test_a_window_that_shrinks_is_kept_to(streams):
    with connect(streams) as client:
        client.reads = False
        stream = client.get("/large/200000")
        client.until(lambda: client.answers[stream].body)
        client.h2.update_settings({4: 10})
        client.flush()
        client.reads = True
        client.h2.increment_flow_control_window(1 << 20)
        client.h2.increment_flow_control_window(1 << 20, stream)
        client.flush()
        assert len(client.answer(stream).body) == 200_000


def test_many_streams_share_a_connection(streams):
    with connect(streams) as client:
        asked = [client.get("/large/100000") for _ in range(100)]
        assert all(len(client.answer(stream).body) == 100_000 for stream in asked)


def test_streams_beyond_the_limit_are_refused_and_may_be_tried_again(server):
    with server("streams:app", "--http2", "--http2-max-concurrent-streams", "2") as s, connect(s) as client:
        asked = [client.get("/wait/go") for _ in range(3)]
        assert client.answer(asked[2]).reset == 0x7
        client.h2.reset_stream(asked[0], 8)
        client.flush()
        assert client.fetch("/open/go").body == b"open"
        assert client.answer(asked[1]).body == b"waited"
