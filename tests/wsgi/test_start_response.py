"""start_response and write: when, how often, with what (W20 to W28)."""

from urllib.parse import quote

import pytest

APP, VALIDATED = "wsgi_start:app", "wsgi_start:validated"


@pytest.fixture(scope="module")
def literal(site):
    """Starts an answer with the status and the headers given."""
    s = site(app="wsgi_start:literal")
    return lambda status, headers=(): s.get("/?" + quote(repr((status, list(headers)))))


def test_w20_w25_a_generator_begins_its_answer_at_its_first_block(either):
    response = either.get("/generator")
    assert (response.status, response.reason, response.body) == (201, "Made", b"one two")
    assert response.complete and response.get("content-type") == b"text/plain"


def test_w24_w25_start_response_may_come_after_an_empty_block(plain):
    """wsgiref's validator wants it before the first block, empty or not."""
    response = plain.get("/lazily")
    assert (response.status, response.reason, response.body) == (202, "Late", b"late")


def test_w20_w27_what_is_written_comes_before_what_is_returned(either):
    response = either.get("/by_write")
    assert response.body == b"abcd" and response.complete


@pytest.mark.parametrize("app", [APP, VALIDATED])
@pytest.mark.parametrize("path", ["/written_before_gate", "/blocks_between_gates"])
def test_w27_w28_b67_a_block_goes_out_before_the_app_goes_on(wsgi, gate_file, app, path):
    with wsgi(app, env=gate_file.env) as s, s.connect() as client:
        client.get(path)
        assert client.read_head().chunked
        assert client.read_chunk() == b"first"
        gate_file.open_gate()
        assert client.read_chunk() == b"second"
        assert client.read_chunk() == b""


@pytest.mark.parametrize("app", [APP, VALIDATED])
def test_w22_w24_empty_blocks_do_not_send_the_head(wsgi, gate_file, app):
    with wsgi(app, env=gate_file.env) as s, s.connect() as client:
        client.get("/empty_blocks_before_gate")
        s.wait_for_note("waiting")
        gate_file.open_gate()
        response = client.read_response()
        assert (response.status, response.reason, response.body) == (503, "Changed", b"changed")


@pytest.mark.parametrize("path", ["/nothing", "/nothing_from_generator"])
def test_w24_an_answer_without_any_block_has_its_head_all_the_same(either, path):
    with either.connect() as client:
        for _ in range(2):
            client.get(path)
            response = client.read_response()
            assert (response.status, response.body, response.complete) == (200, b"", True)


def test_w22_b67_a_second_call_with_exc_info_replaces_what_was_not_sent(either):
    response = either.get("/replaced")
    assert (response.status, response.reason, response.body) == (500, "Oops", b"oops")
    assert response.get("x-first") is None and response.get("x-second") == b"2"


@pytest.mark.parametrize("app", [APP, VALIDATED])
def test_w22_b67_exc_info_after_the_head_is_raised_again_and_cuts_the_answer(wsgi, app):
    with wsgi(app) as s, s.connect() as client:
        s.expect_errors()
        client.get("/replaced_too_late")
        response = client.read_response()
        assert response.status == 500 or (response.body, response.complete) == (b"some", False)
        raised = s.wait_for_note("raised")
        assert raised["error"] == "too late"
        assert raised["frames"] == "replaced_too_late"
        s.wait_for_line("ValueError: too late")


@pytest.mark.parametrize(("path", "body"), [("/exc_info_at_first", b"oops"), ("/exc_info_none", b"none")])
def test_w20_exc_info_may_be_there_at_the_first_call(either, path, body):
    assert either.get(path).body == body


def test_w22_a_second_call_without_exc_info_is_an_assertion_error(wsgi):
    with wsgi("wsgi_start:twice") as s:
        response = s.get()
        assert (response.status, response.body) == (200, b"first")
        assert s.wait_for_note("refused")["error"] == "Response headers already set!"


def test_w23_errors_given_as_exc_info_are_let_go_of(either):
    with either.connect() as client:
        for _ in range(5):
            client.get("/retained")
            assert client.read_response().body == b"0"


def test_w20_start_response_takes_gunicorns_keywords_too(wsgi):
    with wsgi("wsgi_start:keywords") as s:
        s.expect_errors()
        assert s.get().body == b"taken"


@pytest.mark.parametrize("app", ["never", "never_and_empty"])
def test_w26_an_app_that_never_calls_start_response_is_a_500(wsgi, app):
    with wsgi(f"wsgi_start:{app}") as s:
        s.expect_errors()
        response = s.get()
        assert response.status == 500 and b"body" not in response.body
        s.wait_for_line("start_response")


def test_w20_a_write_kept_from_an_earlier_request_cannot_reach_the_next_answer(wsgi):
    with wsgi("wsgi_start:write_kept") as s, s.connect() as client:
        for path in "/", "/again", "/":
            client.get(path)
            response = client.read_response()
            assert response.body == b"body"


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        ("200 OK", (200, "OK")),
        ("404 Gone Fishing", (404, "Gone Fishing")),
        ("599 ", (599, "")),
        ("299", (299, "")),
        ("200 \xfc\t!", (200, "\xfc\t!")),
    ],
)
def test_w21_the_status_goes_out_as_the_app_wrote_it(literal, status, sent):
    response = literal(status)
    assert response.get("x-refused") is None
    assert (response.status, response.reason) == sent


@pytest.mark.parametrize(
    "status",
    [200, b"200 OK", None, "", "OK", "20 OK", "2000 OK", "200OK", "-20 OK", " 200 OK", "099 Low", "100 Continue"]
    + ["200 O\r\nK", "200 O\nK", "200 O\0K", "200 \u20ac", "200 \ud800", "\u0662\u0660\u0660 OK"],
)
def test_w21_a_bad_status_is_refused(literal, status):
    response = literal(status)
    assert response.get("x-refused") == b"yes" and (response.status, response.reason) == (200, "OK")


@pytest.mark.parametrize("value", ["c", "a\tb", "\xb5", "", 'a, b; c="d"', "x" * 3000])
def test_w21_header_values_go_out_as_latin_1(literal, value):
    response = literal("200 OK", [("X-Value", value)])
    assert response.get("x-refused") is None and response.get("x-value") == value.encode("latin-1")


@pytest.mark.parametrize(
    "pair",
    [("X-A", b"b"), (b"X-A", "b"), ("X-A", 1), ("X-A", None), ("X-A",), ["X-A", "b"], ("X-A", "b", "c"), "XA"]
    + [("X A", "b"), ("X-A:", "b"), ("", "b"), ("X\r\nY", "b"), ("X-\xfc", "b"), ("X-\u20ac", "b")]
    + [("X-A", "b\r\nCookie: smuggled=1"), ("X-A", "b\nc"), ("X-A", "b\rc"), ("X-A", "b\0c"), ("X-A", "b\x7fc")]
    + [("X-A", "\u20ac"), ("X-A", "\ud800")],
)
def test_w21_a_bad_header_is_refused_and_never_sent(literal, pair):
    response = literal("200 OK", [pair])
    assert response.get("x-refused") == b"yes"
    assert b"smuggled" not in response.head


def test_w21_headers_that_are_no_list_are_refused(site):
    s = site(app="wsgi_start:literal")
    for headers in ((("X-A", "b"),), {"X-A": "b"}, None):
        assert s.get("/?" + quote(repr(("200 OK", headers)))).get("x-refused") == b"yes"


def test_w21_headers_keep_their_order_and_their_repetitions(literal):
    pairs = [("X-B", "1"), ("X-A", "2"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-B", "3")]
    sent = [pair for pair in literal("200 OK", pairs).headers if pair[0] in (b"x-a", b"x-b", b"set-cookie")]
    assert sent == [(name.lower().encode(), value.encode()) for name, value in pairs]
