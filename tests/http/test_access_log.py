"""One line for each response, in gunicorn's default format (B14, B51)."""

import re

import pytest

DATE = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"


@pytest.fixture(scope="module")
def status(server):
    with server("sending:status", "--access-logfile", "-") as s:
        yield s


def test_b51_a_request_has_a_line_in_gunicorns_format(server):
    with server("echo:path", "--access-logfile", "-") as s:
        s.get("/hello?foo=bar", "user-agent: curl/8", "referer: http://example.org/")
        line = s.stdout.wait_for("foo=bar").string
    assert re.fullmatch(
        rf'127\.0\.0\.1 - - {DATE} "GET /hello\?foo=bar HTTP/1\.1" 200 6 "http://example\.org/" "curl/8"', line
    )


def test_b51_what_the_client_did_not_say_is_a_hyphen(server):
    with server("echo:path", "--access-logfile", "-") as s:
        s.exchange(b"GET /old HTTP/1.0\r\n\r\n")
        line = s.stdout.wait_for("/old").string
    assert re.fullmatch(rf'127\.0\.0\.1 - - {DATE} "GET /old HTTP/1\.0" 200 4 "-" "-"', line)


def test_b14_an_unknown_status_is_logged(status):
    status.get("/599")
    status.stdout.wait_for(r'"GET /599 HTTP/1\.1" 599 ')


def test_b51_every_pipelined_request_has_its_line(status):
    with status.connect() as client:
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(240, 250)))
        for number in range(240, 250):
            assert client.read_response().status == number
    for number in range(240, 250):
        status.stdout.wait_for(rf'"GET /{number} HTTP/1\.1" {number} ')


def test_b51_a_quote_in_a_header_cannot_end_the_field(status):
    status.get("/201", 'user-agent: a"b')
    assert '"a\\"b"' in status.stdout.wait_for("/201").string


def test_b51_the_log_is_written_to_a_file(server, tmp_path):
    path = tmp_path / "access.log"
    with server("echo:path", "--access-logfile", path) as s:
        s.get("/filed")
        assert s.stop() == 0
    assert '"GET /filed HTTP/1.1" 200 6 ' in path.read_text()


def test_b51_there_is_no_access_log_by_default(server):
    with server("echo:path") as s:
        s.get("/silent")
        assert s.stop() == 0
        assert not any("/silent HTTP" in line for line in [*s.lines, *s.stdout.snapshot()])
