"""RFC 7541: what a server's decoder must accept and refuse. Its encoder is checked by every response, with hpack."""

import json

import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable
from http2_wire import (
    COMPRESSION_ERROR,
    END_HEADERS,
    END_STREAM,
    HEADER_TABLE_SIZE,
    HEADERS,
    frame,
    integer,
    literal,
    string,
)

FIRST_DYNAMIC = 62
HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


def indexed(index):
    return integer(index, 7, 0x80)


def named(index, value, first=0x40):
    """A literal with a name of the table: `first` is 0x40 (indexed), 0x00 (not indexed) or 0x10 (never)."""
    return integer(index, 6 if first == 0x40 else 4, first) + string(value)


def size_update(size):
    return integer(size, 5, 0x20)


def get(client, path=b"/"):
    """The pseudo-header fields of a GET; the dynamic table stays as it is."""
    return b"\x82" + (b"\x87" if client.scheme == "https" else b"\x86") + named(4, path, 0x00) + named(1, b"test", 0x00)


def send(client, block, stream=None):
    stream = stream or client.fresh_stream()
    client.rules.open(stream)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))
    return stream


def answered(client, block):
    response = client.read_response(send(client, block))
    assert response.status == 200, response


def refused(client, block):
    send(client, block)
    client.expect_connection_error(COMPRESSION_ERROR)


def fields_seen(target, client, block):
    """What an application sees of a block behind the pseudo-header fields."""
    target.needs_application()
    response = client.read_response(send(client, get(client, b"/head-of-request") + block))
    assert response.status == 200, response
    return [tuple(field) for field in json.loads(response.body)["headers"] if field[0] != "host"]


def table_limit(client):
    return client.server_settings.get(HEADER_TABLE_SIZE, 4096)


# 2.3 and 4: the tables


def test_2_3_1_every_name_of_the_static_table_is_known(target, client):
    left_out = {
        "content-length",
        "transfer-encoding",
        "expect",
        "host",
        "cookie",
    }  # with a meaning for the server itself
    names = [(index, name.decode()) for index, (name, _) in enumerate(HeaderTable.STATIC_TABLE, 1) if index > 14]
    wanted = [(index, name) for index, name in names if name not in left_out]
    block = b"".join(named(index, b"v%d" % index, 0x00) for index, _ in wanted)
    assert fields_seen(target, client, block) == [(name, f"v{index}") for index, name in wanted]


@pytest.mark.parametrize("index", [15, 16, 19, 32, 50, 58, 61])
def test_2_3_1_every_entry_of_the_static_table_is_known(target, client, index):
    name, value = HeaderTable.STATIC_TABLE[index - 1]
    assert fields_seen(target, client, indexed(index)) == [(name.decode(), value.decode())]


def test_2_3_2_the_dynamic_table_holds_the_newest_field_first(target, client):
    block = literal(b"x-first", b"1", 0x40) + literal(b"x-second", b"2", 0x40)
    assert fields_seen(target, client, block) == [("x-first", "1"), ("x-second", "2")]
    again = indexed(FIRST_DYNAMIC) + indexed(FIRST_DYNAMIC + 1)
    assert fields_seen(target, client, again) == [("x-second", "2"), ("x-first", "1")]


def test_2_3_2_an_entry_may_be_used_within_the_block_that_adds_it(target, client):
    block = literal(b"x-new", b"1", 0x40) + indexed(FIRST_DYNAMIC) + named(FIRST_DYNAMIC, b"2", 0x00)
    assert fields_seen(target, client, block) == [("x-new", "1"), ("x-new", "1"), ("x-new", "2")]


def test_2_3_2_the_table_may_hold_an_entry_twice(target, client):
    fields_seen(target, client, literal(b"x-a", b"1", 0x40) * 2)
    assert fields_seen(target, client, indexed(FIRST_DYNAMIC) + indexed(FIRST_DYNAMIC + 1)) == [("x-a", "1")] * 2


@pytest.mark.parametrize("index", [FIRST_DYNAMIC, 100, 2**16, 2**28])
def test_2_3_3_an_index_beyond_the_tables_is_a_decoding_error(client, index):
    refused(client, get(client) + indexed(index))


@pytest.mark.parametrize("first", [0x40, 0x00, 0x10])
def test_2_3_3_a_name_beyond_the_tables_is_a_decoding_error(client, first):
    refused(client, get(client) + named(FIRST_DYNAMIC, b"v", first))


def test_2_3_3_the_index_after_the_last_entry_is_a_decoding_error(client):
    answered(client, get(client) + literal(b"x-only", b"1", 0x40))
    answered(client, get(client) + indexed(FIRST_DYNAMIC))
    refused(client, get(client) + indexed(FIRST_DYNAMIC + 1))


def test_4_1_an_entry_has_32_octets_more_than_its_strings(client):
    """Two entries of half the table fit, and a third evicts the first. Those of one octet more do not fit."""
    if table_limit(client) < 4096:
        pytest.skip(f"the table has {table_limit(client)} octets")
    half = literal(b"x-half", b"v" * (2048 - 32 - 6), 0x40)
    answered(client, get(client) + half + half)
    answered(client, get(client) + indexed(FIRST_DYNAMIC + 1))
    answered(client, get(client) + literal(b"x-half", b"v" * (2048 - 32 - 5), 0x40))
    refused(client, get(client) + indexed(FIRST_DYNAMIC + 1))


def test_4_3_a_table_of_no_size_is_empty(client):
    answered(client, get(client) + literal(b"x-entry", b"1", 0x40))
    refused(client, size_update(0) + get(client) + indexed(FIRST_DYNAMIC))


def test_4_3_a_smaller_table_loses_its_oldest_entries(target, client):
    fields_seen(target, client, b"".join(literal(b"x-%d" % number, b"1", 0x40) for number in range(5)))
    target.needs_application()
    block = (
        size_update(2 * 36 + 10)
        + get(client, b"/head-of-request")
        + indexed(FIRST_DYNAMIC)
        + indexed(FIRST_DYNAMIC + 1)
    )
    response = client.read_response(send(client, block))
    assert [field for field in json.loads(response.body)["headers"] if field[0] != "host"] == [
        ["x-4", "1"],
        ["x-3", "1"],
    ]
    refused(client, get(client) + indexed(FIRST_DYNAMIC + 2))


def test_4_4_an_entry_larger_than_the_table_empties_it_and_is_no_error(client):
    answered(client, get(client) + literal(b"x-small", b"1", 0x40))
    answered(client, get(client) + literal(b"x-large", b"v" * table_limit(client), 0x40))
    refused(client, get(client) + indexed(FIRST_DYNAMIC))


def test_4_4_a_new_entry_may_take_its_name_from_the_one_that_it_evicts(target, client):
    size = table_limit(client)
    fields_seen(target, client, literal(b"x-evicted", b"v" * (size - 32 - 9), 0x40))
    seen = fields_seen(target, client, named(FIRST_DYNAMIC, b"new"))
    assert seen == [("x-evicted", "new")]
    assert fields_seen(target, client, indexed(FIRST_DYNAMIC)) == [("x-evicted", "new")]


# 4.2 and 6.3: the size of the table


def test_4_2_a_size_update_at_the_beginning_of_a_block_is_accepted(client):
    for size in (0, 1, 100, table_limit(client)):
        answered(client, size_update(size) + get(client))


def test_4_2_two_size_updates_at_the_beginning_are_accepted(client):
    answered(client, get(client) + literal(b"x-entry", b"1", 0x40))
    answered(client, size_update(0) + size_update(table_limit(client)) + get(client))
    refused(client, get(client) + indexed(FIRST_DYNAMIC))


@pytest.mark.parametrize("size", [0, 4096])
def test_4_2_a_size_update_after_a_field_is_a_decoding_error(client, size):
    refused(client, get(client) + size_update(size))


def test_4_2_a_size_update_between_fields_is_a_decoding_error(client):
    refused(client, b"\x82" + size_update(0) + get(client)[1:])


def test_4_2_a_size_update_in_trailers_is_accepted(client):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS))
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, size_update(0) + literal(b"x-trailer", b"1")))
    assert client.read_response(stream).status == 200


@pytest.mark.parametrize("excess", [1, 2**16, 2**30])
def test_6_3_a_size_above_the_announced_one_is_a_decoding_error(client, excess):
    refused(client, size_update(table_limit(client) + excess) + get(client))


# 5.1 Integers


@pytest.mark.parametrize(
    "encoded",
    [
        b"\xff" + b"\xff" * 10 + b"\x01",
        b"\xff" + b"\x80" * 20 + b"\x01",
        b"\xff\xff\xff\xff\xff\x7f",
        integer(2**64, 7, 0x80),
    ],
)
def test_5_1_an_integer_beyond_all_limits_is_a_decoding_error(client, encoded):
    refused(client, get(client) + encoded)


@pytest.mark.parametrize("length", [2**28, 2**32, 2**62])
def test_5_1_a_string_of_a_length_beyond_all_limits_is_a_decoding_error(client, length):
    refused(client, get(client) + b"\x00" + integer(length, 7) + b"x")


@pytest.mark.parametrize("end", [b"\xff", b"\xff\x80", b"\x7f", b"\x0f", b"\x1f\xff", b"\x3f"])
def test_5_1_an_integer_cut_by_the_end_of_the_block_is_a_decoding_error(client, end):
    # A size update belongs to the beginning of a block (4.2).
    refused(client, end if end == b"\x3f" else get(client) + end)


def test_5_1_an_integer_may_take_several_octets(target, client):
    value = b"v" * 1337
    assert fields_seen(target, client, literal(b"x-long", value)) == [("x-long", value.decode())]


# 5.2 Strings


@pytest.mark.parametrize(
    "end",
    [
        b"\x00",
        b"\x00\x05name",
        b"\x00\x04name",
        b"\x00\x04name\x05valu",
        b"\x40\x04name\x7f\x00",
        b"\x0f\x00",
        b"\x00\x84\x00",
    ],
)
def test_5_2_a_string_cut_by_the_end_of_the_block_is_a_decoding_error(client, end):
    refused(client, get(client) + end)


@pytest.mark.parametrize(
    "text", [b"a", b"www.example.com", b"any octets", b"0123456789" * 30, bytes(range(0x21, 0x7F))]
)
def test_5_2_huffman_code_is_decoded(target, client, text):
    encoded = HUFFMAN.encode(text)
    block = b"\x00" + string(b"x-huffman") + string(encoded, huffman=True)
    assert fields_seen(target, client, block) == [("x-huffman", text.decode())]


def test_5_2_a_name_may_be_in_huffman_code(target, client):
    block = b"\x00" + string(HUFFMAN.encode(b"x-huffman"), huffman=True) + string(b"v")
    assert fields_seen(target, client, block) == [("x-huffman", "v")]


def test_5_2_an_empty_string_may_be_in_huffman_code(target, client):
    assert fields_seen(target, client, b"\x00" + string(b"x-empty") + b"\x80") == [("x-empty", "")]


@pytest.mark.parametrize("padded", [b"\x1f\xff", b"\x1f\xff\xff", b"\xff", b"\xff\xff"])
def test_5_2_huffman_padding_of_more_than_seven_bits_is_a_decoding_error(client, padded):
    """0x1f is the letter a and three bits of padding."""
    refused(client, get(client) + b"\x00" + string(b"x-padded") + string(padded, huffman=True))


@pytest.mark.parametrize("padded", [b"\x18", b"\x1e", b"\x1b"])
def test_5_2_huffman_padding_of_other_bits_than_ones_is_a_decoding_error(client, padded):
    refused(client, get(client) + b"\x00" + string(b"x-padded") + string(padded, huffman=True))


@pytest.mark.parametrize("coded", [b"\xff\xff\xff\xff", b"\x1f\xff\xff\xff\xff", b"\xff\xff\xff\xfc"])
def test_5_2_the_end_of_string_symbol_is_a_decoding_error(client, coded):
    refused(client, get(client) + b"\x00" + string(b"x-eos") + string(coded, huffman=True))


def test_5_2_huffman_errors_in_a_name_are_decoding_errors(client):
    refused(client, get(client) + b"\x00" + string(b"\x1f\xff", huffman=True) + string(b"v"))


# 6: representations


def test_6_1_index_0_is_a_decoding_error(client):
    refused(client, get(client) + b"\x80")


@pytest.mark.parametrize("first", [0x00, 0x10, 0x40])
def test_6_2_all_forms_of_a_literal_mean_the_same(target, client, first):
    assert fields_seen(target, client, literal(b"x-form", b"v", first)) == [("x-form", "v")]
    assert fields_seen(target, client, named(58, b"agent", first)) == [("user-agent", "agent")]


@pytest.mark.parametrize("first", [0x00, 0x10])
def test_6_2_a_literal_without_indexing_is_not_in_the_table(client, first):
    answered(client, get(client) + literal(b"x-form", b"v", first))
    refused(client, get(client) + indexed(FIRST_DYNAMIC))


def test_6_2_1_a_literal_with_indexing_is_in_the_table_of_the_connection(client):
    """For streams to come, whatever became of the stream that brought it."""
    answered(client, get(client) + literal(b"x-form", b"v", 0x40))
    for _ in range(3):
        answered(client, get(client) + indexed(FIRST_DYNAMIC))


def test_6_2_1_the_tables_of_two_connections_are_separate(target, client):
    answered(client, get(client) + literal(b"x-form", b"v", 0x40))
    with target.start() as other:
        refused(other, get(other) + indexed(FIRST_DYNAMIC))
    answered(client, get(client) + indexed(FIRST_DYNAMIC))


# The encoder of the server


def test_the_encoder_of_the_server_stays_in_step_over_many_responses(target, client):
    """An encoder that loses track of its table produces fields that are wrong or cannot be decoded."""
    first = client.exchange()
    for _ in range(300):
        response = client.exchange()
        assert [field for field in response.headers if field[0] != b"date"] == [
            field for field in first.headers if field[0] != b"date"
        ]


def test_the_encoder_of_the_server_survives_a_table_that_keeps_changing(client):
    for size in [0, 50, 4096, 64, 0, 0, 200, 4096, 1]:
        client.change_settings((HEADER_TABLE_SIZE, size))
        client.decoder.max_allowed_table_size = size
        assert client.exchange().status == 200
