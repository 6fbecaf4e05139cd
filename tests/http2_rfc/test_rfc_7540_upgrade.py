"""RFC 7540 section 3.2: HTTP/2 by `Upgrade: h2c`. RFC 9113 gives it up, but clients of the older RFC use it.

Of the reference servers only hypercorn offers it.
"""

import base64

import pytest
from http2_rfc import servers
from http2_rfc.servers import HELLO
from http2_wire import (
    ACK,
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    PROTOCOL_ERROR,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    data,
    settings,
)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    if servers.NAME == "rgunicorn":
        with servers.rgunicorn(None, ["--http2-cleartext", "upgrade"]) as target:
            yield target
    elif servers.NAME == "hypercorn":
        with servers.hypercorn(None, tmp_path_factory.mktemp("upgrade")) as target:
            yield target
    else:
        pytest.skip("offers no upgrade")


def encoded(*pairs):
    """The payload of a SETTINGS frame in base64url without padding."""
    return base64.urlsafe_b64encode(settings(*pairs)[9:]).rstrip(b"=").decode()


def ask(client, *fields, method="GET", path="/", body=b""):
    lines = [f"{method} {path} HTTP/1.1", "host: test", *fields, *([f"content-length: {len(body)}"] if body else [])]
    client.send("\r\n".join([*lines, "", ""]).encode() + body)
    return head(client)


def head(client):
    """The status line and the fields of a response of HTTP/1.1; what follows stays unread."""
    while b"\r\n\r\n" not in client.wire.received:
        assert client.wire.fill(), f"the connection ended after {bytes(client.wire.received)!r}"
    text, _, rest = bytes(client.wire.received).partition(b"\r\n\r\n")
    client.wire.received[:] = rest
    status, *lines = text.decode().split("\r\n")
    return int(status.split()[1]), {line.split(":")[0].lower(): line.split(":", 1)[1].strip() for line in lines}


def upgraded(own, *pairs, **request):
    """A connection after 101, on which the client has not sent its preface yet."""
    client = own.connect()
    value = encoded(*pairs)
    status, fields = ask(
        client, "connection: Upgrade, HTTP2-Settings", "upgrade: h2c", f"http2-settings: {value}", **request
    )
    assert status == 101, (status, fields)
    assert fields["upgrade"].lower() == "h2c" and "upgrade" in fields["connection"].lower()
    client.rules.apply(pairs)
    client.rules.open(1)
    client.next_stream = 3
    return client


def test_3_2_the_first_request_is_answered_on_stream_1(own):
    with upgraded(own) as client:
        client.send(PREFACE + client.own_settings())
        response = client.read_response(1)
        assert (response.status, response.body) == (200, HELLO)
        assert client.exchange().status == 200


def test_3_2_the_first_frame_of_the_server_is_settings(own):
    with upgraded(own) as client:
        client.send(PREFACE + client.own_settings())
        first = client.receive()
        assert first.type == SETTINGS and not first.flags & ACK


def test_3_2_the_settings_of_the_request_hold_and_are_not_acknowledged(own):
    with upgraded(own, (INITIAL_WINDOW_SIZE, 3)) as client:
        client.grants_window = False
        client.send(PREFACE + client.own_settings())
        first = client.read_until(lambda it: it.type == DATA, "DATA")
        assert first.size <= 3
        client.barrier()
        assert sum(it.size for it in client.seen if it.type == DATA) == 3
        assert len([it for it in client.seen if it.type == SETTINGS and it.is_ack]) == 1


def test_3_2_stream_1_is_half_closed(own):
    with upgraded(own, (INITIAL_WINDOW_SIZE, 0)) as client:
        client.send(PREFACE + client.own_settings() + data(1, b"late", END_STREAM))
        received = client.read_until(lambda it: it.type in (RST_STREAM, GOAWAY), "an error")
        assert received.code in (STREAM_CLOSED, PROTOCOL_ERROR)


def test_3_2_stream_1_is_not_used_again(own):
    with upgraded(own) as client:
        client.send(PREFACE + client.own_settings())
        client.read_response(1)
        client.send(client.headers(1, client.get()))
        client.rules.states[1] = "ended"
        client.send(client.headers(3, client.get()))
        received = client.read_until(lambda it: it.type == GOAWAY or it.type == HEADERS and it.stream == 3, "an answer")
        assert received.type == HEADERS or received.code in (STREAM_CLOSED, PROTOCOL_ERROR)


def test_3_2_a_request_with_content_is_read_to_its_end_first(own):
    """RFC 9110 section 7.8: "A server MAY ignore a received Upgrade header field"; then it answers in HTTP/1.1."""
    body = b"sent as HTTP/1.1"
    fields = ["connection: Upgrade, HTTP2-Settings", "upgrade: h2c", f"http2-settings: {encoded()}"]
    with own.connect() as client:
        status, answered = ask(client, *fields, method="POST", path="/echo", body=body)
        if status == 101:
            client.rules.open(1)
            client.send(PREFACE + client.own_settings())
            assert client.read_response(1).body == body
            return
        assert (status, answered["content-length"]) == (200, str(len(body)))
        while len(client.wire.received) < len(body):
            assert client.wire.fill()
        assert bytes(client.wire.received) == body


def test_3_2_a_client_without_preface_after_101_is_refused(own):
    with upgraded(own) as client:
        client.rules.check = lambda it: None
        client.send(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n" + bytes(40))
        client.expect_connection_error(PROTOCOL_ERROR, goaway_may_be_missing=True)


@pytest.mark.parametrize(
    "fields",
    [
        ["connection: upgrade", "upgrade: h2c"],
        [
            *["connection: upgrade, http2-settings", "upgrade: h2c"],
            *["http2-settings: AAMAAABkAAQAAP__", "http2-settings: AAMAAABkAAQAAP__"],
        ],
        ["connection: upgrade, http2-settings", "upgrade: h2", "http2-settings: AAMAAABkAAQAAP__"],
        ["http2-settings: AAMAAABkAAQAAP__", "connection: http2-settings"],
    ],
    ids=["no HTTP2-Settings", "two HTTP2-Settings", "h2 in clear text", "no upgrade"],
)
def test_3_2_a_request_that_does_not_ask_rightly_is_answered_in_http_1_1(own, fields):
    """Section 3.2.1: exactly one HTTP2-Settings; section 3.2: "h2" MUST be ignored in clear text."""
    with own.connect() as client:
        status, _ = ask(client, *fields)
        assert status in (200, 400)
        # What follows the head is the body, and no frame.
        assert b"\0\0" not in bytes(client.wire.received)


@pytest.mark.parametrize("value", ["!!!", "AAMAAABkAAQAAP_", encoded((5, 1)), "AAA"])
def test_3_2_1_settings_that_are_none_are_refused(own, value):
    with own.connect() as client:
        client.rules.check = lambda it: None
        status, _ = ask(client, "connection: upgrade, http2-settings", "upgrade: h2c", f"http2-settings: {value}")
        if status == 101:
            client.send(PREFACE + settings())
            client.expect_connection_error(PROTOCOL_ERROR, goaway_may_be_missing=True)
        else:
            assert status in (200, 400)


def test_3_2_where_only_prior_knowledge_is_permitted_no_upgrade_is_made(session_target):
    session_target.needs_cleartext()
    if session_target.name != "rgunicorn":
        pytest.skip("about a setting of rgunicorn")
    with session_target.connect() as client:
        wanted = ["connection: upgrade, http2-settings", "upgrade: h2c", f"http2-settings: {encoded()}"]
        # docs/HTTP2.md: a trusted proxy of which HTTP/2 is expected is told so, as by gunicorn. RFC 9110 section 7.8
        # permits any answer but 101: "A server MAY ignore a received Upgrade header field".
        assert ask(client, *wanted)[0] in (200, 400)


def test_3_3_over_tls_no_upgrade_is_made(session_target, certificate):
    """Section 3.3: "h2c" MUST NOT be selected with TLS."""
    session_target.needs_tls()
    if session_target.name != "rgunicorn":
        pytest.skip("speaks no HTTP/1.1 here")
    context = servers.context_for(certificate, "http/1.1")
    one = servers.Target(session_target.name, session_target.address, session_target.pid, context)
    with one.connect() as client:
        wanted = ["connection: upgrade, http2-settings", "upgrade: h2c", f"http2-settings: {encoded()}"]
        assert ask(client, *wanted)[0] == 200
