"""What the application may `send()`, and what the client then sees (A55-A75)."""

import hashlib
import re

import pytest

# Order of events.


def test_a55_b24_a_body_before_the_start_raises_and_the_client_gets_a_500(shared):
    assert shared("sending:body_first").get().status == 500


def test_a55_after_a_premature_body_a_right_response_is_still_possible(shared):
    response = shared("sending:body_first_then_right").get()
    assert response.status == 200 and response.body == b"RuntimeError"


def test_a56_b25_a_second_start_raises_and_the_first_response_is_intact(server):
    with server("sending:two_starts") as s:
        response = s.get()
        assert response.status == 200 and response.body == b"first answer"
        assert s.wait_for_note("second")["error"] == "RuntimeError"


def test_a67_b25_events_after_completion_raise_and_the_response_is_intact(server):
    with server("sending:after_completion") as s, s.connect() as client:
        client.get("/")
        assert client.read_response().body == b"answer"
        assert s.wait_for_note("body")["error"] == "RuntimeError"
        assert s.wait_for_note("start")["error"] == "RuntimeError"
        client.get("/")
        assert client.read_response().body == b"answer"


def test_a67_an_error_after_completion_leaves_the_response_intact(server):
    with server("sending:escapes_after_completion") as s:
        s.expect_errors()
        response = s.get()
        assert response.status == 200 and response.body == b"answer" and response.complete
        s.wait_for_line("Traceback")


def test_a58_headers_body_and_more_body_are_optional(shared):
    response = shared("sending:bare").get()
    assert response.status == 200 and response.body == b"" and response.complete


# When the head goes out.


def test_a57_an_error_between_start_and_body_is_still_a_500(shared):
    response = shared("sending:raises_after_start").get()
    assert response.status == 500 and response.get("x-half") is None


@pytest.mark.parametrize("path", ["/", "/events"])
def test_a57_the_head_does_not_wait_for_a_body_that_is_late(server, path):
    with server("sending:suspends_after_start") as s, s.connect() as client:
        client.get(path)
        head = client.read_head()
        assert head.status == 200 and head.chunked
        s.open_gate("body")
        assert client.read_chunk() == b"late"
        assert client.read_chunk() == b""


# Framing.


@pytest.mark.parametrize("path", ["/chunked", "/twice", "/gzip"])
def test_a59_b6_the_server_owns_the_transfer_encoding(shared, path):
    with shared("sending:own_framing").connect() as client:
        client.get(path)
        response = client.read_response()
        assert response.complete and response.body == b"0123456789"
        client.get(path)
        assert client.read_response().body == b"0123456789"


def test_a59_a_transfer_encoding_of_the_app_does_not_beat_its_content_length(shared):
    response = shared("sending:own_framing").get("/both")
    assert response.complete and response.body == b"0123456789"


def test_a59_connection_headers_of_the_app_other_than_close_are_dropped(shared):
    with shared("sending:own_framing").connect() as client:
        for path in ("/keep-alive", "/upgrade"):
            client.get(path)
            response = client.read_response()
            assert response.body == b"0123456789"
            assert (response.get("connection"), response.get("keep-alive"), response.get("upgrade")) in [
                (None, None, None),
                (b"keep-alive", None, None),
            ]


def test_b10_connection_close_of_the_app_is_honoured(shared):
    with shared("sending:own_framing").connect() as client:
        client.get("/close")
        response = client.read_response()
        assert response.closes and response.body == b"0123456789"
        client.expect_closed()


@pytest.mark.parametrize("app", ["sized", "unsized"])
def test_a65_a_body_goes_out_in_the_framing_the_app_chose(shared, app):
    with shared(f"sending:{app}").connect() as client:
        for _ in range(2):
            client.get("/")
            response = client.read_response()
            assert response.complete and response.body == b"0123456789"
            assert response.chunked is (app == "unsized")
            assert response.get("content-length") == (b"10" if app == "sized" else None)


def test_a65_parts_sent_in_one_step_arrive_whole(shared):
    with shared("sending:in_one_step").connect() as client:
        for _ in range(2):
            client.get("/")
            response = client.read_response()
            assert response.complete and response.body == b"0123456789"


def test_a65_b7_http_1_0_is_never_answered_in_chunks(shared):
    with shared("sending:unsized").connect() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        response = client.read_response()
        assert response.get("transfer-encoding") is None and response.get("content-length") is None
        assert response.body == b"0123456789" and response.complete


def test_a65_b7_an_endless_body_ends_a_kept_alive_http_1_0_connection(shared):
    with shared("sending:unsized").connect() as client:
        client.send(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        response = client.read_response()
        assert not response.chunked and response.body == b"0123456789"
        assert response.get("connection") != b"keep-alive"


def test_a66_b4_a_head_request_has_the_headers_of_a_get_and_no_body(shared):
    with shared("sending:sized").connect() as client:
        client.send(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.read_response(head=True).get("content-length") == b"10"
        client.get("/")
        assert client.read_response().body == b"0123456789"


def test_a66_b4_a_head_request_to_a_chunked_app_leaves_the_connection_usable(shared):
    with shared("sending:unsized").connect() as client:
        client.send(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
        response = client.read_response(head=True)
        assert response.status == 200 and response.get("content-length") is None
        client.get("/")
        assert client.read_response().body == b"0123456789"


@pytest.mark.parametrize("status", [204, 304])
def test_a66_b5_a_status_without_body_sends_none_and_keeps_the_connection(shared, status):
    for app in ("status", "bodiless"):
        with shared(f"sending:{app}").connect() as client:
            for _ in range(2):
                client.get(f"/{status}")
                response = client.read_response()
                assert response.status == status
                assert not response.chunked and not response.closes


@pytest.mark.parametrize("path", ["/at-once", "/in-parts"])
def test_a64_b11_a_body_longer_than_its_content_length_raises(server, path):
    with server("sending:too_long") as s, s.connect() as client:
        s.expect_errors()
        client.get(path)
        raw = client.read_until_eof()
        assert s.wait_for_note("sent")["error"] == "RuntimeError"
        assert len(raw.partition(b"\r\n\r\n")[2]) <= 10 or raw.startswith(b"HTTP/1.1 500 ")
        if path == "/in-parts":
            assert raw.startswith(b"HTTP/1.1 200 ") and raw.count(b"x") <= 10


@pytest.mark.parametrize("path", ["/at-once", "/parts"])
def test_a64_b11_a_body_shorter_than_its_content_length_aborts(server, path):
    with server("sending:too_short") as s, s.connect() as client:
        s.expect_errors()
        client.get(path)
        raw = client.read_until_eof()
        # Nothing after the short body, and no clean end of another length.
        assert (
            not raw or raw.startswith(b"HTTP/1.1 500 ") or re.search(rb"content-length: 10\r\n(.*\r\n)*\r\nxxx$", raw)
        )


# Headers and status.


def test_a61_header_order_and_duplicates_are_kept(shared):
    response = shared("sending:header_order").get()
    own = [field for field in response.headers if field[0] in (b"x-a", b"x-b", b"x-c", b"set-cookie")]
    assert own == [(b"x-b", b"0"), (b"set-cookie", b"1"), (b"x-a", b"2"), (b"set-cookie", b"3"), (b"x-c", b"4")]


ILLEGAL_NAMES = [
    "", "%20", "a%20b", "a%0d%0ab", "a%0ab", "a%00b", "a:b", "a%22b", "a(b", "a)b", "a,b", "a/b", "a;b", "a<b", "a=b",
    "a>b", "a%3Fb", "a@b", "a[b", "a%5Cb", "a]b", "a{b", "a}b", "a%7Fb", "a%E9b", "a%09", "%20a",
]  # fmt: skip


@pytest.mark.parametrize("name", ILLEGAL_NAMES)
def test_a63_b13_an_illegal_header_name_raises_and_never_reaches_the_wire(shared, name):
    with shared("sending:header_name").connect() as client:
        client.get(f"/?{name}")
        raw = client.read_until_eof()
    assert raw.startswith(b"HTTP/1.1 500 ") and b"smuggled" not in raw


@pytest.mark.parametrize("char", "!#$%&'*+-.^_`|~0aZ")
def test_a63_every_token_character_is_a_legal_header_name(shared, char):
    response = shared("sending:header_name").get(f"/?x%{ord(char):02x}")
    assert response.get(f"x{char}") == b"smuggled"


@pytest.mark.parametrize("value", ["a%0d%0ab: c", "a%0ab", "a%0db", "a%00b", "a%7fb", "a%1bb", "%0a", "a%0d%0a"])
def test_a63_b12_control_characters_in_a_value_raise_and_never_reach_the_wire(shared, value):
    with shared("sending:header_value").connect() as client:
        client.get(f"/?smuggled{value.replace(' ', '%20')}")
        raw = client.read_until_eof()
    assert raw.startswith(b"HTTP/1.1 500 ") and b"smuggled" not in raw


@pytest.mark.parametrize("value", [b"", b"c", b"a\tb", b"a b", "µ".encode(), b"\xb5", b"\xff"])
def test_a63_b13_legal_values_are_sent_verbatim(shared, value):
    encoded = "".join(f"%{byte:02x}" for byte in value)
    assert shared("sending:header_value").get(f"/?{encoded}").get("x-value") == value


@pytest.mark.parametrize(
    ("status", "reason"), [(200, "OK"), (201, "Created"), (404, "Not Found"), (418, None), (503, "Service Unavailable")]
)
def test_a71_known_statuses_have_their_reason(shared, status, reason):
    response = shared("sending:status").get(f"/{status}")
    assert response.status == status
    assert reason is None or response.reason == reason


@pytest.mark.parametrize("status", [299, 420, 599, 799, 999])
def test_a71_b14_unknown_statuses_have_an_empty_reason(shared, status):
    response = shared("sending:status").get(f"/{status}")
    assert response.head.startswith(b"HTTP/1.1 %d \r\n" % status)


def test_b49_server_and_date_are_there_by_default(shared):
    response = shared("sending:sized").get()
    assert response.get("server") == b"rgunicorn"
    day, month = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)", "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    assert re.fullmatch(rf"{day}, \d\d {month} \d{{4}} \d\d:\d\d:\d\d GMT", response.get("date").decode())


def test_b49_the_app_overrides_server_and_date(shared):
    response = shared("sending:own_defaults").get()
    assert response.get("server") == b"mine"
    assert response.get("date") == b"Thu, 01 Jan 1970 00:00:00 GMT"


# Applications that stop half-way.


def test_a68_b23_returning_without_start_is_a_500(server):
    with server("sending:returns_at_once") as s, s.connect() as client:
        s.expect_errors()
        client.get("/")
        response = client.read_response()
        assert response.status == 500 and response.body == b"Internal Server Error" and response.closes
        client.expect_closed()
        s.wait_for_line("returned without starting (the )?response")


def test_a69_b23_returning_after_start_is_never_a_whole_response(server):
    with server("sending:returns_after_start") as s, s.connect() as client:
        s.expect_errors()
        client.get("/")
        raw = client.read_until_eof()
        assert b"0\r\n\r\n" not in raw and b"content-length: 0" not in raw
        assert not raw.startswith(b"HTTP/1.1 200") or b"chunked" in raw
        s.wait_for_line("without completing (the )?response")


@pytest.mark.parametrize("app", ["returns_while_streaming", "raises_while_streaming"])
@pytest.mark.parametrize("path", ["/chunked", "/length"])
def test_a69_a70_b22_b23_stopping_while_streaming_aborts_the_connection(server, app, path):
    with server(f"sending:{app}") as s, s.connect() as client:
        s.expect_errors()
        client.get(path)
        head = client.read_head()
        assert head.status == 200
        received = client.read_chunk() if head.chunked else client.read_bytes(5)
        assert received == b"hello"
        s.open_gate("return" if app.startswith("returns") else "fail")
        assert client.read_until_eof() == b""


def test_a70_b22_an_error_in_the_step_of_the_first_chunk_is_never_a_whole_response(server):
    with server("sending:raises_in_the_same_step") as s, s.connect() as client:
        s.expect_errors()
        client.get("/")
        raw = client.read_until_eof()
        assert b"0\r\n\r\n" not in raw
        assert raw.count(b"HTTP/1.1 ") <= 1
        s.wait_for_line("in the same step")


# Streaming and back-pressure.


def test_a60_each_part_reaches_the_client_before_the_next_is_sent(server):
    with server("sending:chunk_by_chunk") as s, s.connect() as client:
        client.get("/")
        assert client.read_head().chunked
        for number in (1, 2, 3):
            assert client.read_chunk() == b"part %d" % number
            s.open_gate(f"part{number}")
        assert (client.read_chunk(), client.read_chunk()) == (b"end", b"")


def test_a60_b36_send_waits_for_a_client_that_does_not_read(server):
    with server("sending:flood") as s, s.connect() as client:
        assert s.get("/warm-up").status == 200
        before = s.worker_memory()
        client.get("/")
        assert s.wait_for_note("blocked")["sent"] < 32 << 20
        assert s.worker_memory() - before < 16 << 20
        response = client.read_response()
        assert response.complete and len(response.body) == 100 << 20
        note = s.wait_for_note("finished")
        assert note["digest"] == hashlib.sha256(response.body).hexdigest()


def test_a60_one_large_body_arrives_whole(shared):
    response = shared("sending:big").get()
    assert response.complete and response.body == b"\x5a" * (20 << 20)


# Life after the response.


def test_a72_b33_the_connection_is_usable_while_the_app_works_on(server):
    with server("sending:background") as s, s.connect() as client:
        client.get("/work")
        assert client.read_response().body == b"/work"
        s.wait_for_note("background begins")
        client.get("/next")
        assert client.read_response().body == b"/next"
        assert not any(note["event"] == "background ends" for note in s.notes)
        s.open_gate("finish")
        s.wait_for_note("background ends")


def test_a72_a_pipelined_request_does_not_wait_for_the_work_behind_the_one_before(server):
    with server("sending:background") as s, s.connect() as client:
        client.send(b"GET /work HTTP/1.1\r\nhost: x\r\n\r\nGET /next HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.read_response().body == b"/work"
        assert client.read_response().body == b"/next"
        s.open_gate("finish")
        s.wait_for_note("background ends")


def test_a73_b33_background_work_survives_the_client(server):
    with server("starlettes:app") as s:
        client = s.connect()
        client.get("/background")
        assert client.read_response().body == b"answer"
        s.wait_for_note("background begins")
        client.close()
        s.open_gate("finish")
        s.wait_for_note("background ends")


def test_a73_a_disconnect_does_not_cancel_the_app(server):
    with server("sending:survivor") as s:
        client = s.connect()
        client.get("/")
        client.read_head()
        client.close()
        s.wait_for_note("disconnected")
        assert s.get("/gate/other").status == 204
        assert not any(note["event"] == "ends" for note in s.notes)
        s.open_gate("finish")
        s.wait_for_note("ends")


def test_a73_b32_an_idle_stream_ends_some_time_after_its_client_left(server):
    """The grace period is for what is half answered; work that has not begun to answer goes on."""
    with server("sending:idle", "--asgi-disconnect-grace-period", "1", "--graceful-timeout", "1") as s:
        clients = []
        for count, path in enumerate(["/before-the-answer", "/first", "/second"], 1):
            clients.append(s.connect())
            clients[-1].get(path)
            s.wait_for_note("waits", count=count)
        clients[0].close()
        clients[1].close()
        assert s.wait_for_note("ends")["path"] == "/first"
        clients[2].close()
        assert s.wait_for_note("ends", count=2)["path"] == "/second"
        assert [line for line in s.lines if "Traceback" in line] == []


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a74_send_to_a_client_that_left_raises_an_os_error_and_receive_says_disconnect(server, leave):
    with server("sending:talks_to_nobody") as s:
        client = s.connect()
        client.get("/")
        client.read_head()
        getattr(client, leave)()
        sent = s.wait_for_note("send")
        assert sent["error"] is not None and sent["subclass"]
        for count in (1, 2, 3):
            assert s.wait_for_note("receive", count=count)["type"] == "http.disconnect"


# Starlette on top of it.


def test_b31_an_endless_stream_is_finalised_when_its_client_leaves(server):
    with server("starlettes:app") as s:
        client = s.connect()
        client.get("/endless")
        client.read_head()
        client.read_chunk()
        client.close()
        s.wait_for_note("finalised", timeout=2)
        assert s.stop() == 0
        assert [line for line in s.lines if "ERROR" in line] == []


def test_a8_starlette_may_stream_memoryviews(server):
    with server("starlettes:app") as s:
        assert s.get("/memory").body == b"a memoryview"
