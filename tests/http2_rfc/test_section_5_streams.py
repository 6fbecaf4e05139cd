"""RFC 9113 section 5: the states, identifiers and number of streams, errors, extensions."""

import pytest
from http2_rfc.servers import HELLO
from http2_wire import (
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    NO_ERROR,
    PING,
    PRIORITY_FLAG,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    RST_STREAM,
    STREAM_CLOSED,
    data,
    frame,
    ping,
    priority,
    priority_fields,
    rst_stream,
    window_update,
)


@pytest.fixture
def blocked(target):
    """A connection on which the server may send heads but no content, so that answers stay half-closed."""
    with target.start((INITIAL_WINDOW_SIZE, 0)) as client:
        yield client


def half_closed(client):
    """A stream whose request has ended and whose answer waits for a window."""
    stream = client.request(client.get("/big"))
    client.read_until(lambda it: it.type == HEADERS and it.stream == stream, "the head of the response")
    return stream


def opened(client):
    """A stream whose request has not ended."""
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS))
    return stream


def reset_by_client(client):
    stream = opened(client)
    client.send(rst_stream(stream))
    client.barrier()
    return stream


def ended_on_both_sides(client):
    stream = client.request()
    assert client.read_response(stream).status == 200
    client.barrier()
    return stream


def expect_late_frame_refused(client, stream):
    """What section 5.1 permits for a frame on a closed stream: an error of the connection, RST_STREAM, or nothing."""
    client.send(ping(b"too late"))
    outcomes = []
    while True:
        received = client.receive()
        if received.type == GOAWAY and received.code != NO_ERROR:
            assert received.code in (STREAM_CLOSED, PROTOCOL_ERROR), client.story()
            return client.expect_end()
        if received.stream == stream:
            outcomes.append(received)
        if received.type == PING and received.data == b"too late":
            break
    client.expect_still_serving()
    outcomes += [it for it in client.seen[-20:] if it.stream == stream and it.type == RST_STREAM]
    for received in outcomes:
        assert received.type == RST_STREAM and received.code in (STREAM_CLOSED, PROTOCOL_ERROR), client.story()


# 5.1 Stream states: idle


@pytest.mark.parametrize(
    "payload",
    [
        data(1, b"x"),
        data(1, b"", END_STREAM),
        rst_stream(1),
        window_update(1, 100),
        frame(CONTINUATION, END_HEADERS, 1, b""),
    ],
    ids=["DATA", "empty DATA", "RST_STREAM", "WINDOW_UPDATE", "CONTINUATION"],
)
def test_5_1_idle_a_frame_other_than_headers_or_priority_is_a_connection_error(client, payload):
    client.send(payload)
    client.expect_connection_error(PROTOCOL_ERROR)


@pytest.mark.parametrize("make", [lambda: data(101, b"x"), lambda: rst_stream(101), lambda: window_update(101, 1)])
def test_5_1_idle_streams_above_the_used_ones_are_idle_too(client, make):
    client.exchange()
    client.send(make())
    client.expect_connection_error(PROTOCOL_ERROR)


@pytest.mark.parametrize("make", [lambda: data(2, b"x"), lambda: rst_stream(2), lambda: window_update(2, 1)])
def test_5_1_idle_streams_of_the_server_are_idle_until_promised(client, make):
    client.send(make())
    client.expect_connection_error(PROTOCOL_ERROR)


# 5.1 Stream states: open and half-closed


def test_5_1_open_every_frame_of_a_request_is_accepted(client):
    stream = opened(client)
    client.send(priority(stream) + window_update(stream, 100))
    client.rules.grant(stream, 100)
    client.send(data(stream, b"x") + data(stream, b"y", END_STREAM))
    assert client.read_response(stream).body == b"xy"


@pytest.mark.parametrize("flags", [0, END_STREAM])
def test_5_1_half_closed_data_is_a_stream_error(blocked, flags):
    stream = half_closed(blocked)
    blocked.send(data(stream, b"late", flags))
    expect_stream_closed(blocked, stream)


@pytest.mark.parametrize("flags", [END_HEADERS, END_HEADERS | END_STREAM])
def test_5_1_half_closed_headers_are_a_stream_error(blocked, flags):
    stream = half_closed(blocked)
    blocked.send(frame(HEADERS, flags, stream, blocked.block([("x-late", "1")])))
    expect_stream_closed(blocked, stream)


def test_5_1_half_closed_a_second_request_is_a_stream_error(blocked):
    stream = half_closed(blocked)
    blocked.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, blocked.block(blocked.get())))
    expect_stream_closed(blocked, stream)


def test_5_1_half_closed_continuation_is_a_connection_error(blocked):
    stream = half_closed(blocked)
    blocked.send(frame(CONTINUATION, END_HEADERS, stream, b""))
    blocked.expect_connection_error(PROTOCOL_ERROR, STREAM_CLOSED)


def test_5_1_half_closed_window_update_and_priority_are_accepted(blocked):
    stream = half_closed(blocked)
    blocked.send(priority(stream))
    blocked.open_window(stream, 1000)
    received = blocked.read_until(lambda it: it.type == DATA, "DATA")
    assert received.stream == stream and received.size <= 1000


def test_5_1_half_closed_rst_stream_ends_the_answer(blocked):
    stream = half_closed(blocked)
    blocked.send(rst_stream(stream))
    blocked.barrier()
    blocked.change_settings((INITIAL_WINDOW_SIZE, 2**20))
    blocked.expect_still_serving()
    assert not [it for it in blocked.seen if it.stream == stream and it.type in (DATA, RST_STREAM)], blocked.story()


def expect_stream_closed(client, stream):
    """Sections 5.1 and 6.1: a stream error, or the same as a connection error (section 5.4.1)."""
    received = client.read_until(
        lambda it: it.type == GOAWAY or it.type == RST_STREAM and it.stream == stream, "STREAM_CLOSED"
    )
    assert received.code in (STREAM_CLOSED, PROTOCOL_ERROR), client.story()
    if received.type == GOAWAY:
        return client.expect_end()
    client.change_settings((INITIAL_WINDOW_SIZE, 2**16))
    client.expect_still_serving()


# 5.1 Stream states: closed

LATE_FRAMES = {
    "DATA": lambda client, stream: data(stream, b"late"),
    "DATA that ends the stream": lambda client, stream: data(stream, b"", END_STREAM),
    "HEADERS": lambda client, stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, client.block([("x-late", "1")])),
    "a request": lambda client, stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, client.block(client.get())),
}


@pytest.mark.parametrize("name", LATE_FRAMES)
@pytest.mark.parametrize("close", [reset_by_client, ended_on_both_sides])
def test_5_1_closed_a_late_frame_is_refused_or_dropped(client, close, name):
    stream = close(client)
    client.send(LATE_FRAMES[name](client, stream))
    expect_late_frame_refused(client, stream)


@pytest.mark.parametrize("close", [reset_by_client, ended_on_both_sides])
def test_5_1_closed_continuation_is_a_connection_error(client, close):
    """Section 6.10 asks for PROTOCOL_ERROR, section 5.1 permits STREAM_CLOSED."""
    stream = close(client)
    client.send(frame(CONTINUATION, END_HEADERS, stream, b""))
    client.expect_connection_error(PROTOCOL_ERROR, STREAM_CLOSED)


def test_5_1_closed_window_update_rst_stream_and_priority_are_no_errors_after_an_answer(client):
    """The server has ended the stream itself, and the client's frames may have been on their way."""
    stream = client.request()
    client.read_response(stream)
    client.send(window_update(stream, 1000) + priority(stream) + rst_stream(stream))
    assert not [it for it in client.barrier() if it.type in (RST_STREAM, GOAWAY)]
    client.expect_still_serving()


def test_5_1_closed_priority_is_accepted_after_a_reset(client):
    stream = reset_by_client(client)
    client.send(priority(stream, 0, 7))
    client.expect_still_serving()


def test_5_1_closed_frames_after_a_reset_by_the_server_are_dropped(client):
    """They may have been sent before RST_STREAM came."""
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post("/echo", ("content-length", "1")), END_HEADERS))
    # One byte too many: the server resets, and more is on its way.
    late = frame(HEADERS, END_HEADERS | END_STREAM, stream, client.block([("x-trailer", "1")]))
    client.send(data(stream, b"12") + data(stream, b"34") + window_update(stream, 1) + late)
    client.expect_stream_error(stream, PROTOCOL_ERROR, also=lambda it: it.type == HEADERS)


def test_5_1_closed_data_on_a_reset_stream_is_given_back_to_the_connections_window(client):
    """Section 6.9: "a receiver MUST always account for its contribution against the connection flow-control window"."""
    for _ in range(30):
        stream = client.fresh_stream()
        client.send(client.headers(stream, client.post(), END_HEADERS))
        while not client.rules.may_send(stream, 10_000):
            client.receive()
        client.send(rst_stream(stream))
        client.rules.sent(stream, 10_000)
        client.send(data(stream, bytes(10_000)))
        client.send(ping(b"received"))
        outcome = client.read_until(lambda it: it.type in (PING, GOAWAY), "an answer")
        if outcome.type == GOAWAY:
            # Permitted in this state, and the question is settled.
            assert outcome.code in (STREAM_CLOSED, PROTOCOL_ERROR)
            return
    client.expect_still_serving()


# 5.1.1 Stream identifiers


def test_5_1_1_a_stream_with_an_even_number_is_a_connection_error(client):
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 2, client.block(client.get())))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_5_1_1_a_new_stream_below_an_older_one_is_a_connection_error(client):
    client.exchange(stream=5)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, client.block(client.get())))
    # Stream 3 is closed since stream 5 was opened, so that STREAM_CLOSED is right as well (5.1).
    client.expect_connection_error(PROTOCOL_ERROR, STREAM_CLOSED)


def test_5_1_1_a_number_is_not_used_twice(client):
    client.exchange(stream=1)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, client.block(client.get())))
    expect_late_frame_refused(client, 1)
    assert len([it for it in client.seen if it.stream == 1 and it.type == HEADERS]) == 1


def test_5_1_1_numbers_may_be_skipped_up_to_the_largest(client):
    for stream in (7, 1001, 2**31 - 1):
        assert client.exchange(stream=stream).status == 200


def test_5_1_1_skipped_streams_are_closed(client):
    client.exchange(stream=9)
    client.send(data(3, b"x"))
    expect_late_frame_refused(client, 3)


# 5.1.2 Stream concurrency


def test_5_1_2_a_stream_above_the_limit_is_refused(blocked):
    limit = blocked.server_settings.get(MAX_CONCURRENT_STREAMS)
    assert limit, "the server announces no limit, which section 6.5.2 permits; a production server has one"
    if limit > 5000:
        pytest.skip(f"the limit is {limit}")
    streams = [half_closed(blocked) for _ in range(limit)]
    extra = blocked.request(blocked.get("/big"))
    received = blocked.read_until(lambda it: it.stream == extra or it.type == GOAWAY, "a refusal")
    assert received.type in (RST_STREAM, GOAWAY), received
    assert received.code in (REFUSED_STREAM, PROTOCOL_ERROR), received
    if received.type == GOAWAY:
        return
    # The others are not affected, and a closed one makes room.
    blocked.send(rst_stream(streams[0]))
    blocked.barrier()
    after = half_closed(blocked)
    assert after > extra


def test_5_1_2_streams_reserved_or_closed_do_not_count(client):
    limit = client.server_settings.get(MAX_CONCURRENT_STREAMS, 100)
    for _ in range(min(limit, 300) + 50):
        assert client.exchange().status == 200


def test_5_1_2_a_limit_of_the_client_does_not_bind_its_own_requests(target):
    with target.start((MAX_CONCURRENT_STREAMS, 0)) as client:
        client.expect_still_serving()


def test_5_1_2_as_many_streams_as_the_limit_are_answered(client):
    limit = min(client.server_settings.get(MAX_CONCURRENT_STREAMS, 100), 100)
    streams = [client.request() for _ in range(limit)]
    for stream in reversed(streams):
        assert client.read_response(stream).body == HELLO


# 5.3 Prioritization


@pytest.mark.parametrize("depends_on", [1, 3, 0, 2**31 - 1])
def test_5_3_priority_fields_of_any_value_are_accepted(client, depends_on):
    """But for a stream that depends on itself, which RFC 7540 section 5.3.1 forbade and RFC 9113 no longer mentions."""
    stream = 5
    client.rules.open(stream)
    payload = priority_fields(depends_on, 255, True) + client.block(client.get())
    client.send(frame(HEADERS, END_HEADERS | END_STREAM | PRIORITY_FLAG, stream, payload))
    assert client.read_response(stream).status == 200


@pytest.mark.parametrize("kind", ["HEADERS", "PRIORITY"])
def test_5_3_a_stream_that_depends_on_itself_is_ignored_or_a_protocol_error(client, kind):
    stream = client.fresh_stream()
    if kind == "PRIORITY":
        client.send(priority(stream, stream))
        stream_frame = client.headers(stream, client.get())
    else:
        client.rules.open(stream)
        payload = priority_fields(stream) + client.block(client.get())
        stream_frame = frame(HEADERS, END_HEADERS | END_STREAM | PRIORITY_FLAG, stream, payload)
    client.send(stream_frame)
    received = client.read_until(lambda it: it.stream == stream or it.type == GOAWAY, "an answer")
    assert received.type == HEADERS or received.code == PROTOCOL_ERROR, received


# 5.4 Error handling


def test_5_4_1_after_goaway_for_an_error_the_connection_is_closed(client):
    client.send(ping(stream=1))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_5_4_1_goaway_names_the_last_stream_that_may_have_been_processed(client):
    """Section 8.7: a GOAWAY frame MUST include an identifier greater than or equal to that of any processed stream."""
    for _ in range(3):
        client.exchange()
    client.send(ping(stream=1))
    received = client.expect_connection_error(PROTOCOL_ERROR)
    assert received.last_stream >= 5, received


def test_5_4_2_a_stream_error_leaves_other_streams_alone(client):
    good, bad = opened(client), client.fresh_stream()
    client.send(client.headers(bad, [*client.get(), ("connection", "close")]))
    client.expect_malformed(bad)
    if not any(it.type == GOAWAY for it in client.seen):
        client.send(data(good, b"unaffected", END_STREAM))
        assert client.read_response(good).body == b"unaffected"


@pytest.mark.parametrize("code", [NO_ERROR, CANCEL, 0xFF, 2**32 - 1])
def test_5_4_2_rst_stream_is_not_answered_with_rst_stream(client, code):
    """Also with unknown codes, which "MUST NOT trigger any special behavior" (section 7)."""
    stream = opened(client)
    client.send(rst_stream(stream, code))
    client.barrier()
    client.expect_still_serving()
    assert not [it for it in client.seen if it.type == RST_STREAM and it.stream == stream], client.story()


def test_5_4_2_rst_stream_is_not_answered_on_a_closed_stream_either(client):
    stream = ended_on_both_sides(client)
    client.send(rst_stream(stream) + rst_stream(stream))
    client.barrier()
    assert not [it for it in client.seen if it.type == RST_STREAM], client.story()


def test_5_4_3_a_connection_that_is_cut_disturbs_nobody(target):
    for _ in range(5):
        with target.start() as client:
            opened(client)
            client.request(client.get("/big"))


# 5.5 Extending HTTP/2


def test_5_5_unknown_settings_are_ignored(client):
    client.change_settings((0xFFFF, 2**32 - 1), (0x0, 7), (0x7, 7), (0xF, 0xFFFF))
    client.expect_still_serving()


def test_5_5_an_unknown_error_code_of_goaway_has_no_special_effect(client):
    stream = opened(client)
    client.send(frame(GOAWAY, 0, 0, b"\0\0\0\0" + b"\xff\xff\xff\xff" + b"why"))
    client.send(data(stream, b"still", END_STREAM))
    received = client.read_until(lambda it: it.stream == stream or it.type == GOAWAY, "an answer")
    assert received.type == HEADERS or received.code == NO_ERROR, received
