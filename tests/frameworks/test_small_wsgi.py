"""Bottle, Falcon and Pyramid: one small site in each."""

import os

import pytest

FRAMEWORKS = ["bottle", "falcon", "pyramid"]


@pytest.fixture(params=FRAMEWORKS)
def site(start_site, request):
    return lambda: start_site(f"small_wsgi_sites:in_{request.param}", worker_class="sync")


def test_a_view_gets_path_and_query_and_answers_json(client):
    assert client.get("/hello/J%C3%BCrgen?q=%26").json() == {"hello": "Jürgen", "q": "&"}
    assert client.get("/nowhere").status_code == 404


def test_head_is_answered_and_the_connection_kept(client):
    assert client.head("/hello/x").status_code in (200, 404, 405)
    assert client.get("/hello/x").status_code == 200


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_a_body_is_echoed(client, size):
    body = os.urandom(size)
    assert client.post("/echo", content=body).content == body


def test_a_stream_is_complete(client):
    assert client.get("/stream").text == "one two"


def test_a_bug_is_a_500_and_the_worker_serves_on(site):
    with site() as (s, client):
        s.expect_errors()
        assert client.get("/bug").status_code == 500
        assert client.get("/hello/x").status_code == 200
