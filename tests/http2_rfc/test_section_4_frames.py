"""RFC 9113 section 4: the format and size of frames, field blocks."""

import pytest
from http2_rfc.servers import BIG, HELLO
from http2_wire import (
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADER_TABLE_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_FRAME_SIZE,
    PING,
    PRIORITY,
    PROTOCOL_ERROR,
    RST_STREAM,
    SETTINGS,
    SMALLEST_FRAME_LIMIT,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    data,
    frame,
    goaway,
    literal,
    ping,
    priority,
    rst_stream,
    settings,
    window_update,
)

RESERVED_BIT = 1 << 31


def frame_limit(client):
    return client.server_settings.get(MAX_FRAME_SIZE, SMALLEST_FRAME_LIMIT)


# 4.1 Frame format


@pytest.mark.parametrize("kind", [0x0B, 0x16, 0x42, 0xF0, 0xFF])
@pytest.mark.parametrize("payload", [b"", b"\x00" * 8, b"\xff" * 1000])
def test_4_1_frames_of_unknown_types_are_ignored(client, kind, payload):
    client.send(frame(kind, 0, 0, payload))
    client.expect_still_serving()


def test_4_1_a_frame_of_an_unknown_type_may_name_any_stream(client):
    client.exchange()
    client.send(frame(0x16, 0xFF, 1, b"closed") + frame(0x16, 0xFF, 1001, b"idle") + frame(0x16, 0, 2, b"even"))
    client.expect_still_serving()


def test_4_1_a_frame_of_an_unknown_type_within_a_request_is_ignored(client):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS))
    client.send(frame(0x16, 0xFF, stream, b"?") + data(stream, b"body", END_STREAM))
    assert client.read_response(stream).body == b"body"


@pytest.mark.parametrize(
    "payload",
    [
        frame(PING, 0xFE, 0, b"12345678"),
        frame(SETTINGS, 0xFE, 0, b""),
        frame(WINDOW_UPDATE, 0xFF, 0, b"\0\0\0\1"),
        frame(PRIORITY, 0xFF, 1, b"\0\0\0\0\x10"),
    ],
    ids=["PING", "SETTINGS", "WINDOW_UPDATE", "PRIORITY"],
)
def test_4_1_undefined_flags_are_ignored(client, payload):
    if payload[3] == SETTINGS:
        client.rules.propose(())
    client.send(payload)
    client.expect_still_serving()


def test_4_1_undefined_flags_of_headers_and_data_are_ignored(client):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS | 0x82 | 0x40 | 0x10))
    client.send(data(stream, b"body", END_STREAM | 0xF6))
    assert client.read_response(stream).body == b"body"


def test_4_1_undefined_flags_of_continuation_are_ignored(client):
    stream, block = client.fresh_stream(), client.block(client.get())
    client.rules.open(stream)
    client.send(frame(HEADERS, END_STREAM, stream, block[:3]) + frame(CONTINUATION, 0xFF, stream, block[3:]))
    assert client.read_response(stream).body == HELLO


def test_4_1_the_reserved_bit_is_ignored(client):
    client.send(frame(PING, 0, RESERVED_BIT, b"reserved"))
    client.read_until(lambda it: it.type == PING and it.data == b"reserved", "the acknowledgement of PING")
    client.rules.open(1)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, RESERVED_BIT | 1, client.block(client.get())))
    assert client.read_response(1).body == HELLO


# 4.2 Frame size


def test_4_2_a_frame_of_the_largest_size_is_read(client):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS))
    client.send_body(stream, b"x" * SMALLEST_FRAME_LIMIT, piece=SMALLEST_FRAME_LIMIT)
    assert client.read_response(stream).body == b"x" * SMALLEST_FRAME_LIMIT


def test_4_2_a_field_block_of_the_largest_size_is_read(client):
    stream = client.fresh_stream()
    block = client.block(client.get())
    # One byte for the kind of the line, one for the length of the name, three for that of the value.
    block += literal(b"x-fill", b"y" * (SMALLEST_FRAME_LIMIT - len(block) - len("x-fill") - 5))
    assert len(block) == SMALLEST_FRAME_LIMIT
    client.rules.open(stream)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))
    # A server may find this head too large (431), but not the frame.
    assert client.read_response(stream).status in (200, 431)
    client.expect_still_serving()


def test_4_2_a_larger_data_frame_is_a_frame_size_error(client):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS))
    client.send(data(stream, b"x" * (frame_limit(client) + 1), END_STREAM))
    client.expect_stream_error(stream, FRAME_SIZE_ERROR)


@pytest.mark.parametrize("kind", [HEADERS, CONTINUATION, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, RST_STREAM])
def test_4_2_any_larger_frame_that_alters_the_connection_is_a_connection_error(client, kind):
    size = frame_limit(client) + 1
    if kind == HEADERS:
        block = client.block(client.get())
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block + literal(b"x", b"y" * size)[:size]))
    elif kind == CONTINUATION:
        client.rules.open(1)
        client.send(frame(HEADERS, END_STREAM, 1, client.block(client.get())))
        client.send(frame(CONTINUATION, END_HEADERS, 1, literal(b"x", b"y" * size)))
    else:
        size += -size % 6
        client.send(frame(kind, 0, 1 if kind == RST_STREAM else 0, bytes(size)))
    client.expect_connection_error(FRAME_SIZE_ERROR)


def test_4_2_a_frame_of_an_unknown_type_that_is_too_large_is_not_buffered(client):
    """Its announced length alone is reason enough, or it is discarded as it comes."""
    client.send(frame(0x16, 0, 0, bytes(frame_limit(client) + 1)))
    client.send(ping(b"answered"))
    outcome = client.read_until(lambda it: it.type in (PING, GOAWAY), "an acknowledgement of PING, or GOAWAY")
    assert outcome.type == PING or outcome.code in (FRAME_SIZE_ERROR, PROTOCOL_ERROR), client.story()


@pytest.mark.parametrize(
    "short",
    [
        frame(GOAWAY, 0, 0, bytes(7)),
        frame(GOAWAY, 0, 0, b""),
        frame(PING, 0, 0, b""),
        frame(WINDOW_UPDATE, 0, 0, bytes(3)),
    ],
    ids=["GOAWAY of 7", "GOAWAY of 0", "PING of 0", "WINDOW_UPDATE of 3"],
)
def test_4_2_a_frame_without_its_mandatory_fields_is_a_frame_size_error(client, short):
    client.send(short)
    client.expect_connection_error(FRAME_SIZE_ERROR)


def test_4_2_the_server_keeps_to_the_default_frame_size(client):
    """Rules.check_size looks at each frame."""
    client.open_window()
    assert client.exchange(client.get("/big")).body == BIG
    assert max(it.size for it in client.seen) <= SMALLEST_FRAME_LIMIT


def test_4_2_the_server_keeps_to_a_larger_frame_size(target):
    with target.start((MAX_FRAME_SIZE, 2**15), (INITIAL_WINDOW_SIZE, 2**21)) as client:
        client.open_window()
        assert client.exchange(client.get("/big")).body == BIG
        assert max(it.size for it in client.seen) <= 2**15


def test_4_2_a_head_larger_than_a_frame_is_sent_with_continuation(target, client):
    target.needs_application()
    response = client.exchange(client.get("/many-fields"))
    assert len([name for name, _ in response.headers if name.startswith(b"x-field-")]) == 100


# 4.3 Field section compression


def test_4_3_a_field_block_that_cannot_be_decoded_is_a_connection_error(client):
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
    client.expect_connection_error(COMPRESSION_ERROR)


def test_4_3_a_truncated_field_block_is_a_connection_error(client):
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, client.block(client.get()) + b"\x40\x05name"))
    client.expect_connection_error(COMPRESSION_ERROR)


def test_4_3_a_trailer_block_that_cannot_be_decoded_is_a_connection_error(client):
    client.send(client.headers(1, client.post(), END_HEADERS) + data(1, b"body"))
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x80"))
    client.expect_connection_error(COMPRESSION_ERROR)


def test_4_3_a_field_block_may_be_cut_anywhere(client):
    """Also within an integer, a string or a Huffman code."""
    for cut in range(1, 20):
        stream, block = client.fresh_stream(), client.block(client.get("/", ("x-cut", f"some value {cut}")))
        client.rules.open(stream)
        client.send(
            frame(HEADERS, END_STREAM, stream, block[:cut]) + frame(CONTINUATION, END_HEADERS, stream, block[cut:])
        )
        assert client.read_response(stream).status == 200


@pytest.mark.parametrize(
    ("name", "between"),
    [
        ("DATA", data(1, b"x")),
        ("HEADERS", None),
        ("PRIORITY", priority(1)),
        ("PRIORITY of another stream", priority(3)),
        ("RST_STREAM", rst_stream(1)),
        ("SETTINGS", settings()),
        ("PING", ping()),
        ("GOAWAY", goaway()),
        ("WINDOW_UPDATE", window_update(0, 1)),
        ("unknown", frame(0x16, 0, 0, b"")),
        ("unknown of the stream", frame(0x16, 0, 1, b"")),
        ("CONTINUATION of another stream", frame(CONTINUATION, END_HEADERS, 3, b"")),
        ("CONTINUATION of the connection", frame(CONTINUATION, END_HEADERS, 0, b"")),
    ],
)
def test_4_3_nothing_may_come_between_the_frames_of_a_field_block(client, name, between):
    """Sections 4.3, 5.5 (unknown types), 6.2 and 6.10."""
    block = client.block(client.get())
    between = between or frame(HEADERS, END_HEADERS | END_STREAM, 3, block)
    client.send(frame(HEADERS, END_STREAM, 1, block[:4]) + between + frame(CONTINUATION, END_HEADERS, 1, block[4:]))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_4_3_nothing_may_come_between_two_continuation_frames(client):
    block = client.block(client.get())
    client.send(frame(HEADERS, END_STREAM, 1, block[:2]) + frame(CONTINUATION, 0, 1, block[2:4]))
    client.send(data(1, b"x") + frame(CONTINUATION, END_HEADERS, 1, block[4:]))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_4_3_nothing_may_come_between_the_frames_of_a_trailer_block(client):
    client.send(client.headers(1, client.post(), END_HEADERS) + data(1, b"body"))
    block = client.block([("x-trailer", "1")])
    client.send(frame(HEADERS, END_STREAM, 1, block[:2]) + ping() + frame(CONTINUATION, END_HEADERS, 1, block[2:]))
    client.expect_connection_error(PROTOCOL_ERROR)


def test_4_3_a_refused_request_still_updates_the_compression_state(client):
    """Its fields are in the dynamic table afterwards, which the next request refers to."""
    bad = [*client.get(), ("X-Upper", "1")]
    stream = client.fresh_stream()
    client.send(client.headers(stream, bad))
    client.expect_malformed(stream)
    if not any(it.type == GOAWAY for it in client.seen):
        client.expect_still_serving()


def test_4_3_fields_of_a_reset_stream_still_update_the_compression_state(client):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS) + rst_stream(stream))
    late = [("x-late", "in the table now")]
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, client.block(late)))
    client.send(client.headers(client.fresh_stream(), client.get("/", *late)))
    # Section 5.1, closed: a connection error is permitted, and so is another RST_STREAM.
    head = client.read_until(lambda it: it.type in (HEADERS, GOAWAY), "an answer")
    if head.type == GOAWAY:
        assert head.code in (STREAM_CLOSED, PROTOCOL_ERROR), head
    else:
        assert dict(head.headers)[b":status"] == b"200"


# 4.3.1 Compression state


@pytest.mark.parametrize("size", [0, 100, 4095])
def test_4_3_1_a_reduced_table_is_acknowledged_in_the_next_field_block(target, size):
    """The decoder of hpack refuses a block that does not begin with the update, as RFC 7541 section 4.2 asks."""
    with target.start() as client:
        client.exchange()
        client.change_settings((HEADER_TABLE_SIZE, size))
        client.decoder.max_allowed_table_size = size
        for _ in range(3):
            assert client.exchange().status == 200


def test_4_3_1_a_table_reduced_in_the_preface_is_never_exceeded(target):
    with target.connect() as client:
        client.decoder.max_allowed_table_size = 0
        client.start((HEADER_TABLE_SIZE, 0))
        for _ in range(3):
            assert client.exchange().status == 200


def test_4_3_1_a_table_that_shrinks_and_grows_again_is_emptied(target):
    """RFC 7541 section 4.2: the smallest size that occurred has to be signalled, too."""
    with target.start() as client:
        client.exchange()
        client.change_settings((HEADER_TABLE_SIZE, 0))
        client.change_settings((HEADER_TABLE_SIZE, 4096))
        client.decoder.max_allowed_table_size = 0
        client.decoder.max_allowed_table_size = 4096
        stream = client.request()
        head = client.read_until(lambda it: it.type == HEADERS and it.stream == stream, "the response")
        assert head.data[:1] == b"\x20", f"the block begins with {head.data[:4].hex()}"
        client.read_until(lambda it: it.type == DATA and it.ends_stream, "the body")
        client.expect_still_serving()


def test_4_3_1_a_larger_table_does_not_oblige_the_server(target):
    with target.start((HEADER_TABLE_SIZE, 2**16)) as client:
        client.decoder.max_allowed_table_size = 2**16
        for _ in range(3):
            assert client.exchange().status == 200
