"""RFC 9113 section 6: each type of frame. Flow control has a file of its own: test_section_6_9_flow_control.py."""

import pytest
from http2_rfc.servers import HELLO
from http2_wire import (
    ACK,
    CONTINUATION,
    DATA,
    DEFAULT_WINDOW,
    ENABLE_PUSH,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    LARGEST_FRAME_LIMIT,
    LARGEST_WINDOW,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    NO_ERROR,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_FLAG,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    SMALLEST_FRAME_LIMIT,
    ProtocolError,
    data,
    frame,
    goaway,
    ping,
    priority,
    priority_fields,
    rst_stream,
    settings,
)


def open_post(client, *more):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post("/echo", *more), END_HEADERS))
    return stream


# 6.1 DATA


def test_6_1_data_on_stream_0_is_a_connection_error(client):
    client.send(data(0, b"x"))
    client.expect_connection_error(PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [0, 1, 17, 255])
def test_6_1_padding_of_data_is_removed(client, length):
    stream = open_post(client)
    client.send(data(stream, b"padded", END_STREAM, padding=length))
    assert client.read_response(stream).body == b"padded"


def test_6_1_data_may_be_nothing_but_padding(client):
    stream = open_post(client, ("content-length", "2"))
    client.send(
        data(stream, b"", 0, padding=100) + data(stream, b"ab", 0, padding=0) + data(stream, b"", END_STREAM, padding=0)
    )
    assert client.read_response(stream).body == b"ab"


@pytest.mark.parametrize("payload", [b"\x06hello", b"\xffhello", b"\x05abcd", b"\x01"])
def test_6_1_padding_as_long_as_the_payload_is_a_connection_error(client, payload):
    stream = open_post(client)
    client.send(frame(DATA, PADDED | END_STREAM, stream, payload))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_6_1_padded_data_without_a_pad_length_is_a_connection_error(client):
    """Too small for its mandatory field (4.2), and its padding is as long as it (6.1)."""
    stream = open_post(client)
    client.send(frame(DATA, PADDED | END_STREAM, stream, b""))
    client.expect_stream_error(stream, FRAME_SIZE_ERROR, PROTOCOL_ERROR)


def test_6_1_data_may_end_with_an_empty_frame(client):
    stream = open_post(client)
    client.send(data(stream, b"all of it") + data(stream, b"", END_STREAM))
    assert client.read_response(stream).body == b"all of it"


def test_6_1_data_before_headers_is_a_connection_error(client):
    client.send(data(1, b"x") + client.headers(1, client.post(), END_HEADERS))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_6_1_data_in_many_frames_arrives_in_order(client):
    body = b"".join(b"%05d," % number for number in range(9_000))
    stream = open_post(client)
    client.open_window()
    client.open_window(stream)
    client.send_body(stream, body, piece=777)
    assert client.read_response(stream).body == body


# 6.2 HEADERS


def test_6_2_headers_on_stream_0_are_a_connection_error(client):
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 0, client.block(client.get())))
    client.expect_connection_error(PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [0, 1, 255])
@pytest.mark.parametrize("with_priority", [False, True])
def test_6_2_padding_and_priority_of_headers_are_removed(client, length, with_priority):
    client.rules.open(1)
    fields = priority_fields(0, 15) if with_priority else b""
    payload = bytes([length]) + fields + client.block(client.get()) + bytes(length)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM | PADDED | (PRIORITY_FLAG if with_priority else 0), 1, payload))
    assert client.read_response(1).body == HELLO


def test_6_2_padded_headers_may_be_continued(client):
    client.rules.open(1)
    block = client.block(client.get())
    client.send(
        frame(HEADERS, END_STREAM | PADDED, 1, b"\x05" + block[:3] + bytes(5))
        + frame(CONTINUATION, END_HEADERS, 1, block[3:])
    )
    assert client.read_response(1).body == HELLO


@pytest.mark.parametrize("excess", [1, 100])
def test_6_2_padding_as_long_as_the_payload_is_a_connection_error(client, excess):
    block = client.block([(":method", "GET")])
    assert len(block) + excess < 256
    client.send(frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, bytes([len(block) + excess]) + block))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_6_2_padded_headers_without_a_pad_length_are_a_connection_error(client):
    client.send(frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, b""))
    client.expect_connection_error(FRAME_SIZE_ERROR, PROTOCOL_ERROR)


@pytest.mark.parametrize("length", range(5))
def test_6_2_headers_too_short_for_their_priority_are_a_connection_error(client, length):
    client.send(frame(HEADERS, END_HEADERS | END_STREAM | PRIORITY_FLAG, 1, bytes(length)))
    client.expect_connection_error(FRAME_SIZE_ERROR)


def test_6_2_end_stream_counts_though_continuation_follows(client):
    client.rules.open(1)
    block = client.block(client.post())
    client.send(frame(HEADERS, END_STREAM, 1, block[:5]) + frame(CONTINUATION, END_HEADERS, 1, block[5:]))
    response = client.read_response(1)
    assert response.status == 200 and response.body == b""


# 6.3 PRIORITY


def test_6_3_priority_on_stream_0_is_a_connection_error(client):
    client.send(priority(0, 1))
    client.expect_connection_error(PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [0, 4, 6, 10])
def test_6_3_priority_of_another_length_is_a_stream_error(client, length):
    stream = open_post(client)
    client.send(frame(PRIORITY, 0, stream, bytes(length)))
    client.expect_stream_error(stream, FRAME_SIZE_ERROR)


def test_6_3_priority_of_another_length_on_an_idle_stream_is_an_error(client):
    client.send(frame(PRIORITY, 0, 1, bytes(4)))
    client.rules.open(1)
    received = client.read_until(lambda it: it.type in (GOAWAY, RST_STREAM), "an error")
    assert received.code in (FRAME_SIZE_ERROR, PROTOCOL_ERROR), received


def test_6_3_priority_opens_no_stream_and_closes_none(client):
    client.send(priority(101) + priority(99, 101))
    assert client.exchange(stream=1).status == 200
    assert client.exchange(stream=99).status == 200


@pytest.mark.parametrize("depends_on", [0, 5, 2**31 - 1])
def test_6_3_priority_is_accepted_with_any_dependency(client, depends_on):
    client.send(priority(3, depends_on, 255, exclusive=True))
    client.expect_still_serving()


# 6.4 RST_STREAM


def test_6_4_rst_stream_on_stream_0_is_a_connection_error(client):
    client.send(rst_stream(0))
    client.expect_connection_error(PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [0, 3, 5, 8])
def test_6_4_rst_stream_of_another_length_is_a_connection_error(client, length):
    stream = open_post(client)
    client.send(frame(RST_STREAM, 0, stream, bytes(length)))
    client.expect_connection_error(FRAME_SIZE_ERROR)


def test_6_4_after_rst_stream_nothing_more_comes_on_the_stream(target):
    with target.start((INITIAL_WINDOW_SIZE, 0)) as client:
        stream = client.request(client.get("/big"))
        client.read_until(lambda it: it.type == HEADERS, "the response")
        client.send(rst_stream(stream))
        client.barrier()
        already = len(client.seen)
        client.change_settings((INITIAL_WINDOW_SIZE, 2**20))
        client.open_window(0)
        client.expect_still_serving()
        assert not [it for it in client.seen[already:] if it.stream == stream], client.story()


# 6.5 SETTINGS


@pytest.mark.parametrize("length", [1, 6])
def test_6_5_an_acknowledgement_with_content_is_a_connection_error(client, length):
    client.send(frame(SETTINGS, ACK, 0, bytes(length)))
    client.expect_connection_error(FRAME_SIZE_ERROR)


@pytest.mark.parametrize("flags", [0, ACK])
def test_6_5_settings_of_a_stream_are_a_connection_error(client, flags):
    client.send(settings(flags=flags, stream=1))
    client.expect_connection_error(PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [1, 3, 5, 7, 11])
def test_6_5_settings_of_half_a_parameter_are_a_connection_error(client, length):
    client.send(frame(SETTINGS, 0, 0, bytes(length)))
    client.expect_connection_error(FRAME_SIZE_ERROR)


@pytest.mark.parametrize("value", [2, 2**32 - 1])
def test_6_5_2_enable_push_other_than_0_or_1_is_a_connection_error(client, value):
    client.send(settings((ENABLE_PUSH, value)))
    client.expect_connection_error(PROTOCOL_ERROR)


@pytest.mark.parametrize("value", [LARGEST_WINDOW + 1, 2**32 - 1])
def test_6_5_2_an_initial_window_above_the_largest_is_a_connection_error(client, value):
    client.send(settings((INITIAL_WINDOW_SIZE, value)))
    client.expect_connection_error(FLOW_CONTROL_ERROR)


@pytest.mark.parametrize("value", [0, SMALLEST_FRAME_LIMIT - 1, LARGEST_FRAME_LIMIT + 1, 2**32 - 1])
def test_6_5_2_a_frame_size_out_of_range_is_a_connection_error(client, value):
    client.send(settings((MAX_FRAME_SIZE, value)))
    client.expect_connection_error(PROTOCOL_ERROR)


@pytest.mark.parametrize(
    "pair",
    [
        *[(ENABLE_PUSH, 0), (ENABLE_PUSH, 1), (MAX_CONCURRENT_STREAMS, 0), (MAX_CONCURRENT_STREAMS, 2**32 - 1)],
        *[(INITIAL_WINDOW_SIZE, LARGEST_WINDOW), (INITIAL_WINDOW_SIZE, 100), (MAX_FRAME_SIZE, SMALLEST_FRAME_LIMIT)],
        *[(MAX_FRAME_SIZE, LARGEST_FRAME_LIMIT), (MAX_HEADER_LIST_SIZE, 2**32 - 1), (MAX_HEADER_LIST_SIZE, 2**16)],
    ],
)
def test_6_5_2_values_at_the_ends_of_the_ranges_are_accepted(client, pair):
    client.change_settings(pair)
    client.expect_still_serving()


def test_6_5_2_a_bad_value_counts_though_a_good_one_follows(client):
    client.send(settings((MAX_FRAME_SIZE, 1), (MAX_FRAME_SIZE, SMALLEST_FRAME_LIMIT)))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_6_5_2_bad_settings_in_the_preface_are_a_connection_error(target):
    with target.connect() as client:
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings((ENABLE_PUSH, 2)))
        client.expect_connection_error(PROTOCOL_ERROR)


def test_6_5_the_last_of_several_values_holds(target):
    with target.start((INITIAL_WINDOW_SIZE, 0)) as client:
        client.change_settings((INITIAL_WINDOW_SIZE, 3), (INITIAL_WINDOW_SIZE, 1))
        stream = client.request(client.get("/big"))
        first = client.read_until(lambda it: it.type == DATA and it.stream == stream, "DATA")
        assert first.size == 1


def test_6_5_3_each_settings_frame_is_acknowledged_in_turn(client):
    for number in range(20):
        client.send(client.own_settings((INITIAL_WINDOW_SIZE, 1000 + number)))
    for _ in range(20):
        client.read_until(lambda it: it.type == SETTINGS and it.is_ack, "an acknowledgement")
    client.barrier()
    assert not client.rules.proposed


def test_6_5_3_empty_settings_are_acknowledged(client):
    client.change_settings()


def test_6_5_3_an_acknowledgement_is_not_acknowledged(client):
    """It is not asked for; no rule makes it an error."""
    client.send(settings(flags=ACK))
    client.send(ping(b"answered"))
    received = client.read_until(lambda it: it.type in (PING, GOAWAY, SETTINGS), "an answer to PING")
    assert received.type in (PING, GOAWAY), received


# 6.6 PUSH_PROMISE


@pytest.mark.parametrize("on_stream", [0, 1, 2])
def test_6_6_a_promise_of_a_client_is_a_connection_error(client, on_stream):
    """Section 8.4: a client cannot push."""
    if on_stream == 1:
        client.send(client.headers(1, client.post(), END_HEADERS))
    promise = b"\0\0\0\x02" + client.block(client.get())
    client.send(frame(PUSH_PROMISE, END_HEADERS, on_stream, promise))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_6_6_nothing_is_pushed_where_push_is_disabled(target):
    """Rules.check_promise looks at each promise."""
    target.needs_application()
    with target.start((ENABLE_PUSH, 0)) as client:
        assert client.exchange(client.get("/push")).body == HELLO
        client.barrier()
        assert not [it for it in client.seen if it.type == PUSH_PROMISE]


def test_6_6_nothing_is_pushed_once_push_was_disabled_later(target, client):
    target.needs_application()
    client.change_settings((ENABLE_PUSH, 0))
    already = len(client.seen)
    assert client.exchange(client.get("/push")).body == HELLO
    assert not [it for it in client.seen[already:] if it.type == PUSH_PROMISE]


# 6.7 PING


def test_6_7_ping_is_answered_with_the_same_payload(client):
    for payload in (b"\0" * 8, b"\xff" * 8, b"12345678"):
        client.send(ping(payload))
        received = client.read_until(lambda it: it.type == PING, "PING")
        assert received.is_ack and received.data == payload


def test_6_7_an_acknowledgement_is_not_answered(client):
    client.send(ping(b"no reply", ACK))
    assert not [it for it in client.barrier() if it.type == PING]


@pytest.mark.parametrize("flags", [0, ACK])
def test_6_7_ping_of_a_stream_is_a_connection_error(client, flags):
    client.send(ping(flags=flags, stream=1))
    client.expect_connection_error(PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [0, 6, 7, 9, 16])
@pytest.mark.parametrize("flags", [0, ACK])
def test_6_7_ping_of_another_length_is_a_connection_error(client, length, flags):
    client.send(frame(PING, flags, 0, bytes(length)))
    client.expect_connection_error(FRAME_SIZE_ERROR)


def test_6_7_ping_is_answered_while_a_response_waits_for_a_window(target):
    with target.start((INITIAL_WINDOW_SIZE, 0)) as client:
        client.request(client.get("/big"))
        client.barrier()


# 6.8 GOAWAY


def test_6_8_goaway_of_a_stream_is_a_connection_error(client):
    client.send(goaway(stream=1))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_6_8_after_goaway_of_the_client_its_streams_are_answered(client):
    stream = open_post(client)
    client.send(goaway(0, NO_ERROR, b"bye") + data(stream, b"last words", END_STREAM))
    assert client.read_response(stream).body == b"last words"


def test_6_8_after_goaway_of_the_client_the_connection_may_end(client):
    client.send(goaway(0, NO_ERROR))
    client.send(ping(b"after it"))
    try:
        client.read_until(lambda it: it.type == PING, "PING")
    except AssertionError:
        client.expect_end()


def test_6_8_an_error_of_the_client_is_no_reason_to_report_one(client):
    client.send(goaway(0, PROTOCOL_ERROR, b"you are wrong"))
    client.send(ping(b"after it"))
    try:
        client.read_until(lambda it: it.type == PING, "PING")
    except AssertionError:
        client.expect_end()
    assert not [it for it in client.seen if it.type == GOAWAY and it.code != NO_ERROR], client.story()


# 6.10 CONTINUATION


def test_6_10_a_field_block_may_take_many_frames(client):
    client.rules.open(1)
    block = client.block(client.get("/", ("x-long", "y" * 500)))
    client.send(frame(HEADERS, END_STREAM, 1, block[:1]))
    for byte in block[1:-1]:
        client.send(frame(CONTINUATION, 0, 1, bytes([byte])))
    client.send(frame(CONTINUATION, END_HEADERS, 1, block[-1:]))
    try:
        assert client.read_response(1).body == HELLO
    except ProtocolError:
        # Hundreds of frames of one byte may pass for a flood (section 10.5), on which a server may hang up (6.8).
        client.expect_end()


def test_6_10_a_field_block_in_a_few_frames_is_read(client):
    client.rules.open(1)
    block = client.block(client.get("/", ("x-long", "y" * 500)))
    parts = [block[start : start + 100] for start in range(0, len(block), 100)]
    client.send(frame(HEADERS, END_STREAM, 1, parts[0]))
    for part in parts[1:-1]:
        client.send(frame(CONTINUATION, 0, 1, part))
    client.send(frame(CONTINUATION, END_HEADERS, 1, parts[-1]))
    assert client.read_response(1).body == HELLO


def test_6_10_empty_fragments_are_accepted(client):
    client.rules.open(1)
    block = client.block(client.get())
    client.send(
        frame(HEADERS, END_STREAM, 1, b"") + frame(CONTINUATION, 0, 1, block) + frame(CONTINUATION, END_HEADERS, 1, b"")
    )
    assert client.read_response(1).body == HELLO


def test_6_10_continuation_on_stream_0_is_a_connection_error(client):
    client.send(frame(HEADERS, END_STREAM, 1, client.block(client.get())) + frame(CONTINUATION, END_HEADERS, 0, b""))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_6_10_continuation_without_headers_is_a_connection_error(client):
    client.send(frame(CONTINUATION, END_HEADERS, 1, client.block(client.get())))
    client.expect_connection_error(PROTOCOL_ERROR)


@pytest.mark.parametrize("last", ["HEADERS", "CONTINUATION", "DATA"])
def test_6_10_continuation_after_a_complete_field_block_is_a_connection_error(client, last):
    block = client.block(client.post())
    client.rules.open(1)
    if last == "CONTINUATION":
        client.send(frame(HEADERS, 0, 1, block[:3]) + frame(CONTINUATION, END_HEADERS, 1, block[3:]))
    else:
        client.send(frame(HEADERS, END_HEADERS, 1, block))
    if last == "DATA":
        client.send(data(1, b"x"))
    client.send(frame(CONTINUATION, END_HEADERS, 1, client.block([("x-more", "1")])))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_6_10_trailers_may_be_continued(client):
    stream = open_post(client)
    block = client.block([("x-trailer", "1")])
    client.send(data(stream, b"body") + frame(HEADERS, END_STREAM, stream, block[:4]))
    client.send(frame(CONTINUATION, END_HEADERS, stream, block[4:]))
    assert client.read_response(stream).body == b"body"


def test_6_the_server_announces_valid_settings(client):
    """Rules.check_settings looks at each value."""
    assert client.server_settings.get(INITIAL_WINDOW_SIZE, DEFAULT_WINDOW) > 0
    assert client.server_settings.get(MAX_CONCURRENT_STREAMS, 1) > 0
