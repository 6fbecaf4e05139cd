"""RFC 9113 section 8: requests and responses in frames, malformed requests, push, CONNECT; RFC 8441 where announced."""

import itertools
import json

import pytest
from http2_rfc.servers import BIG, HELLO
from http2_wire import (
    CANCEL,
    DATA,
    ENABLE_CONNECT_PROTOCOL,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    NO_ERROR,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RST_STREAM,
    STREAM_CLOSED,
    data,
    frame,
    literal,
    rst_stream,
)

numbers = itertools.count()


@pytest.fixture
def refused(target, client):
    """Sends a request that is malformed; it must be refused, and must not reach the application."""

    def check(headers, body=None, trailers=None):
        path = f"/malformed-{next(numbers)}"
        headers = [(name, path if (name, value) == (":path", "/") else value) for name, value in headers]
        stream = client.fresh_stream()
        client.rules.open(stream)
        last = body is None and trailers is None
        client.send(frame(HEADERS, END_HEADERS | (END_STREAM if last else 0), stream, raw_block(headers)))
        if body is not None:
            client.send(data(stream, body, END_STREAM if trailers is None else 0))
        if trailers is not None:
            client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, raw_block(trailers)))
        client.expect_malformed(stream)
        if target.has_application and last:
            with target.start() as other:
                assert path not in json.loads(other.exchange(other.get("/paths")).body)

    return check


def raw_block(headers):
    """Literals only, so that the encoder changes nothing and may be left alone."""
    encoded = ((as_bytes(name), as_bytes(value)) for name, value in headers)
    return b"".join(literal(name, value) for name, value in encoded)


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def seen_by_application(target, client, headers, body=None, trailers=None):
    """What the application was given; `headers` go out as they are, in this order."""
    target.needs_application()
    response = client.exchange(headers, body, trailers=trailers)
    assert response.status == 200, response
    return json.loads(response.body)


def without(headers, *names):
    return [pair for pair in headers if pair[0] not in names]


def with_value(headers, name, value):
    return [(key, value if key == name else old) for key, old in headers]


# 8.1 HTTP message framing


def test_8_1_a_get_is_answered_with_headers_and_data(client):
    response = client.exchange()
    assert (response.status, response.body, response.complete) == (200, HELLO, True)


def test_8_1_a_post_is_answered(client):
    assert client.exchange(client.post(), b"some body").body == b"some body"


def test_8_1_a_post_without_content_is_answered(client):
    assert client.exchange(client.post()).body == b""


def test_8_1_a_large_body_comes_back_whole(client):
    assert client.exchange(client.post(), BIG).body == BIG


def test_8_1_the_last_frame_of_a_response_ends_the_stream(client):
    client.exchange()
    assert client.seen[-1].ends_stream or any(it.ends_stream for it in client.seen)


def test_8_1_trailers_after_a_body_are_accepted(client):
    response = client.exchange(client.post(), b"body", trailers=[("x-checksum", "1")])
    assert (response.status, response.body) == (200, b"body")


def test_8_1_trailers_without_a_body_are_accepted(client):
    response = client.exchange(client.post(), None, trailers=[("x-checksum", "1")])
    assert (response.status, response.body) == (200, b"")


def test_8_1_trailers_without_end_stream_are_malformed(client):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS) + data(stream, b"body"))
    client.send(frame(HEADERS, END_HEADERS, stream, client.block([("x-trailer", "1")])))
    client.expect_malformed(stream)


def test_8_1_a_second_head_is_malformed(client):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post(), END_HEADERS))
    client.send(frame(HEADERS, END_HEADERS, stream, client.block(client.post())))
    client.expect_malformed(stream)


def test_8_1_data_after_trailers_is_a_stream_error(target):
    with target.start((INITIAL_WINDOW_SIZE, 0)) as client:
        stream = client.fresh_stream()
        client.send(client.headers(stream, client.post("/big"), END_HEADERS) + data(stream, b"body"))
        client.send(client.headers(stream, [("x-trailer", "1")]) + data(stream, b"more", END_STREAM))
        received = client.read_until(lambda it: it.type in (GOAWAY, RST_STREAM), "an error")
        assert received.code in (STREAM_CLOSED, PROTOCOL_ERROR)


@pytest.mark.parametrize("name", [":path", ":method", ":status", ":made-up"])
def test_8_1_pseudo_header_fields_in_trailers_are_malformed(refused, client, name):
    refused(client.post(), b"body", [(name, "1")])


def send_with_indexed_trailers(client, name, value):
    """A request whose head puts a field into the dynamic table, and whose trailers are nothing but its index (62)."""
    stream = client.fresh_stream()
    client.rules.open(stream)
    others = [field for field in client.post() if field[0] != name]
    block = raw_block(others) + literal(name.encode(), value.encode(), 0x40)
    client.send(frame(HEADERS, END_HEADERS, stream, block) + data(stream, b"body"))
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\xbe"))
    return stream


@pytest.mark.parametrize(("name", "value"), [(":path", "/echo"), (":method", "POST")])
def test_8_1_pseudo_header_fields_of_the_dynamic_table_in_trailers_are_malformed(client, name, value):
    client.expect_malformed(send_with_indexed_trailers(client, name, value))


def test_8_1_fields_of_the_dynamic_table_in_trailers_are_accepted(client):
    response = client.read_response(send_with_indexed_trailers(client, "x-checksum", "1"))
    assert (response.status, response.body) == (200, b"body")


@pytest.mark.parametrize(("flags", "before", "after"), [(0x8, b"\x02", b"\0\0"), (0x20, b"\0\0\0\0\x0f", b"")])
def test_8_1_pseudo_header_fields_in_padded_or_prioritized_trailers_are_malformed(client, flags, before, after):
    stream = client.fresh_stream()
    client.rules.open(stream)
    client.send(frame(HEADERS, END_HEADERS, stream, raw_block(client.post())) + data(stream, b"body"))
    trailers = before + literal(b":path", b"/") + after
    client.send(frame(HEADERS, END_HEADERS | END_STREAM | flags, stream, trailers))
    client.expect_malformed(stream)


@pytest.mark.parametrize(
    "field", [("X-Upper", "1"), ("connection", "close"), ("x-value", "a\nb"), ("x name", "1"), ("x", " 1")]
)
def test_8_1_trailers_are_validated_like_headers(refused, client, field):
    refused(client.post(), b"body", [field])


def test_8_1_many_requests_are_answered_on_their_own_streams(client):
    streams = {client.request(client.post(), b"body %d" % number): number for number in range(60)}
    for stream, number in reversed(streams.items()):
        assert client.read_response(stream).body == b"body %d" % number


def test_8_1_requests_whose_bodies_interleave_are_kept_apart(client):
    streams = [client.fresh_stream() for _ in range(10)]
    for stream in streams:
        client.send(client.headers(stream, client.post(), END_HEADERS))
    for part in range(20):
        client.send(b"".join(data(stream, b"%d-%d," % (stream, part)) for stream in streams))
    client.send(b"".join(data(stream, b"", END_STREAM) for stream in streams))
    for stream in streams:
        assert client.read_response(stream).body == b"".join(b"%d-%d," % (stream, part) for part in range(20))


def test_8_1_the_answer_to_head_has_no_content(client):
    response = client.exchange([(":method", "HEAD"), *client.get()[1:]])
    assert (response.status, response.body, response.complete) == (200, b"", True)


@pytest.mark.parametrize(("path", "status"), [("/no-content", 204), ("/not-modified", 304)])
def test_8_1_an_answer_defined_to_have_no_content_has_none(target, client, path, status):
    target.needs_application()
    response = client.exchange(client.get(path))
    assert (response.status, response.body, response.complete) == (status, b"", True)


def test_8_1_trailers_of_the_application_end_the_response(target, client):
    target.needs_application()
    response = client.exchange(client.get("/trailers", ("te", "trailers")))
    if response.status == 501:
        assert target.name != "rgunicorn", "http.response.trailers is not offered"
        pytest.skip("the application cannot send trailers")
    assert response.trailers == [(b"x-checksum", b"42")] and response.body == b"before trailers"


def test_8_1_early_hints_come_before_the_response(target, client):
    target.needs_application()
    response = client.exchange(client.get("/early-hint"))
    assert (response.status, response.body) == (200, HELLO)
    if target.name == "rgunicorn":
        assert dict(response.interim[0])[b":status"] == b"103"


def test_8_1_expectations_are_answered_with_100(target, client):
    """RFC 9110 section 10.1.1: 100 or a final status, but not silence until the content comes."""
    target.needs_application()
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post("/echo", ("expect", "100-continue")), END_HEADERS))
    head = client.read_until(lambda it: it.type == HEADERS and it.stream == stream, "100 (Continue)")
    assert dict(head.headers)[b":status"] == b"100"
    client.send(data(stream, b"as announced", END_STREAM))
    assert client.read_response(stream).body == b"as announced"


def test_8_1_a_response_before_the_end_of_the_request_is_complete(target, client):
    """The server may ask for the end of the request by RST_STREAM with NO_ERROR, after END_STREAM."""
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post("/early-answer" if target.has_application else "/big"), END_HEADERS))
    if not target.has_application:
        pytest.skip("reads the whole request first")
    response = client.read_response(stream)
    assert response.complete and response.body == HELLO
    client.send(data(stream, b"late", END_STREAM))
    client.expect_still_serving()
    assert all(it.code in (NO_ERROR, CANCEL, STREAM_CLOSED) for it in client.seen if it.type == RST_STREAM), (
        client.story()
    )


# 8.1.1 Malformed messages


@pytest.mark.parametrize(
    ("length", "parts"),
    [
        ("5", [b"1234"]),
        ("5", [b"123456"]),
        ("5", [b"12", b"34"]),
        ("5", [b"123", b"456"]),
        ("0", [b"1"]),
        ("1", [b""]),
        ("4294967297", [b"1"]),
    ],
)
def test_8_1_1_a_content_length_other_than_that_of_the_content_is_malformed(client, length, parts):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post("/echo", ("content-length", length)), END_HEADERS))
    for part in parts[:-1]:
        client.send(data(stream, part))
    client.send(data(stream, parts[-1], END_STREAM))
    client.expect_malformed(stream)


def test_8_1_1_a_content_length_without_content_is_malformed(refused, client):
    refused(client.post("/", ("content-length", "1")))


def test_8_1_1_trailers_that_end_a_content_too_early_are_malformed(refused, client):
    """An application that reads. Once the answer is complete there is no stream left to reset: section 8.1.1 permits
    "an HTTP response prior to closing or resetting the stream"."""
    refused(client.post("/echo", ("content-length", "5")), b"1234", [("x-trailer", "1")])


@pytest.mark.parametrize("value", ["-1", "+1", "1a", "0x1", "", "1, 2", "1 1", "18446744073709551617", "1.0"])
def test_8_1_1_a_content_length_that_is_no_number_is_malformed(client, value):
    """RFC 9110 section 8.6."""
    stream = client.fresh_stream()
    client.rules.open(stream)
    client.send(frame(HEADERS, END_HEADERS, stream, raw_block(client.post("/echo", ("content-length", value)))))
    client.send(data(stream, b"1", END_STREAM))
    client.expect_malformed(stream)


def test_8_1_1_two_different_content_lengths_are_malformed(refused, client):
    refused(client.post("/", ("content-length", "4"), ("content-length", "5")), b"1234")


@pytest.mark.parametrize("length", ["0", "4"])
def test_8_1_1_a_right_content_length_is_accepted(client, length):
    body = b"x" * int(length)
    assert client.exchange(client.post("/echo", ("content-length", length)), body).body == body


def test_8_1_1_padding_does_not_count_as_content(client):
    stream = client.fresh_stream()
    client.send(client.headers(stream, client.post("/echo", ("content-length", "4")), END_HEADERS))
    client.send(data(stream, b"1234", END_STREAM, padding=100))
    assert client.read_response(stream).body == b"1234"


def test_8_1_1_a_content_length_of_0_may_end_with_the_head(client):
    assert client.exchange(client.post("/echo", ("content-length", "0"))).status == 200


# 8.2.1 Field validity


@pytest.mark.parametrize("name", ["X-Upper", "x-uPper", "ACCEPT", "CONTENT-LENGTH"])
def test_8_2_a_field_name_in_upper_case_is_malformed(refused, client, name):
    refused(client.get("/", (name, "1")))


@pytest.mark.parametrize("character", [0x00, 0x09, 0x0A, 0x0D, 0x1F, 0x20, 0x7F, 0x80, 0xE4, 0xFF])
def test_8_2_1_a_control_or_non_ascii_character_in_a_field_name_is_malformed(refused, client, character):
    refused(client.get("/", (b"x-%c-name" % character, "1")))


@pytest.mark.parametrize("name", ["x:y", "x:", "accept:"])
def test_8_2_1_a_colon_in_a_field_name_is_malformed(refused, client, name):
    refused(client.get("/", (name, "1")))


def test_8_2_1_an_empty_field_name_is_malformed(refused, client):
    """RFC 9110 section 5.1: a name is a token, which has at least one character."""
    refused(client.get("/", ("", "1")))


@pytest.mark.parametrize("value", [b"a\x00b", b"a\nb", b"a\rb", b"a\r\nx-injected: 1", b"\x00", b"\n", b"a\r"])
def test_8_2_1_nul_cr_or_lf_in_a_field_value_is_malformed(refused, client, value):
    refused(client.get("/", ("x-value", value)))


@pytest.mark.parametrize("value", [b" a", b"a ", b"\ta", b"a\t", b" ", b"\t"])
def test_8_2_1_white_space_around_a_field_value_is_malformed(refused, client, value):
    refused(client.get("/", ("x-value", value)))


@pytest.mark.parametrize("name", [":path", ":authority", ":method", ":scheme"])
@pytest.mark.parametrize("value", [b"/a\r\nb", b"/\x00", b"/ x"])
def test_10_3_delimiters_in_pseudo_header_fields_are_malformed(refused, client, name, value):
    """Values that would end a line or a word of HTTP/1.1, or are no valid value at all (8.3.1)."""
    refused(with_value(client.get(), name, value))


@pytest.mark.parametrize("value", [b"", b"a b\tc", b"\x80\xff", b"caf\xc3\xa9", b'"quoted, list"', b"x" * 4000])
def test_8_2_1_other_field_values_are_passed_on_as_they_are(target, client, value):
    seen = seen_by_application(target, client, client.get("/head-of-request", ("x-value", value)))
    assert ["x-value", value.decode("latin-1")] in seen["headers"]


# 8.2.2 Connection-specific fields


@pytest.mark.parametrize(
    "field",
    [
        *[("connection", "close"), ("connection", "x-other"), ("proxy-connection", "keep-alive"), ("keep-alive", "5")],
        *[("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("upgrade", "websocket")],
    ],
)
def test_8_2_2_a_connection_specific_field_is_malformed(refused, client, field):
    refused(client.get("/", field))


@pytest.mark.parametrize("value", ["gzip", "trailers, deflate", "chunked", ""])
def test_8_2_2_te_other_than_trailers_is_malformed(refused, client, value):
    refused(client.get("/", ("te", value)))


@pytest.mark.parametrize("value", ["trailers"])
def test_8_2_2_te_trailers_is_accepted(client, value):
    assert client.exchange(client.get("/", ("te", value))).status == 200


def test_8_2_2_connection_specific_fields_of_the_application_are_not_sent(target, client):
    """check_fields would not let them pass. Names are sent in lower case (8.2)."""
    target.needs_application()
    response = client.exchange(client.get("/hop-by-hop"))
    assert (response.status, response.body) == (200, HELLO)
    assert response.get(b"x-mixed-case") == b"yes"


# 8.2.3 Cookies


def test_8_2_3_a_cookie_in_pieces_reaches_the_application(target, client):
    """ASGI passes the pieces through for the framework to join (CONFORMANCE.md, A31)."""
    pieces = [("cookie", "a=b"), ("cookie", "c=d"), ("cookie", "e=f")]
    seen = seen_by_application(target, client, client.get("/head-of-request", *pieces))
    values = [value for name, value in seen["headers"] if name == "cookie"]
    assert "; ".join(values) == "a=b; c=d; e=f"


# 8.3 Control data


@pytest.mark.parametrize("name", [":made-up", ":status", ":protocol", ":", ":PATH"])
def test_8_3_an_unknown_pseudo_header_field_is_malformed(refused, client, name):
    """:protocol belongs to CONNECT (RFC 8441 section 4), :status to responses."""
    refused([*client.get(), (name, "200")])


@pytest.mark.parametrize("name", [":method", ":scheme", ":authority", ":path"])
def test_8_3_a_pseudo_header_field_after_a_regular_one_is_malformed(refused, client, name):
    fields = client.get()
    late = [pair for pair in fields if pair[0] == name]
    refused([*without(fields, name), ("x-regular", "1"), *late])


@pytest.mark.parametrize("name", [":method", ":scheme", ":authority", ":path"])
@pytest.mark.parametrize("same", [True, False])
def test_8_3_a_repeated_pseudo_header_field_is_malformed(refused, client, name, same):
    fields = client.get()
    old = dict(fields)[name]
    refused(
        [*fields, (name, old if same else {":method": "POST", ":scheme": "https", ":path": "/b"}.get(name, "other"))]
    )


@pytest.mark.parametrize("name", [":method", ":scheme", ":path"])
def test_8_3_1_a_missing_pseudo_header_field_is_malformed(refused, client, name):
    refused(without(client.get(), name))


def test_8_3_1_an_empty_path_is_malformed(refused, client):
    refused(with_value(client.get(), ":path", ""))


@pytest.mark.parametrize("path", ["relative", "http://test/", "?query", "*"])
def test_8_3_1_a_path_that_does_not_begin_with_a_slash_is_malformed(refused, client, path):
    """Section 8.3.1: the absolute-path production, or "*" for OPTIONS."""
    refused(with_value(client.get(), ":path", path))


@pytest.mark.parametrize("method", ["", "GE T", "GET\x00", "G\xe4T"])
def test_8_3_1_a_method_that_is_no_token_is_malformed(refused, client, method):
    refused(with_value(client.get(), ":method", method.encode("latin-1")))


def test_8_3_1_an_authority_with_user_information_is_malformed(refused, client):
    refused(with_value(client.get(), ":authority", "user:secret@test"))


def test_8_3_1_a_host_that_differs_from_the_authority_is_malformed(target, refused, client):
    """A server SHOULD treat it so; whoever does not must go by the authority."""
    if target.name != "rgunicorn":
        pytest.skip("a choice of each server")
    refused(client.get("/", ("host", "other.example")))


def test_8_3_1_a_host_equal_to_the_authority_is_accepted(client):
    assert client.exchange(client.get("/", ("host", "test"))).status == 200


def test_8_3_1_a_host_instead_of_an_authority_is_accepted(client):
    assert client.exchange([*without(client.get(), ":authority"), ("host", "test")]).status == 200


def test_8_3_1_the_authority_becomes_the_host_of_the_application(target, client):
    """ASGI: pseudo-header fields are removed, and :authority is given as host."""
    seen = seen_by_application(target, client, client.get("/head-of-request?a=b", authority="example.org:8080"))
    assert seen["headers"][0] == ["host", "example.org:8080"]
    assert not [name for name, _ in seen["headers"] if name.startswith(":")]
    assert [name for name, _ in seen["headers"]].count("host") == 1


def test_8_3_1_the_application_sees_method_path_query_and_scheme(target, client):
    seen = seen_by_application(target, client, with_value(client.get("/head-of-request?x=%20y&z"), ":method", "PUT"))
    assert (seen["method"], seen["path"], seen["query"]) == ("PUT", "/head-of-request", "x=%20y&z")
    assert (seen["http_version"], seen["scheme"]) == ("2", target.scheme)


def test_8_3_1_pseudo_header_fields_may_come_in_any_order(client):
    assert client.exchange(list(reversed(client.get()))).status == 200


def test_8_3_1_options_may_ask_for_the_server_as_a_whole(target, client):
    target.needs_application()
    response = client.exchange(with_value(with_value(client.get(), ":method", "OPTIONS"), ":path", "*"))
    assert response.complete and response.status < 500


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PROPFIND", "X-OWN-METHOD"])
def test_8_3_1_any_method_is_passed_on(target, client, method):
    assert (
        seen_by_application(target, client, with_value(client.get("/head-of-request"), ":method", method))["method"]
        == method
    )


# 8.4 Server push


def test_8_4_a_push_has_a_promise_first_and_an_answer_of_its_own(target, client):
    """Rules.check_promise looks at the promise."""
    target.needs_application()
    assert client.exchange(client.get("/push")).body == HELLO
    promises = [it for it in client.seen if it.type == PUSH_PROMISE]
    if target.name == "rgunicorn":
        assert promises, "http.response.push is not offered"
    for promise in promises:
        assert dict(promise.headers)[b":path"] == b"/pushed"
        assert client.read_response(promise.promised).body == HELLO


def test_8_4_2_a_push_that_the_client_refuses_is_given_up(target, client):
    target.needs_application()
    stream = client.request(client.get("/push"))
    promise = client.read_until(lambda it: it.type == PUSH_PROMISE or it.ends_stream, "a promise", keep=True)
    if promise.type != PUSH_PROMISE:
        pytest.skip("the server pushes nothing")
    client.send(rst_stream(promise.promised))
    client.read_response(stream)
    client.expect_still_serving()


# 8.5 CONNECT


def connect_headers(*more):
    return [(":method", "CONNECT"), (":authority", "test:443"), *more]


@pytest.mark.parametrize("extra", [(":scheme", "http"), (":path", "/")])
def test_8_5_connect_with_scheme_or_path_is_malformed(refused, client, extra):
    refused([(":method", "CONNECT"), (":authority", "test:443"), extra])


def test_8_5_connect_without_authority_is_malformed(refused, client):
    refused([(":method", "CONNECT")])


def test_8_5_connect_is_not_answered_with_a_tunnel(target, client):
    """No server under test is a proxy: any refusal will do, of the stream only."""
    if target.name != "rgunicorn":
        pytest.skip("a choice of each server")
    stream = client.fresh_stream()
    client.send(client.headers(stream, connect_headers(), END_HEADERS))
    received = client.read_until(lambda it: it.stream == stream or it.type == GOAWAY, "an answer")
    assert received.type != HEADERS or dict(received.headers)[b":status"][:1] != b"2", received
    client.send(rst_stream(stream))
    if received.type != GOAWAY:
        client.expect_still_serving()


# RFC 8441: extended CONNECT


def extended(client, *changes):
    return [
        *[(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", client.scheme), (":path", "/")],
        *[(":authority", "test"), ("sec-websocket-version", "13")],
    ]


@pytest.fixture
def announced(client):
    if not client.server_settings.get(ENABLE_CONNECT_PROTOCOL):
        pytest.skip("SETTINGS_ENABLE_CONNECT_PROTOCOL is not announced")


def test_rfc_8441_3_the_setting_is_0_or_1(client):
    assert client.server_settings.get(ENABLE_CONNECT_PROTOCOL, 0) in (0, 1)


def test_rfc_8441_3_the_setting_of_a_client_has_no_effect(target):
    with target.start((ENABLE_CONNECT_PROTOCOL, 1)) as client:
        client.expect_still_serving()


def test_rfc_8441_3_protocol_without_the_setting_is_malformed(client):
    if client.server_settings.get(ENABLE_CONNECT_PROTOCOL):
        pytest.skip("SETTINGS_ENABLE_CONNECT_PROTOCOL is announced")
    stream = client.fresh_stream()
    client.send(client.headers(stream, extended(client), END_HEADERS))
    client.expect_malformed(stream)


@pytest.mark.parametrize("missing", [":scheme", ":path", ":authority"])
def test_rfc_8441_4_extended_connect_without_a_part_of_its_uri_is_malformed(announced, client, missing):
    stream = client.fresh_stream()
    client.send(client.headers(stream, without(extended(client), missing), END_HEADERS))
    client.expect_malformed(stream)


def test_rfc_8441_4_protocol_with_another_method_is_malformed(announced, refused, client):
    refused([*client.get(), (":protocol", "websocket")])


def test_rfc_8441_4_extended_connect_is_answered_on_its_stream(announced, client):
    """With whatever status: the stream is the tunnel's, and the connection goes on."""
    stream = client.fresh_stream()
    client.send(client.headers(stream, extended(client), END_HEADERS))
    received = client.read_until(lambda it: it.stream == stream or it.type == GOAWAY, "an answer")
    assert received.type in (HEADERS, RST_STREAM), received
    client.send(rst_stream(stream))
    client.expect_still_serving()


def test_rfc_8441_4_a_repeated_protocol_is_malformed(announced, client):
    stream = client.fresh_stream()
    headers = [*extended(client)[:2], (":protocol", "websocket"), *extended(client)[2:]]
    client.send(client.headers(stream, headers, END_HEADERS))
    client.expect_malformed(stream)


# 8.7 Request reliability


def test_8_7_a_reset_ends_only_its_own_request(client):
    kept, given_up = client.fresh_stream(), client.fresh_stream()
    client.send(client.headers(kept, client.post(), END_HEADERS) + client.headers(given_up, client.post(), END_HEADERS))
    client.send(data(given_up, b"half a bo") + rst_stream(given_up) + data(kept, b"whole", END_STREAM))
    assert client.read_response(kept).body == b"whole"
    assert not [it for it in client.seen if it.stream == given_up and it.type in (HEADERS, DATA)]
