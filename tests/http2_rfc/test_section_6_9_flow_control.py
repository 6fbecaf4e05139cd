"""RFC 9113 section 6.9: WINDOW_UPDATE and the windows. Every test checks that no frame exceeds a window (Rules)."""

import pytest
from http2_rfc.servers import BIG, HELLO
from http2_wire import (
    DATA,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW,
    PROTOCOL_ERROR,
    RST_STREAM,
    WINDOW_UPDATE,
    data,
    frame,
    window_update,
)


def reading_slowly(target, *pairs):
    client = target.start(*pairs)
    client.grants_window = False
    return client


def body_so_far(client, stream):
    return b"".join(it.data for it in client.seen if it.type == DATA and it.stream == stream)


def drain(client, stream):
    """Reads until the server has nothing more that it may send."""
    before = -1
    while before != (count := len(body_so_far(client, stream))):
        before = count
        client.barrier()
    return count


def read_exactly(client, stream, count):
    while len(body_so_far(client, stream)) < count:
        client.read_until(lambda it: it.type == DATA and it.stream == stream, f"DATA up to {count} bytes")
    client.barrier()
    assert len(body_so_far(client, stream)) == count
    assert BIG.startswith(body_so_far(client, stream))


# 6.9 WINDOW_UPDATE


def test_6_9_an_increment_of_0_for_the_connection_is_a_connection_error(client):
    client.send(window_update(0, 0))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_6_9_an_increment_of_0_for_a_stream_is_a_stream_error(client):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS) + window_update(stream, 0))
    client.expect_stream_error(stream, PROTOCOL_ERROR)


def test_6_9_an_increment_whose_reserved_bit_is_set_counts_without_it(target):
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 0)) as client:
        stream = client.request(client.get("/big"))
        client.rules.grant(stream, 5)
        client.send(frame(WINDOW_UPDATE, 0, stream, b"\x80\0\0\x05"))
        read_exactly(client, stream, 5)


@pytest.mark.parametrize("length", [0, 3, 5, 8])
@pytest.mark.parametrize("of_stream", [False, True])
def test_6_9_window_update_of_another_length_is_a_connection_error(client, length, of_stream):
    client.send(client.headers(1, client.post(), END_HEADERS))
    client.send(frame(WINDOW_UPDATE, 0, 1 if of_stream else 0, bytes(length)))
    client.expect_connection_error(FRAME_SIZE_ERROR)


def test_6_9_only_data_is_subject_to_flow_control(target):
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 0)) as client:
        for _ in range(50):
            stream = client.request(client.get("/big"))
            assert client.read_response(stream, head_only=True).status == 200


def test_6_9_the_server_gives_back_what_it_has_read(client):
    """Four times the window, for the stream and for the connection; padding counts as well."""
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS))
    window = min(client.rules.own_windows[stream], client.rules.own_window, 2**20)
    left, body = 4 * window, b""
    while left > 0:
        while not client.rules.may_send(stream, 1256):
            client.receive()
        padding = min(255, client.rules.may_send(stream, 256) - 1)
        size = max(0, min(client.rules.may_send(stream, 1256) - padding - 1, 1000))
        client.rules.sent(stream, size + padding + 1)
        client.send(data(stream, b"z" * size, 0, padding=padding))
        body += b"z" * size
        left -= size + padding + 1
    client.send(data(stream, b"", END_STREAM))
    assert len(client.read_response(stream).body) == len(body)


def test_6_9_padding_is_given_back(client):
    """Three windows of which three quarters are padding."""
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS))
    sent, limit, body = 0, 3 * min(client.rules.own_windows[stream], client.rules.own_window, 2**17), b""
    while sent < limit:
        while client.rules.may_send(stream, 256) < 256:
            client.receive()
        client.rules.sent(stream, 256)
        client.send(data(stream, b"p" * 64, 0, padding=191))
        body += b"p" * 64
        sent += 256
    client.send(data(stream, b"", END_STREAM))
    assert client.read_response(stream).body == body


# 6.9.1 The flow-control window


def test_6_9_1_an_answer_stops_at_the_end_of_the_streams_window(target):
    with reading_slowly(target) as client:
        client.open_window()
        stream = client.request(client.get("/big"))
        read_exactly(client, stream, DEFAULT_WINDOW)
        client.open_window(stream, 1)
        read_exactly(client, stream, DEFAULT_WINDOW + 1)


def test_6_9_1_an_answer_stops_at_the_end_of_the_connections_window(target):
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 2**20)) as client:
        stream = client.request(client.get("/big"))
        read_exactly(client, stream, DEFAULT_WINDOW)
        client.open_window(0, 10)
        read_exactly(client, stream, DEFAULT_WINDOW + 10)


def test_6_9_1_the_connections_window_is_shared_by_all_streams(target):
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 2**20)) as client:
        streams = [client.request(client.get("/big")) for _ in range(5)]
        while sum(len(body_so_far(client, stream)) for stream in streams) < DEFAULT_WINDOW:
            client.read_until(lambda it: it.type == DATA, "DATA")
        client.open_window(0, 2**23)
        for stream in streams:
            client.rules.grant(stream, 2**20)
            client.send(window_update(stream, 2**20))
        while any(len(body_so_far(client, stream)) < len(BIG) for stream in streams):
            client.read_until(lambda it: it.type == DATA, "DATA")
        assert all(body_so_far(client, stream) == BIG for stream in streams)


def test_6_9_1_a_window_of_single_bytes_brings_single_bytes(target):
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 0)) as client:
        stream = client.request(client.get("/big"))
        for count in range(1, 30):
            client.open_window(stream, 1)
            read_exactly(client, stream, count)


def test_6_9_1_a_stream_without_a_window_does_not_block_another(target):
    with reading_slowly(target) as client:
        client.open_window()
        blocked = client.request(client.get("/big"))
        read_exactly(client, blocked, DEFAULT_WINDOW)
        assert client.exchange().body == HELLO


def test_6_9_1_an_empty_answer_needs_no_window(target):
    """Such a frame MAY be sent; rgunicorn does."""
    if target.name != "rgunicorn":
        pytest.skip("a choice of each server")
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 0)) as client:
        response = client.exchange(client.post(), b"")
        assert response.complete and response.body == b""


@pytest.mark.parametrize(
    "increments", [[LARGEST_WINDOW], [LARGEST_WINDOW - DEFAULT_WINDOW, 1], [LARGEST_WINDOW, LARGEST_WINDOW]]
)
def test_6_9_1_a_connection_window_above_the_largest_is_a_connection_error(client, increments):
    for increment in increments:
        client.send(window_update(0, increment))
    client.expect_connection_error(FLOW_CONTROL_ERROR)


@pytest.mark.parametrize(
    "increments", [[LARGEST_WINDOW], [LARGEST_WINDOW - DEFAULT_WINDOW, 1], [LARGEST_WINDOW, LARGEST_WINDOW]]
)
def test_6_9_1_a_stream_window_above_the_largest_is_a_stream_error(client, increments):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS))
    for increment in increments:
        client.send(window_update(stream, increment))
    client.expect_stream_error(stream, FLOW_CONTROL_ERROR)


def test_6_9_1_the_largest_windows_are_accepted(client):
    client.open_window(0, LARGEST_WINDOW - DEFAULT_WINDOW)
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS))
    client.open_window(stream, LARGEST_WINDOW - DEFAULT_WINDOW)
    client.send(data(stream, b"fine", END_STREAM))
    assert client.read_response(stream).body == b"fine"


def test_6_9_1_windows_are_counted_exactly_over_many_answers(client):
    """A server that loses count stops in the end, or sends too much (Rules)."""
    for _ in range(5):
        assert client.exchange(client.get("/big")).body == BIG


def test_6_9_1_data_beyond_the_servers_window_is_a_flow_control_error(target):
    """Sections 6.9.1 and 5.2: what a hostile client sends beyond the window is not buffered."""
    target.needs_application()
    with target.start() as client:
        stream = client.fresh_stream()
        client.send(client.headers(stream, client.post("/wait"), END_HEADERS))
        client.barrier()
        window = client.rules.own_windows[stream]
        if window > 2**24:
            pytest.skip(f"the window has {window} bytes")
        for _ in range(min(window, 2**24) // 16_384 + 2):
            client.send(data(stream, bytes(16_384)))
        ended = [GOAWAY, RST_STREAM]
        received = client.read_until(lambda it: it.type in ended or it.type == WINDOW_UPDATE and it.stream, "an error")
        if received.type == WINDOW_UPDATE:
            pytest.skip("the window grows though nobody reads, so nothing was beyond it")
        assert received.code == FLOW_CONTROL_ERROR, client.story()
    with target.start() as other:
        # Nobody tells this application that its client left: it would hold up the end of the server.
        assert other.exchange(other.get("/release")).status == 200


# 6.9.2 The initial window


def test_6_9_2_an_initial_window_of_one_byte_is_honoured(target):
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 1)) as client:
        stream = client.request(client.get("/big"))
        read_exactly(client, stream, 1)


def test_6_9_2_a_later_initial_window_changes_that_of_open_streams(target):
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 0)) as client:
        stream = client.request(client.get("/big"))
        client.read_until(lambda it: it.type == HEADERS, "the response")
        client.barrier()
        assert body_so_far(client, stream) == b""
        client.change_settings((INITIAL_WINDOW_SIZE, 1))
        read_exactly(client, stream, 1)
        client.change_settings((INITIAL_WINDOW_SIZE, 100))
        read_exactly(client, stream, 100)


def test_6_9_2_a_window_may_become_negative(target):
    """3 bytes are sent, the window is then 2 - 3 = -1, and 2 more bytes of window permit one."""
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 3)) as client:
        stream = client.request(client.get("/big"))
        read_exactly(client, stream, 3)
        client.change_settings((INITIAL_WINDOW_SIZE, 2))
        client.barrier()
        client.open_window(stream, 1)
        read_exactly(client, stream, 3)
        client.open_window(stream, 1)
        read_exactly(client, stream, 4)


def test_6_9_2_a_negative_window_is_overcome_by_settings(target):
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 1000)) as client:
        stream = client.request(client.get("/big"))
        read_exactly(client, stream, 1000)
        client.change_settings((INITIAL_WINDOW_SIZE, 0))
        client.change_settings((INITIAL_WINDOW_SIZE, 999))
        read_exactly(client, stream, 1000)
        client.change_settings((INITIAL_WINDOW_SIZE, 1001))
        read_exactly(client, stream, 1001)


def test_6_9_2_a_negative_window_of_one_stream_does_not_block_new_ones(target):
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 1000)) as client:
        old = client.request(client.get("/big"))
        read_exactly(client, old, 1000)
        client.change_settings((INITIAL_WINDOW_SIZE, 100))
        assert client.exchange().body == HELLO


def test_6_9_2_the_connections_window_does_not_change_with_settings(target):
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 2**20)) as client:
        stream = client.request(client.get("/big"))
        read_exactly(client, stream, DEFAULT_WINDOW)
        client.change_settings((INITIAL_WINDOW_SIZE, 2**21))
        client.barrier()
        read_exactly(client, stream, DEFAULT_WINDOW)


def test_6_9_2_settings_that_push_a_window_above_the_largest_are_a_connection_error(client):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS))
    client.open_window(stream, LARGEST_WINDOW - DEFAULT_WINDOW)
    client.barrier()
    client.send(client.own_settings((INITIAL_WINDOW_SIZE, DEFAULT_WINDOW + 1)))
    client.expect_connection_error(FLOW_CONTROL_ERROR)


def test_6_9_2_a_window_granted_before_the_answer_is_used(target):
    with reading_slowly(target, (INITIAL_WINDOW_SIZE, 0)) as client:
        stream = client.fresh_stream()
        client.send(client.headers(stream, client.get("/big")) + window_update(stream, 500))
        client.rules.grant(stream, 500)
        read_exactly(client, stream, 500)


# 6.9.3 Reducing the window


def test_6_9_3_a_lowered_window_binds_new_streams(target):
    with reading_slowly(target) as client:
        client.change_settings((INITIAL_WINDOW_SIZE, 10))
        stream = client.request(client.get("/big"))
        read_exactly(client, stream, 10)
        assert drain(client, stream) == 10
