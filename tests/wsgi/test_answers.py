"""Bodies: what frames them, who closes them, what is sent of them (W28 to W36)."""

import socket
import time

import pytest

APP, VALIDATED = "wsgi_answers:app", "wsgi_answers:validated"


def closings(s, name):
    return [note["times"] for note in s.notes if note["event"] == "closed" and note["name"] == name]


def raw(s, request, head=False):
    """The response and all bytes that come after it until the server closes."""
    with s.connect() as client:
        client.send(request)
        response = client.read_response(head=head)
        return response, client.read_until_eof()


# What may be returned


@pytest.mark.parametrize("kind", ["list", "tuple", "iterator", "generator", "index", "closable", "bytesio"])
@pytest.mark.parametrize("blocks", ["one", "one,two", ",one,,two,", "", ","])
def test_w31_any_iterable_of_bytes_is_a_body(plain, kind, blocks):
    with plain.connect() as client:
        for _ in range(2):  # The second shows that the first had the right end.
            client.get(f"/blocks?kind={kind}&b={blocks}")
            response = client.read_response()
            assert response.complete and response.body == blocks.replace(",", "").encode()


@pytest.mark.parametrize("kind", ["list", "tuple", "iterator", "generator", "closable"])
def test_w31_w80_any_iterable_is_a_body_behind_a_validator(validated, kind):
    assert validated.get(f"/blocks?kind={kind}&b=one,two").body == b"onetwo"


@pytest.mark.parametrize("kind", ["list", "tuple"])
def test_w32_the_only_block_of_a_list_tells_the_length(plain, kind):
    response = plain.get(f"/blocks?kind={kind}&b=12345")
    assert response.get("content-length") == b"5" and not response.chunked


def test_w32_a_list_of_another_type_is_not_believed_about_its_length(plain):
    response = plain.get("/blocks?kind=sized&b=12345")
    assert response.body == b"12345!" and response.complete
    plain.wait_for_note("closed")


def test_w36_without_a_length_the_body_is_chunked_and_has_no_empty_chunk(either):
    with either.connect() as client:
        client.get("/blocks?kind=generator&b=a,,b,")
        response = client.read_response()
        assert response.chunked and response.complete and response.body == b"ab"


def test_w36_an_old_client_gets_the_body_until_the_end_of_the_connection(either):
    response, rest = raw(either, b"GET /blocks?kind=generator&b=a,b HTTP/1.0\r\n\r\n")
    assert (response.body, rest) == (b"ab", b"")
    assert not response.chunked and response.get("content-length") is None


def test_w36_an_old_client_may_keep_its_connection_if_the_length_is_known(either):
    with either.connect() as client:
        for _ in range(2):
            client.send(b"GET /blocks?b=a,b&length=2 HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
            response = client.read_response()
            assert response.body == b"ab" and response.get("connection") == b"keep-alive"


# Content-Length


@pytest.mark.parametrize("kind", ["list", "generator", "closable"])
def test_w33_a_body_of_its_length_is_not_chunked(either, kind):
    with either.connect() as client:
        for _ in range(2):
            client.get(f"/blocks?kind={kind}&b=one,two&length=6")
            response = client.read_response()
            assert (response.body, response.get("content-length"), response.chunked) == (b"onetwo", b"6", False)


@pytest.mark.parametrize("kind", ["list", "generator", "closable"])
@pytest.mark.parametrize(("blocks", "length"), [("123456789", 4), ("12,3456,789", 4), ("1234,5", 4), ("12", 0)])
def test_w33_what_is_beyond_the_length_is_not_sent(either, kind, blocks, length):
    with either.connect() as client:
        client.get(f"/blocks?kind={kind}&b={blocks}&length={length}")
        assert client.read_response().body == b"1234"[:length]
        client.get("/blocks?b=next")
        assert client.read_response().body == b"next"


@pytest.mark.parametrize("kind", ["list", "generator", "closable"])
def test_w33_a_body_shorter_than_its_length_closes_the_connection(wsgi, kind):
    """Or the client would take the next answer for the rest of this one."""
    with wsgi(APP) as s, s.connect() as client:
        s.expect_errors()
        client.get(f"/blocks?kind={kind}&b=12&length=9")
        client.get("/blocks?b=next")
        response = client.read_response()
        if response.status == 500:  # Nothing had gone out yet.
            assert response.closes
        else:
            assert response.body == b"12"[: len(response.body)] and not response.complete
        client.expect_closed()
        s.wait_for_line("Content-Length")


@pytest.mark.parametrize("length", ["x", "-1", "+5", "5, 5", "5 5", "0x5", "\u0665", ""])
def test_w33_a_length_that_is_no_number_never_goes_out(wsgi, tmp_path, length):
    app = f"""
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", {length!r})])
    return [b"12345"]
"""
    (tmp_path / "made.py").write_text(app)
    with wsgi("made:app", cwd=tmp_path) as s:
        s.expect_errors()
        assert s.get().status == 500


# Answers without a body


@pytest.mark.parametrize(
    "query", ["b=12345", "b=12345&length=5", "b=1,2,3&kind=generator", "b=1,2&kind=closable&length=2"]
)
def test_w34_head_has_the_fields_of_get_and_no_body(either, query):
    with either.connect() as client:
        client.get(f"/blocks?{query}")
        get = client.read_response()
        client.send(f"HEAD /blocks?{query} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        head = client.read_response(head=True)
        assert own_fields(head) == own_fields(get)
        assert ("&length" not in query) or head.get("content-length") == get.get("content-length")
        client.get("/blocks?b=next")
        assert client.read_response().body == b"next"


def own_fields(response):
    """All but the date and the framing, which only an answer with a body needs (RFC 9110 section 9.3.2)."""
    left_out = b"date", b"transfer-encoding", b"content-length"
    return [pair for pair in response.headers if pair[0] not in left_out]


@pytest.mark.parametrize("kind", ["list", "generator", "closable"])
def test_w34_an_app_may_leave_the_body_of_head_out_itself(either, kind):
    """Frameworks do: the length is that of what GET would answer."""
    with either.connect() as client:
        for _ in range(2):
            client.send(f"HEAD /blocks?kind={kind}&length=5 HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            response = client.read_response(head=True)
            assert (response.status, response.get("content-length"), response.closes) == (200, b"5", False)


@pytest.mark.parametrize("kind", ["list", "generator"])
@pytest.mark.parametrize("body", ["", "12345"])
@pytest.mark.parametrize(("status", "length"), [(204, ""), (304, ""), (204, "5"), (304, "5")])
def test_w34_204_and_304_have_no_body(either, kind, status, length, body):
    with either.connect() as client:
        client.get(f"/blocks?kind={kind}&status={status}%20No&b={body}&length={length}")
        response = client.read_response()
        assert response.status == status and not response.chunked
        assert response.get("content-length") == (b"5" if length and status == 304 else None)
        client.get("/blocks?b=next")
        assert client.read_response().body == b"next"


# Fields that are the server's business


def test_w35_hop_by_hop_fields_of_the_app_are_dropped(plain):
    with plain.connect() as client:
        for _ in range(2):
            client.get("/fields")
            response = client.read_response()
            names = [name for name, _ in response.headers]
            assert not {b"keep-alive", b"transfer-encoding", b"upgrade", b"proxy-connection"} & set(names)
            assert response.get("x-own") == b"1" and response.body == b"body"


def test_w35_every_hop_by_hop_field_of_pep_3333_is_dropped(plain):
    sent = {name for name, _ in plain.get("/hop_by_hop").headers}
    assert sent <= {b"date", b"server", b"content-type", b"content-length"}


def test_w35_an_app_that_says_connection_close_is_obeyed(plain):
    with plain.connect() as client:
        client.get("/fields?close")
        assert client.read_response().closes
        client.expect_closed()


def test_w35_date_and_server_are_added_unless_the_app_has_them(either):
    response = either.get("/blocks?b=1")
    assert response.get("date") and response.get("server")
    response = either.get("/dated")
    assert response.get("date") == b"Thu, 01 Jan 1970 00:00:00 GMT" and response.get("server") == b"mine"


# Who closes


@pytest.mark.parametrize(
    "query",
    ["b=1,2", "b=1,2&length=3", "b=123&length=1", "b=&length=0", "b=", "status=204%20No&b=12", "status=304%20No"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_w30_a_body_is_closed_once(wsgi, query, method, version):
    with wsgi(APP) as s:
        s.expect_errors()  # One is shorter than it says.
        raw_request = f"{method} /blocks?kind=closable&{query} HTTP/{version}\r\nhost: x\r\nconnection: close\r\n\r\n"
        with s.connect() as client:
            client.send(raw_request.encode())
            client.read_until_eof()
        assert s.stop() == 0
        assert closings(s, "body") == [1]


@pytest.mark.parametrize("path", ["gate_after_all", "gate_in_close?length=5", "gate_in_close"])
def test_w28_w30_the_client_has_the_whole_answer_before_it_is_closed(wsgi, gate_file, path):
    with wsgi(APP, env=gate_file.env) as s, s.connect() as client:
        client.socket.settimeout(3)
        client.get(f"/{path}")
        try:
            response = client.read_response()
        finally:
            gate_file.open_gate()
        assert response.body == b"whole" and response.complete


@pytest.mark.parametrize(("path", "name"), [("large?count=2000", "large"), ("endless", "endless")])
@pytest.mark.parametrize("app", [APP, VALIDATED])
def test_w30_b67_a_body_is_closed_once_when_its_client_leaves(wsgi, app, path, name):
    with wsgi(app) as s:
        with s.connect() as client:
            client.get(f"/{path}")
            client.read_head()
            client.read_chunk()
        s.wait_for_note("closed")
        assert s.get("/blocks?b=next").body == b"next"
        assert s.stop() == 0
        assert closings(s, name) == [1]
        assert "all given" not in [note["event"] for note in s.notes]


def test_w27_write_raises_an_os_error_when_the_client_has_left(wsgi):
    with wsgi(APP) as s:
        with s.connect() as client:
            client.get("/large_by_write?count=2000")
            client.read_head()
        assert s.wait_for_note("write raised")["name"] == "BrokenPipeError"
        assert s.get("/blocks?b=next").body == b"next"
        assert not [line for line in s.lines if "[ERROR]" in line]


# Clients that read slowly


@pytest.mark.parametrize("path", ["large?count=800", "large_by_write?count=800"])
def test_w27_w28_a_slow_reader_holds_the_app_back_and_memory_stays(wsgi, path):
    with wsgi(APP) as s, s.connect() as client:
        s.get("/blocks?b=warm")
        before = s.worker_memory()
        client.get(f"/{path}")
        assert client.read_head().chunked
        total = 0
        while chunk := client.read_chunk():
            total += len(chunk)
            if total == 65536 * 100:
                assert "all given" not in [note["event"] for note in s.notes]
        assert total == 800 * 65536
        assert s.worker_memory() - before < 10 * 1024 * 1024


def test_w28_a_small_answer_waits_for_nobody(wsgi):
    """A client that does not read it keeps nobody else from being served."""
    with wsgi(APP) as s, s.connect() as lazy:
        lazy.get("/large?count=1")
        s.wait_for_note("closed")
        assert s.get("/blocks?b=next").body == b"next"
        assert len(lazy.read_response().body) == 65536


def test_w28_a_client_that_takes_nothing_for_write_timeout_is_reset(wsgi):
    with wsgi(APP, "--write-timeout", "1", "--timeout", "50") as s, s.connect() as lazy:
        lazy.get("/large?count=2000")
        lazy.read_head()
        assert s.wait_for_note("closed", timeout=6)["times"] == 1
        assert s.get("/blocks?b=next").body == b"next"


def test_w71_a_slow_reader_is_no_hang(wsgi):
    """Clients must not be able to end workers; `timeout` is for apps."""
    with wsgi(APP, "--timeout", "1") as s, s.connect() as slow:
        s.expect_errors()
        first = s.get("/pid").body
        slow.get("/large?count=2000")
        end = time.monotonic() + 3
        while time.monotonic() < end:  # The client's pace is what is tested.
            assert slow.read_bytes(1000)
            time.sleep(0.01)
        slow.close()
        assert s.get("/pid").body == first


def test_w71_threads_of_the_app_run_while_the_server_waits_for_a_slow_reader(wsgi):
    with wsgi(APP) as s, s.connect() as client:
        client.get("/beside_a_thread")
        response_head = client.read_head()
        total = 0
        while total < 290 * 65536:
            total += len(client.read_chunk())
        while chunk := client.read_chunk():
            total += len(chunk)
        assert response_head.chunked and total == 400 * 65536
        s.wait_for_note("counted", count=5)


# Early hints


def test_w9_early_hints_go_before_the_answer_and_never_after(either):
    with either.connect() as client:
        for _ in range(2):
            client.get("/hints")
            response = client.read_response()
            assert response.body == b"answer"
            first, second = response.interim
            assert (first.status, first.all("link")) == (103, [b"</a.css>; rel=preload", b"</b.js>; rel=preload"])
            assert second.get("x-second") == b"2"
            assert response.get("link") is None


def test_w9_early_hints_go_out_at_once(wsgi, gate_file):
    with wsgi(VALIDATED, env=gate_file.env) as s, s.connect() as client:
        client.get("/hints_before_gate")
        assert client.read_one_head().status == 103
        gate_file.open_gate()
        assert client.read_response().body == b"answer"


def test_w9_an_old_client_gets_no_early_hints(either):
    response, rest = raw(either, b"GET /hints HTTP/1.0\r\n\r\n")
    assert response.status == 200 and response.interim == [] and rest == b""


def test_w9_bad_early_hints_are_refused(wsgi):
    with wsgi(APP) as s:
        response = s.get("/bad_hints")
        assert response.body == b"answer"
        assert all(b"smuggled" not in interim.head.lower() for interim in response.interim)
        s.wait_for_note("refused", count=5)


# The connection


def test_w28_pipelined_requests_are_answered_in_order(either):
    with either.connect() as client:
        client.send(b"".join(b"GET /blocks?kind=generator&b=%d,x HTTP/1.1\r\nhost: x\r\n\r\n" % n for n in range(20)))
        assert [client.read_response().body for _ in range(20)] == [b"%dx" % n for n in range(20)]


@pytest.mark.parametrize(
    "path", ["blocks?b=one", "blocks?kind=generator&b=one,two", "large?count=100", "large_at_once?count=100"]
)
def test_w28_a_client_that_has_shut_its_side_gets_its_answer(either, path):
    with either.connect() as client:
        client.get(f"/{path}")
        client.socket.shutdown(socket.SHUT_WR)
        response = client.read_response()
        assert response.complete and len(response.body) in (3, 6, 100 * 65536)
        client.expect_closed()


def test_w30_nothing_is_kept_of_a_request_that_was_answered(either):
    """Neither its environ nor its body: the app counts those that are still alive."""
    with either.connect() as client:
        for _ in range(5):
            client.get("/alive")
            assert client.read_response().body == b"0"
