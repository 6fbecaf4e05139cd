"""Apps that fail: what the client sees, what is in the log, who serves the next one (W29, W40 to W43)."""

import pytest

APP = "wsgi_answers:failing"
BEFORE_THE_HEAD = ["before_start", "after_start", "at_first_block", "after_empty_block", "no_iterable", "none"]
WRONG_ITEMS = ["text", "bytearray", "nothing", "number", "text_returned", "text_written"]


@pytest.fixture
def failing(wsgi):
    with wsgi(APP) as s:
        s.expect_errors()
        yield s


@pytest.mark.parametrize("path", BEFORE_THE_HEAD)
def test_w40_w42_an_error_before_the_first_block_is_a_500(plain, path):
    with plain.connect() as client:
        client.get(f"/{path}?q=1")
        response = client.read_response()
        assert response.status == 500 and response.closes and response.complete
        assert b"Internal Server Error" in response.body and b"ValueError" not in response.body
        client.expect_closed()
    assert plain.get("/works").status == 200


def test_w40_the_log_has_the_uri_and_the_traceback(failing):
    assert failing.get("/before_start?q=1").status == 500
    failing.wait_for_line(r"\[ERROR\].*/before_start\?q=1")
    failing.wait_for_line("Traceback")
    failing.wait_for_line(r"wsgi_answers\.py.*in before_start")
    failing.wait_for_line("^ValueError: before start")


@pytest.mark.parametrize("path", WRONG_ITEMS)
def test_w29_a_block_that_is_no_bytes_is_a_type_error(failing, path):
    assert failing.get(f"/{path}").status == 500
    failing.wait_for_line("^TypeError: ")


@pytest.mark.parametrize("path", ["after_write", "at_second_block", "at_second_block_with_length"])
def test_w41_w42_an_error_after_the_first_block_cuts_the_answer(plain, path):
    with plain.connect() as client:
        client.get(f"/{path}")
        response = client.read_response()
        assert_is_cut(response)
        client.expect_closed()


def assert_is_cut(response):
    """Or a 500: the app may have failed before another thread wrote what it had given."""
    if response.status == 500:
        assert response.closes and b"some" not in response.body
    else:
        assert (response.status, response.body, response.complete) == (200, b"some", False)


@pytest.mark.parametrize("path", ["after_write", "at_second_block"])
def test_w41_an_old_client_sees_the_cut_as_a_reset(plain, path):
    """The end of the connection would be the end of the body."""
    with plain.connect() as client:
        client.send(f"GET /{path} HTTP/1.0\r\n\r\n".encode())
        response = client.read_response()
        assert response.status == 500 or client.was_reset


def test_w41_the_log_has_an_error_after_the_first_block_too(failing):
    failing.get("/at_second_block")
    failing.wait_for_line(r"\[ERROR\].*/at_second_block")
    failing.wait_for_line("^ValueError: while iterating")


def test_w41_an_error_after_the_whole_length_spoils_nothing(failing):
    response = failing.get("/after_all_of_its_length")
    assert response.body == b"some" and response.complete
    assert failing.stop() == 0
    assert [note["times"] for note in failing.notes] == [1]


@pytest.mark.parametrize(
    "path", ["at_first_block", "after_empty_block", "at_second_block", "at_second_block_with_length", "text", "number"]
)
def test_w30_a_body_that_fails_is_closed_once(failing, path):
    failing.get(f"/{path}")
    assert failing.stop() == 0
    assert [note["times"] for note in failing.notes] == [1]


def test_w30_an_error_in_close_is_logged(failing):
    with failing.connect() as client:
        client.get("/in_close")
        response = client.read_head()
        assert response.status in (200, 500)
    failing.wait_for_line("^ValueError: in close")
    assert failing.get("/works").status == 200
    assert [note["times"] for note in failing.notes] == [1]


def test_w30_an_error_in_close_does_not_hide_the_first_one(failing):
    assert_is_cut(failing.get("/in_close_too"))
    failing.wait_for_line("^ValueError: while iterating")
    assert failing.get("/works").status == 200


@pytest.mark.parametrize("path", ["exits", "interrupted"])
def test_w43_an_app_that_exits_ends_its_worker_and_another_serves_on(failing, path):
    first = failing.get("/works").body
    with failing.connect() as client:
        client.get(f"/{path}")
        client.read_until_eof()
    failing.wait_for_line("Booting worker", count=2)
    assert failing.get("/works").body not in (b"", first)


def test_w43_an_app_that_exits_after_the_head_cuts_its_answer(failing):
    assert_is_cut(failing.get("/exits_after_head"))
    failing.wait_for_line("Booting worker", count=2)
    assert failing.get("/works").status == 200


@pytest.mark.parametrize("path", ["base_exception", "recursion"])
def test_w43_any_other_error_costs_only_its_own_request(failing, path):
    first = failing.get("/works").body
    assert failing.get(f"/{path}").status == 500
    assert failing.get("/works").body == first
