"""WSGI applications over HTTP/2, in both classes of workers."""

import json
import os
import socket

import pytest
from http2_client import Http2Client

CLASSES = [("sync", ()), ("gthread", ("--threads", "8"))]


@pytest.fixture(scope="module", params=CLASSES, ids=["sync", "gthread"])
def worker(server, request):
    worker_class, flags = request.param
    with server("wsgi_streams:app", "--http2", *flags, worker_class=worker_class) as running:
        yield running


@pytest.fixture
def client(worker):
    with Http2Client((worker.host, worker.port)) as client:
        yield client


def test_the_environ_says_http_2(client):
    environ = json.loads(client.fetch("/environ?a=b", (b"x-a", b"1")).body)
    assert environ["SERVER_PROTOCOL"] == "HTTP/2" and environ["HTTP_HOST"] == "test"
    assert environ["QUERY_STRING"] == "a=b" and environ["HTTP_X_A"] == "1"
    assert not [key for key in environ if ":" in key]


def test_w14_cookies_are_joined_as_one_field(client):
    environ = json.loads(client.fetch("/environ", (b"cookie", b"a=1"), (b"cookie", b"b=2")).body)
    assert environ["HTTP_COOKIE"] == "a=1; b=2"


@pytest.mark.parametrize("size", [0, 1, 65536, 2_000_000])
def test_bodies_come_back(client, size):
    body = os.urandom(size)
    assert client.answer(client.post("/echo", body)).body == body


def test_a_body_of_unknown_length_comes_back(client):
    stream = client.begin("/echo", method="POST")
    client.send(stream, b"one ")
    client.send(stream, b"two", end=True)
    assert client.answer(stream).body == b"one two"


def test_an_application_may_yield_more_than_the_window_holds(client):
    assert len(client.fetch("/blocks/100").body) == 100 * 65536


def test_streams_are_answered_in_full_when_there_are_many(client):
    asked = [client.get("/blocks/2") for _ in range(50)]
    assert all(len(client.answer(stream).body) == 2 * 65536 for stream in asked)


def test_a_client_that_resets_is_noticed_by_who_writes_and_nobody_else(client):
    gone = client.get("/blocks/100")
    client.h2.reset_stream(gone, 8)
    client.flush()
    assert client.fetch("/environ").status == 200


def test_a_client_that_sends_no_more_is_answered(client):
    client.fetch("/environ")
    stream = client.get("/environ/last")
    client.socket.shutdown(socket.SHUT_WR)
    assert b"/environ/last" in client.answer(stream).body


def test_files_are_sent(client):
    assert (
        client.fetch("/file").body == open(__file__.replace("http2/test_wsgi.py", "apps/wsgi_streams.py"), "rb").read()
    )


def test_the_socket_of_a_connection_is_not_given_away(client):
    assert client.fetch("/socket").body == b"refused"
    assert client.fetch("/environ").status == 200


def test_gthread_answers_the_streams_of_one_connection_at_once(server):
    flags = ("--http2", "--threads", "4")
    with server("wsgi_streams:app", *flags, worker_class="gthread") as s:
        with Http2Client((s.host, s.port)) as client:
            asked = [client.get("/meet/4") for _ in range(4)]
            assert [client.answer(stream).body for stream in asked] == [b"met"] * 4


def test_a_body_that_ends_while_another_answer_is_written_is_not_overlooked(client):
    post = client.begin("/echo", method="POST")
    client.send(post, b"begun ")
    large = client.get("/blocks/100")
    client.until(lambda: len(client.answers[large].body) > 0)
    client.send(post, b"and ended", end=True)
    assert len(client.answer(large).body) == 100 * 65536
    assert client.answer(post).body == b"begun and ended"
