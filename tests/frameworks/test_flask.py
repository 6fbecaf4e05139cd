"""A Flask site: routing, JSON, forms, files, streams, sessions, errors and async views."""

import hashlib
import os

import httpx
import pytest

SITE, WORKER_CLASS = "flask_site:app", "sync"
MiB = 1024 * 1024


@pytest.fixture
def download(site, tmp_path):
    """The site with a file: yields (its content, client)."""
    content = os.urandom(3 * MiB + 17)
    (tmp_path / "content").write_bytes(content)
    with site(env={"FILE": str(tmp_path / "content")}) as (_, client):
        yield content, client


def test_a_view_answers_and_hooks_see_their_own_request(client):
    for path in "/", "/users/1/a", "/":
        answer = client.get(path)
        assert (answer.status_code, answer.headers["x-path"]) == (200, path)


def test_converters_and_query_arrive_and_urls_name_the_server(client):
    answer = client.get("/users/7/J%C3%BCrgen?q=a&q=b+c")
    assert answer.json() == {"id": 7, "name": "Jürgen", "q": ["a", "b c"], "url": f"{client.base_url}/"}
    assert client.get("/users/seven/x").status_code == 404
    assert client.post("/").status_code == 405


def test_head_has_the_length_of_get_and_no_body(client):
    answer = client.head("/")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "16", b"")


def test_options_lists_the_methods(client):
    answer = client.options("/json")
    assert {*answer.headers["allow"].split(", ")} == {"OPTIONS", "POST"}


def test_json_travels_both_ways(client):
    body = {"list": [1, 2.5, None], "text": "ü"}
    assert client.post("/json", json=body).json() == {"received": body}
    broken = client.post("/json", content=b"{", headers={"content-type": "application/json"})
    assert broken.status_code == 400


def test_a_form_keeps_repeated_fields(client):
    assert client.post("/form", data={"a": ["1", "2"], "b": "é&="}).json() == {"a": ["1", "2"], "b": ["é&="]}


@pytest.mark.parametrize("size", [0, 1000, 3 * MiB])
def test_a_file_is_uploaded(client, size):
    content = os.urandom(size)
    answer = client.post("/file", files={"document": ("name.bin", content)}).json()
    assert answer == {"name": "name.bin", "size": size, "sha256": hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_an_upload_of_50_mib_is_complete(client, chunked):
    pieces = [os.urandom(MiB)] * 50
    answer = client.put("/hash", content=iter(pieces) if chunked else b"".join(pieces)).json()
    assert answer == {"size": 50 * MiB, "sha256": hashlib.sha256(b"".join(pieces)).hexdigest()}


def test_a_stream_keeps_its_request_context(client):
    assert client.get("/stream").text == "".join(f"/stream {number}\n" for number in range(100))


def test_an_endless_stream_is_closed_when_the_client_leaves(site):
    with site() as (s, client):
        with httpx.stream("GET", f"{s.url}/endless") as answer:
            assert next(answer.iter_lines()) == "data: more"
        s.wait_for_line("^note: events closed")
        assert client.get("/").status_code == 200


def test_a_file_is_sent_whole_in_part_or_not_at_all(download):
    content, client = download
    whole = client.get("/download")
    assert whole.content == content and "offered name.bin" in whole.headers["content-disposition"]
    part = client.get("/download", headers={"range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, content[1000:2000])
    again = client.get("/download", headers={"if-none-match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_session_lives_in_a_cookie(client):
    assert [client.get("/visits").text for _ in range(3)] == ["1", "2", "3"]


def test_errors_and_redirects_become_answers(client):
    assert client.get("/away").headers["location"] == "/"
    assert client.get("/away", follow_redirects=True).text == "hello from Flask"
    assert (client.get("/forbidden").status_code, client.get("/forbidden").text) == (403, "you may not")


def test_a_bug_is_a_500_and_the_worker_serves_on(site):
    with site() as (s, client):
        s.expect_errors()  # Flask logs the traceback itself, to wsgi.errors.
        assert client.get("/bug").status_code == 500
        s.wait_for_line("RuntimeError: a bug")
        assert client.get("/").text == "hello from Flask"


def test_an_async_view_runs_in_a_loop_of_its_own(client):
    assert [client.get("/async").text for _ in range(3)] == ["awaited"] * 3
