"""RFC 9113 section 3: how a connection begins, and section 9.2: with which TLS."""

import ssl

import pytest
from http2_rfc.servers import HELLO, context_for
from http2_wire import (
    ACK,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    PROTOCOL_ERROR,
    SETTINGS,
    Ended,
    ProtocolError,
    data,
    frame,
    ping,
    settings,
    window_update,
)

FRAMES_THAT_ARE_NOT_SETTINGS = {
    "PING": ping(),
    "WINDOW_UPDATE": window_update(0, 1000),
    "DATA": data(1, b"early"),
    "SETTINGS with ACK": settings(flags=ACK),
    "unknown": frame(0xBA, 0, 0, b"anything"),
}


def test_3_4_a_connection_begins_with_settings_of_the_server(target):
    with target.connect() as client:
        client.send(PREFACE + settings())
        first = client.receive()
        assert first.type == SETTINGS and not first.is_ack and first.stream == 0


def test_3_4_the_clients_settings_are_acknowledged_after_the_servers_own(target):
    with target.connect() as client:
        client.send(PREFACE + client.own_settings())
        kinds = [(client.receive().type, client.seen[-1].is_ack)]
        client.read_until(lambda it: it.is_ack, "the acknowledgement")
        assert kinds[0] == (SETTINGS, False)


def test_3_4_a_request_may_follow_the_preface_at_once(target):
    with target.connect() as client:
        client.send(PREFACE + client.own_settings() + client.headers(1, client.get()))
        response = client.read_response(1)
        assert (response.status, response.body) == (200, HELLO)


def test_3_4_the_preface_may_come_byte_by_byte(target):
    with target.connect() as client:
        for byte in PREFACE + client.own_settings() + client.headers(1, client.get()):
            client.send(bytes([byte]))
        assert client.read_response(1).body == HELLO


def test_3_4_the_clients_settings_may_hold_any_values(target):
    with target.connect() as client:
        client.start((INITIAL_WINDOW_SIZE, 100), (0xF0F0, 1), (INITIAL_WINDOW_SIZE, 2**20))
        assert client.exchange(client.get("/big")).status == 200


@pytest.mark.parametrize("name", FRAMES_THAT_ARE_NOT_SETTINGS)
def test_3_4_a_preface_without_settings_is_a_connection_error(target, name):
    with target.connect() as client:
        client.send(PREFACE + FRAMES_THAT_ARE_NOT_SETTINGS[name])
        client.expect_connection_error(PROTOCOL_ERROR, goaway_may_be_missing=True)


def test_3_4_a_preface_followed_by_a_request_is_a_connection_error(target):
    with target.connect() as client:
        client.send(PREFACE + client.headers(1, client.get()))
        received = client.expect_connection_error(PROTOCOL_ERROR, goaway_may_be_missing=True)
        assert not any(it.type == HEADERS for it in client.seen), received


@pytest.mark.parametrize(
    "preface",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        b"PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n",
        b"INVALID CONNECTION PREFACE\r\n\r\n",
        b"\x00" * 24,
        settings(),
    ],
)
def test_3_4_an_invalid_preface_ends_the_connection(target, preface):
    """In clear text such a client may be speaking HTTP/1.1, and gets an answer in HTTP/1.1."""
    with target.connect() as client:
        client.send(preface + settings())
        expect_end_without_http2(client, target)


def test_3_3_a_client_that_agreed_on_h2_is_not_answered_in_http_1_1(target):
    target.needs_tls()
    with target.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        client.wire.received.clear()
        bytes_until_end(client)
        assert not client.wire.received.startswith(b"HTTP/1")


def test_3_3_alpn_chooses_h2_where_the_client_offers_it(target, certificate):
    target.needs_tls()
    for offered in (["h2"], ["http/1.1", "h2"], ["h2", "http/1.1"]):
        assert negotiated(target, context_for(certificate, *offered)) == "h2"


def test_3_3_alpn_never_chooses_h2_where_the_client_does_not_offer_it(target, certificate):
    target.needs_tls()
    for offered in (["http/1.1"], ["h2c"]):
        try:
            assert negotiated(target, context_for(certificate, *offered)) in (None, "http/1.1")
        except OSError:
            pass  # RFC 7301 section 3.2: no_application_protocol


def test_9_2_http_2_is_spoken_over_tls_1_2(target, certificate):
    target.needs_tls()
    check_tls(target, context_for(certificate, maximum=ssl.TLSVersion.TLSv1_2))


def test_9_2_2_tls_1_2_has_the_one_mandatory_cipher_suite(target, certificate):
    """With an ECDSA certificate it is the suite's ECDSA sibling: which of the two is a matter of the key."""
    target.needs_tls()
    context = context_for(certificate, maximum=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
    context.set_ecdh_curve("prime256v1")
    check_tls(target, context)


def test_9_2_tls_1_1_is_refused(target, certificate):
    target.needs_tls()
    context = context_for(certificate)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(OSError):
        negotiated(target, context)


def test_9_2_1_tls_compression_is_off(target, certificate):
    target.needs_tls()
    context = context_for(certificate, maximum=ssl.TLSVersion.TLSv1_2)
    with type(target)(target.name, target.address, target.pid, context).start() as client:
        assert client.wire.tls.session.compression() is None


def test_9_1_a_connection_serves_many_requests(client):
    for _ in range(200):
        assert client.exchange().status == 200


def test_3_4_a_client_that_leaves_within_the_preface_disturbs_nobody(target):
    for length in (0, 1, 23, 24, 30):
        with target.connect() as client:
            client.send((PREFACE + settings())[:length])


def test_3_1_an_answer_in_clear_text_needs_no_upgrade(target):
    target.needs_cleartext()
    with target.start() as client:
        stream = client.request()
        head = client.read_until(lambda it: it.stream == stream, "the response")
        assert head.type == HEADERS and head.flags & END_HEADERS and not head.flags & END_STREAM


def negotiated(target, context):
    connection = type(target)(target.name, target.address, target.pid, context).connect()
    with connection:
        return connection.wire.tls.session.selected_alpn_protocol()


def check_tls(target, context):
    with type(target)(target.name, target.address, target.pid, context).start() as client:
        assert client.exchange().status == 200


def expect_end_without_http2(client, target):
    answer = bytes_until_end(client)
    if not target.context and answer.startswith(b"HTTP/1."):
        assert answer.split(b" ")[1][:1] in b"45", answer
        return
    client.wire.received[:0] = answer
    try:
        while True:
            received = client._receive_from_wire()
            assert received.type != HEADERS, received
    except (Ended, ProtocolError) as end:
        assert isinstance(end, Ended), end


def bytes_until_end(client):
    try:
        while client.wire.fill():
            pass
    except TimeoutError:
        raise AssertionError(f"the connection was not closed: {bytes(client.wire.received)!r}") from None
    answer = bytes(client.wire.received)
    client.wire.received.clear()
    return answer
