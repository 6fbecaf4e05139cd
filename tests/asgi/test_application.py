"""The application as a coroutine: where it runs, what it is given, what becomes of its errors (A1-A18)."""

import ast
import re

import pytest


def test_a1_the_scope_is_a_plain_dict_with_string_keys(server):
    with server("scopes:types") as s:
        report = s.get("/").body.decode()
    assert "'scope': <class 'dict'>" in report
    assert "'keys': {<class 'str'>}" in report


def test_a2_b18_the_scope_names_the_versions(server):
    with server("scopes:dump") as s:
        scope = ast.literal_eval(s.get().body.decode())
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}


def test_a2_scribbles_on_one_scope_do_not_reach_the_next(server):
    with server("scopes:vandal") as s, s.connect() as client:
        for _ in range(3):
            client.get("/")
            response = client.read_response()
            assert b"scribble" not in response.body
            assert ast.literal_eval(response.body.decode())["asgi"] == {"version": "3.0", "spec_version": "2.5"}


def test_a3_the_app_is_a_normal_asyncio_program(server):
    with server("scopes:surroundings") as s:
        report = ast.literal_eval(s.get().body.decode())
    assert [name for name, right in report.items() if not right] == []


def test_a3_the_app_is_a_normal_asyncio_program_after_it_waited_for_the_body(server):
    with server("scopes:surroundings") as s, s.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n")
        report = ast.literal_eval(client.read_response().body.decode())
    assert all(report.values())


BAD_STARTS = [
    "not-a-dict",
    "no-type",
    "type-not-a-string",
    "unknown-type",
    "other-protocol",
    "no-status",
    "status-with-reason",
    "status-none",
    "status-0",
    "status-99",
    "status-1000",
    "headers-not-iterable",
    "header-name-str",
    "header-value-str",
    "header-of-one",
    "header-of-three",
    "pseudo-header",
    "content-length-not-a-number",
    "content-length-negative",
    "content-lengths-differ",
]


@pytest.mark.parametrize("name", BAD_STARTS)
def test_a5_a62_a_wrong_start_event_raises_out_of_send(shared, name):
    response = shared("sending:bad_start").get(f"/{name}")
    assert response.status == 200
    assert response.body.decode() in ("TypeError", "ValueError", "RuntimeError", "KeyError", "OverflowError")


@pytest.mark.parametrize("name", ["unknown-type", "no-type", "body-str", "body-int", "body-list"])
def test_a5_a8_a_wrong_body_event_raises_out_of_send(shared, name):
    response = shared("sending:bad_body").get(f"/{name}")
    assert response.status == 200 and response.complete
    assert response.body.decode() in ("TypeError", "ValueError", "RuntimeError", "KeyError")


def test_a5_what_is_wrong_is_raised_where_send_is_awaited_and_not_where_it_is_called(server):
    with server("sending:awaited_later") as s:
        raised = ast.literal_eval(s.get().body.decode())
        assert len(raised) == 10 and set(raised) <= {"TypeError", "ValueError", "RuntimeError"}, raised
        assert s.wait_for_note("late")["error"] == "RuntimeError"


def test_a6_keys_the_server_does_not_know_are_ignored(server):
    with server("sending:extra_keys") as s:
        assert s.get().body == b"answer"


FORMS = ["list", "tuple", "lists", "generator", "iterator", "map", "bytearray", "memoryview"]


@pytest.mark.parametrize("form", FORMS)
def test_a7_b15_headers_may_be_any_iterable_of_pairs(shared, form):
    response = shared("sending:header_forms").get(f"/{form}")
    assert response.status == 200
    own = [field for field in response.headers if field[0].startswith(b"x-")]
    assert own == [(b"x-one", b"1"), (b"x-two", b"2"), (b"x-one", b"3")]


@pytest.mark.parametrize("form", ["bytes", "bytearray", "memoryview", "array"])
def test_a8_a_body_may_be_any_contiguous_buffer(shared, form):
    assert shared("sending:body_forms").get(f"/{form}").body == b"0123456789"


def test_a8_a_mutable_body_may_be_reused_after_send(server):
    with server("sending:reused_bytearray") as s:
        assert s.get().body == b"firstsecond"


def test_a9_the_scope_holds_only_plain_values(server):
    with server("scopes:types") as s:
        report = s.get("/a%20b?c=d", "x-name: value").body.decode()
    assert "'foreign': []" in report


def test_a10_requests_in_flight_together_have_scopes_of_their_own(server):
    with server("scopes:meeting") as s, s.connect() as one, s.connect() as two:
        one.send(b"POST /one HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n")
        two.send(b"POST /two HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n")
        s.wait_for_note("came", count=2)
        two.send(b".")
        one.send(b".")
        assert two.read_response().body == b"/two"
        assert one.read_response().body == b"/one"
        assert [note["marked"] for note in s.notes] == [False, False]


def test_a11_one_task_may_receive_while_others_send(server):
    with server("receiving:two_tasks") as s, s.connect() as client:
        client.get("/")
        assert s.wait_for_note("streamed")["heard"] is False
        s.open_gate("finish")
        assert client.read_response().body == b"012end"
        s.wait_for_note("heard")


def test_a12_b30_cancelled_receives_lose_no_byte(server):
    body = bytes(range(256)) * 2
    with server("receiving:impatient") as s, s.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body))
        s.wait_for_note("first cancel")
        for byte in body:
            client.send(bytes([byte]))
        response = client.read_response()
    assert response.body == body
    assert int(response.get("x-cancelled")) >= 1


def test_a12_a_cancelled_receive_raises_cancelled_error(server):
    with server("receiving:swallowed_cancel") as s, s.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n")
        assert s.wait_for_note("outcome")["type"] == "CancelledError"
        client.send(b"hello")
        assert client.read_response().body == b"hello"


@pytest.mark.parametrize("app", ["first_poll", "in_cancelled_scope"])
def test_a13_an_event_that_is_there_comes_without_a_turn_of_the_loop(server, app):
    with server(f"receiving:{app}") as s:
        request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"
        assert ast.literal_eval(s.exchange(request).body.decode()) == {
            "type": "http.request",
            "body": b"hello",
            "more_body": False,
        }
        assert ast.literal_eval(s.get().body.decode())["more_body"] is False


def test_a14_a70_b21_an_exception_becomes_a_500_and_one_traceback(server):
    with server("sending:raises") as s:
        s.expect_errors()
        response = s.get("/fail")
        assert (response.status, response.reason) == (500, "Internal Server Error")
        assert response.get("content-type").startswith(b"text/plain")
        assert response.body == b"Internal Server Error"
        assert response.closes
        assert s.get("/").body == b"fine"
        s.stop()
        assert sum("Traceback" in line for line in s.lines) == 1
        assert sum("marker of the app's own error" in line for line in s.lines) >= 1
        assert any("[ERROR]" in line or "ERROR" in line for line in s.lines)


def test_a14_the_connection_of_a_failed_app_closes(server):
    with server("sending:raises") as s, s.connect() as client:
        s.expect_errors()
        client.get("/fail")
        assert client.read_response().status == 500
        client.expect_closed()


@pytest.mark.parametrize("how", ["plain", "cause", "context", "group"])
def test_a15_the_servers_own_disconnect_error_is_not_logged(server, how):
    with server("sending:escaping_disconnect", "--log-level", "info") as s:
        client = s.connect()
        client.get(f"/{how}")
        client.read_head()
        client.close()
        s.wait_for_note("escapes")
        assert s.stop() == 0
        assert [line for line in s.lines if re.search("ERROR|Traceback|Error", line) and "note:" not in line] == []


def test_a16_extensions_are_a_dict_of_dicts(server):
    with server("scopes:dump") as s:
        scope = ast.literal_eval(s.get().body.decode())
    extensions = scope.get("extensions", {})
    assert type(extensions) is dict
    assert all(type(value) is dict for value in extensions.values())


def test_a17_b26_a_returned_value_is_an_error_after_an_intact_response(server):
    with server("sending:returns_123") as s, s.connect() as client:
        s.expect_errors()
        client.get("/")
        response = client.read_response()
        assert response.status == 200 and response.body == b"answer"
        s.wait_for_line(r"should return None, but returned '?123")
        client.expect_closed()


def test_a4_an_asgi_2_application_is_called_with_the_scope_and_then_with_the_rest(server):
    with server("scopes:DoubleCallable") as s:
        assert s.get("/two").body == b"/two"


def test_a18_scope_and_events_are_in_the_log_at_trace_level(server):
    with server("echo:app", "--log-level", "trace") as s, s.connect() as client:
        client.post(b"a secret", "/there?q", "authorization: secret")
        assert client.read_response().body == b"a secret"
        call = re.escape(f"[TRACE] 127.0.0.1:{client.socket.getsockname()[1]} - ASGI [2]")
        assert "'path': '/there'" in s.wait_for_line(rf"{call} Started scope=\{{.*'headers': <3 headers>.*")[0]
        s.wait_for_line(call + r" Receive \{'type': 'http.request', 'body': <8 bytes>, 'more_body': False\}")
        s.wait_for_line(call + r" Send \{'type': 'http.response.start', 'status': 200, 'headers': <\d headers>\}")
        s.wait_for_line(call + r" Send \{'type': 'http.response.body', 'body': <8 bytes>")
        s.wait_for_line(call + " Completed")
        assert not [line for line in s.lines if "secret" in line]
