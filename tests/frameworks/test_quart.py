"""A Quart site: routing, JSON, forms, files, streams, sessions and its own lifespan."""

import hashlib
import os
from pathlib import Path

import httpx
import pytest

APPS = Path(__file__).parent / "apps"
MiB = 1024 * 1024


@pytest.fixture
def site(server):
    return lambda **options: server("quart_site:app", cwd=APPS, **options)


@pytest.fixture
def client(site):
    with site() as s, httpx.Client(base_url=s.url, timeout=60) as client:
        yield client


def test_a_view_answers_and_hooks_see_their_own_request(client):
    for path in "/", "/users/1/a", "/":
        answer = client.get(path)
        assert (answer.status_code, answer.headers["x-path"]) == (200, path)


def test_converters_and_query_arrive(client):
    answer = client.get("/users/7/J%C3%BCrgen?q=a&q=b+c")
    assert answer.json() == {"id": 7, "name": "Jürgen", "q": ["a", "b c"], "url": "/"}
    assert client.get("/users/seven/x").status_code == 404
    assert client.post("/").status_code == 405


def test_json_travels_both_ways(client):
    body = {"list": [1, 2.5, None], "text": "ü"}
    assert client.post("/json", json=body).json() == {"received": body}
    broken = client.post("/json", content=b"{", headers={"content-type": "application/json"})
    assert broken.status_code == 400


def test_a_form_keeps_repeated_fields(client):
    assert client.post("/form", data={"a": ["1", "2"], "b": "é&="}).json() == {"a": ["1", "2"], "b": ["é&="]}


def test_a_file_is_uploaded(client):
    content = os.urandom(3 * MiB)
    answer = client.post("/file", files={"document": ("name.bin", content)}).json()
    assert answer == {"name": "name.bin", "size": 3 * MiB, "sha256": hashlib.sha256(content).hexdigest()}


def test_a_streamed_upload_of_50_mib_is_complete(client):
    pieces = [os.urandom(MiB) for _ in range(50)]
    answer = client.put("/hash", content=iter(pieces)).json()
    assert answer == {"size": 50 * MiB, "sha256": hashlib.sha256(b"".join(pieces)).hexdigest()}


def test_a_stream_keeps_its_request_context(client):
    assert client.get("/stream").text == "".join(f"/stream {number}\n" for number in range(100))


def test_an_endless_stream_is_closed_when_the_client_leaves(site):
    with site() as s:
        with httpx.stream("GET", f"{s.url}/endless") as answer:
            assert next(answer.iter_lines()) == "data: more"
        assert httpx.get(f"{s.url}/closed", timeout=60).text == "closed"


def test_a_background_task_runs_after_the_response(client):
    assert client.post("/background").status_code == 202
    assert client.get("/background").text == "done"


def test_a_plain_view_runs_on_a_thread(client):
    assert client.get("/blocking").text == "from a thread"


def test_a_session_lives_in_a_cookie(client):
    assert [client.get("/visits").text for _ in range(3)] == ["1", "2", "3"]


def test_errors_and_redirects_become_answers(client):
    assert client.get("/away").headers["location"] == "/"
    assert client.get("/away", follow_redirects=True).text == "hello from Quart"
    assert (client.get("/forbidden").status_code, client.get("/forbidden").text) == (403, "you may not")


def test_a_bug_is_a_500_and_the_worker_serves_on(site):
    with site() as s, httpx.Client(base_url=s.url) as client:
        s.expect_errors()  # Quart logs the traceback itself.
        assert client.get("/bug").status_code == 500
        assert client.get("/").text == "hello from Quart"


def test_before_serving_runs_in_each_worker_and_after_serving_at_the_end(site, tmp_path):
    record = tmp_path / "ended"
    with site(env={"LIFESPAN_END": str(record)}) as s:
        state = httpx.get(f"{s.url}/opened").json()
        assert state["opened"] == state["pid"] and state["pid"] in s.worker_pids()
        assert s.stop() == 0
    assert record.read_text() == "after_serving ran\n"
