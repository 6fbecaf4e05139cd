"""Requests and answers over HTTP/2 in clear text, with an honest client."""

import json
import os
import socket
import subprocess

import pytest
from http2_client import Answer, Http2Client, frame

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, CANCEL = 0x0, 0x1, 0x2, 0x8


@pytest.fixture(scope="module")
def streams(server):
    with server("streams:app", "--http2") as running:
        running.expect_errors()
        yield running


@pytest.fixture
def client(streams):
    with Http2Client((streams.host, streams.port)) as client:
        yield client


def test_a10_streams_have_a_scope_each_and_get_their_own_answers(client):
    asked = {client.get(f"/hello/{number}"): number for number in range(60)}
    for stream, number in reversed(asked.items()):
        assert client.answer(stream).get(b"x-path") == f"/hello/{number}".encode()


def test_the_scope_says_2_and_what_the_pseudo_headers_say(client):
    scope = json.loads(client.fetch("/scope/a%20b?c=d").body)
    assert scope["http_version"] == "2" and scope["scheme"] == "http" and scope["method"] == "GET"
    assert scope["path"] == "/scope/a b" and scope["query_string"] == "c=d"


def test_a_trusted_proxy_says_the_scheme_and_nobody_else(client, server):
    assert json.loads(client.fetch("/scope", scheme="https").body)["scheme"] == "https"
    told = client.fetch("/scope", (b"x-forwarded-proto", b"http"), scheme="https").body
    assert json.loads(told)["scheme"] == "http", "a field goes before it"
    with server("streams:app", "--http2", "--forwarded-allow-ips", "192.0.2.1") as s:
        with Http2Client((s.host, s.port)) as other:
            assert json.loads(other.fetch("/scope", scheme="https").body)["scheme"] == "http"


def test_the_proxy_protocol_may_come_before_the_preface(server):
    def announce(raw):
        raw.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.8 4000 80\r\n")
        return raw

    with server("streams:app", "--http2", "--proxy-protocol", "auto") as s:
        with Http2Client((s.host, s.port), wrap=announce) as client:
            assert json.loads(client.fetch("/scope").body)["client"] == ["192.0.2.7", 4000]


def test_a_request_that_came_with_the_clients_end_is_answered(streams):
    with Http2Client((streams.host, streams.port)) as client:
        client.fetch()
        stream = client.get("/large/300000")
        client.reads = False
        client.socket.shutdown(socket.SHUT_WR)
        assert client.head(stream).status == 200


def test_a30_authority_becomes_the_first_host_header_and_pseudo_headers_are_gone(client):
    scope = json.loads(client.fetch("/scope", (b"a", b"1"), (b"host", b"test")).body)
    assert scope["headers"] == [["host", "test"], ["a", "1"]]
    assert json.loads(client.fetch("/scope", (b"a", b"1")).body)["headers"] == [["host", "test"], ["a", "1"]]


def test_a31_cookies_are_passed_on_one_by_one(client):
    scope = json.loads(client.fetch("/scope", (b"cookie", b"a=1"), (b"cookie", b"b=2")).body)
    assert [value for name, value in scope["headers"] if name == "cookie"] == ["a=1", "b=2"]


@pytest.mark.parametrize("size", [0, 1, 16384, 65535, 65536, 1_000_000])
def test_bodies_come_back_as_they_were_sent(client, size):
    body = os.urandom(size)
    answer = client.answer(client.post("/echo", body))
    assert answer.body == body and answer.get(b"content-length") == str(size).encode()


def test_an_answer_of_several_parts_has_no_length(client):
    answer = client.fetch("/parts/3")
    assert len(answer.body) == 3 * 65536 and answer.get(b"content-length") is None


def test_nothing_about_the_connection_is_sent_and_names_are_in_lower_case(client):
    names = [name for name, _ in client.fetch("/fields").headers]
    assert names == [b"date", b"server", b"x-upper", b"set-cookie", b"set-cookie", b"content-length"]


@pytest.mark.parametrize("status", ["204", "304"])
def test_an_answer_without_a_body_has_none(client, status):
    answer = client.fetch(f"/status/{status}")
    assert answer.status == int(status) and not answer.body and answer.get(b"content-length") is None


def test_the_answer_to_head_has_no_body(client):
    answer = client.fetch("/hello", method="HEAD")
    assert answer.status == 200 and answer.body == b"" and answer.ended


def test_a134_early_hints_come_before_the_answer(client):
    answer = client.fetch("/hints")
    assert answer.interim == [[(b":status", b"103"), (b"link", b"</a.css>; rel=preload")]]
    assert answer.body == b"hinted"


def test_a135_trailers_follow_the_body_for_who_takes_them(client):
    answer = client.fetch("/trailers", (b"te", b"trailers"))
    assert answer.body == b"body" and answer.trailers == [(b"x-sum", b"1"), (b"grpc-status", b"0")]
    assert client.fetch("/trailers").trailers is None


def test_trailers_of_a_request_do_no_harm(client):
    stream = client.begin("/echo", method="POST")
    client.send(stream, b"body")
    client.h2.send_headers(stream, [(b"x-sum", b"1")], end_stream=True)
    client.flush()
    assert client.answer(stream).body == b"body"


def test_100_continue_comes_when_the_application_asks(client):
    stream = client.begin("/echo", (b"expect", b"100-continue"), method="POST")
    client.until(lambda: client.answers[stream].interim)
    assert client.answers[stream].interim == [[(b":status", b"100")]]
    client.send(stream, b"now", end=True)
    assert client.answer(stream).body == b"now"


def test_a_body_that_nobody_reads_is_refused_after_the_answer(client):
    stream = client.begin("/early", method="POST")
    client.until(lambda: client.answers[stream].reset is not None)
    answer = client.answers[stream]
    assert answer.body == b"early" and answer.ended and answer.reset == NO_ERROR
    assert client.fetch().body == b"hello"


def test_a69_an_answer_that_breaks_off_is_a_reset_stream(client):
    answer = client.fetch("/cut")
    assert answer.body == b"half" and not answer.ended and answer.reset == INTERNAL_ERROR
    assert client.fetch().body == b"hello"


def test_an_application_that_raises_is_a_500_on_its_stream_only(client):
    assert client.fetch("/fail").status == 500
    assert client.fetch().body == b"hello"


def test_a_reset_is_a_disconnect_for_that_stream_only(client, streams):
    gone = client.get("/until-disconnect/gone")
    stays = client.get("/until-disconnect/stays")
    streams.wait_for_line('"listening", "name": "stays"')
    client.h2.reset_stream(gone, CANCEL)
    client.flush()
    streams.wait_for_line('"refused", "name": "gone"')
    assert client.fetch().body == b"hello"
    assert not any("disconnected" in line and "stays" in line for line in streams.lines)
    client.h2.reset_stream(stays, CANCEL)
    client.flush()
    streams.wait_for_line('"disconnected", "name": "stays"')


def test_a131_push_reaches_a_client_that_takes_it(client):
    page = client.fetch("/push")
    ((stream, request),) = page.pushed
    assert dict(request)[b":path"] == b"/scope/pushed?a=b" and dict(request)[b":authority"] == b"test"
    scope = json.loads(client.answer(stream).body)
    assert page.body == b"page" and scope["path"] == "/scope/pushed" and scope["method"] == "GET"
    assert ["accept", "text/css"] in scope["headers"]
    assert "http.response.push" in scope["extensions"]


def test_a131_push_is_not_offered_to_a_client_that_refuses_it(streams):
    with Http2Client((streams.host, streams.port), settings={2: 0}) as client:
        assert "http.response.push" not in json.loads(client.fetch("/scope").body)["extensions"]
        page = client.fetch("/push")
        assert page.body == b"page" and page.pushed == []


def test_an_extended_connect_for_nothing_we_speak_is_refused(client):
    stream = client.h2.get_next_available_stream_id()
    fields = [(b":method", b"CONNECT"), (b":protocol", b"unknown"), (b":scheme", b"http"), (b":path", b"/")]
    client.h2.send_headers(stream, [*fields, (b":authority", b"test")])
    client.answers[stream] = Answer()
    client.flush()
    assert client.head(stream).status == 501
    assert client.server_settings[8] == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"a", b"x" * 9000)], 431),
        ([(b"a", b"1")] * 101, 431),
        ([(b"expect", b"money")], 417),
        ([(b"content-type", b"a"), (b"content-type", b"b")], 400),
    ],
)
def test_a_request_that_breaks_a_rule_is_refused_on_its_stream(client, headers, status):
    assert client.fetch("/", *headers).status == status
    assert client.fetch().body == b"hello"


@pytest.mark.parametrize("headers", [[(b"host", b"other")], [(b"content-length", b"x")]])
def test_a_malformed_request_is_reset_without_an_answer(client, headers):
    """RFC 9113 section 8.1.1. Limits of ours are answered."""
    stream = client.get("/", *headers)
    client.until(lambda: client.answers[stream].reset is not None)
    assert (client.answers[stream].status, client.answers[stream].reset) == (None, PROTOCOL_ERROR)
    assert client.fetch().body == b"hello"


def test_a_body_that_nobody_reads_may_still_be_malformed(client):
    """The answer is complete before the body is: whoever sends the rest is not told to stop at once."""
    stream = client.begin("/hello", (b"content-length", b"5"), method="POST")
    client.until(lambda: client.answers[stream].ended)
    client.send_raw(frame(0, 1, stream, b"1234"))
    client.until(lambda: client.answers[stream].reset is not None)
    assert client.answers[stream].reset == PROTOCOL_ERROR


def test_a_body_that_nobody_reads_is_asked_to_end(client):
    """RFC 9113 section 8.1: "RST_STREAM with an error code of NO_ERROR after sending a complete response"."""
    stream = client.begin("/hello", method="POST")
    client.until(lambda: client.answers[stream].reset is not None)
    assert (client.answers[stream].ended, client.answers[stream].reset) == (True, NO_ERROR)


def test_curl_speaks_with_prior_knowledge_and_without(streams):
    url = f"{streams.url}/hello"
    for flags, version in [(["--http2-prior-knowledge"], "2"), ([], "1.1")]:
        command = ["curl", "-sS", *flags, "-o", "/dev/null", "-w", "%{http_version} %{http_code}", url]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{version} 200"
