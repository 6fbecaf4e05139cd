"""A Starlette site: every kind of response, streams, disconnects, middleware and contexts."""

import asyncio
import gzip
import hashlib
import os
import re

import aiohttp
import httpx
import pytest

SITE = "starlette_site:app"
MiB = 1024 * 1024


@pytest.fixture
def files(site, tmp_path):
    """The site with a folder of files: yields (folder, client)."""
    (tmp_path / "large.bin").write_bytes(os.urandom(3 * MiB + 17))
    (tmp_path / "empty.txt").write_bytes(b"")
    with site(env={"FILES": str(tmp_path)}) as (_, client):
        yield tmp_path, client


# Requests and responses


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 3 * MiB])
@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_a_body_of_any_size_is_echoed(client, size, chunked):
    body = os.urandom(size)
    answer = client.post("/echo", content=iter([body[:100], body[100:]]) if chunked else body)
    assert answer.content == body


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_the_request_is_described_as_it_was_sent(client, method):
    answer = client.request(method, "/describe?a=1&b=%20c").json()
    assert answer == {
        "method": method,
        "url": f"{client.base_url}/describe?a=1&b=%20c",
        "path": "/describe",
        "query": "a=1&b=%20c",
        "client": "127.0.0.1",
        "http_version": "1.1",
    }


def test_head_has_the_headers_of_get_and_no_body(client):
    get, head = client.get("/describe"), client.head("/describe")
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    assert client.get("/describe").status_code == 200


def test_a_redirect_is_followed_to_the_same_server(client):
    answer = client.get("/old", follow_redirects=True)
    assert [first.status_code for first in answer.history] == [307]
    assert answer.json()["path"] == "/describe"


# Files


def test_a_file_response_is_the_file(files):
    folder, client = files
    answer = client.get("/file/large.bin")
    assert answer.content == (folder / "large.bin").read_bytes()
    assert answer.headers["content-length"] == str(3 * MiB + 17)
    assert "offered%20name.bin" in answer.headers["content-disposition"]


def test_an_empty_file_is_an_empty_body(files):
    _, client = files
    answer = client.get("/file/empty.txt")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


def test_head_of_a_file_tells_its_length(files):
    _, client = files
    answer = client.head("/file/large.bin")
    assert (answer.headers["content-length"], answer.content) == (str(3 * MiB + 17), b"")
    assert client.get("/file/empty.txt").status_code == 200


@pytest.mark.parametrize(
    "range_, part", [("bytes=0-0", slice(0, 1)), ("bytes=1000-", slice(1000, None)), ("bytes=-5", slice(-5, None))]
)
def test_a_range_of_a_file_is_206_with_that_part(files, range_, part):
    folder, client = files
    answer = client.get("/file/large.bin", headers={"range": range_})
    assert answer.status_code == 206
    assert answer.content == (folder / "large.bin").read_bytes()[part]


def test_a_static_file_is_304_when_the_client_has_it(files):
    folder, client = files
    first = client.get("/static/large.bin")
    assert first.content == (folder / "large.bin").read_bytes()
    again = client.get("/static/large.bin", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/static/nowhere").status_code == 404


# Uploads and streams


def test_a_form_upload_of_50_mib_needs_no_memory(client, tmp_path):
    document = tmp_path / "document.bin"
    document.write_bytes(b"".join(os.urandom(MiB) for _ in range(50)))
    client.post("/upload", files={"document": ("warm-up", bytes(2 * MiB))})
    before = client.get("/how-much").json()["memory"]
    with document.open("rb") as file:
        answer = client.post("/upload", files={"document": ("document.bin", file)}).json()
    grown = client.get("/how-much").json()["memory"] - before
    assert answer == {
        "name": "document.bin",
        "size": 50 * MiB,
        "sha256": hashlib.sha256(document.read_bytes()).hexdigest(),
    }
    assert grown < 30 * MiB


def test_a_stream_waits_for_a_client_that_does_not_read(site):
    with site() as (_, client):
        before = client.get("/how-much").json()["memory"]
        with httpx.stream("GET", f"{client.base_url}/large") as answer:
            for _ in range(300):  # Each is a turn in which a stream without back-pressure would go on.
                progress = client.get("/how-much").json()["produced"]
            assert progress < 25 * MiB
            digest, size = hashlib.sha256(), 0
            for piece in answer.iter_raw():
                digest.update(piece)
                size += len(piece)
        assert size == 800 * 65536
        assert digest.digest() == hashlib.sha256(bytes(range(256)) * 256 * 800).digest()
        assert client.get("/how-much").json()["memory"] - before < 30 * MiB


def test_a_stream_through_base_http_middleware_is_complete(client):
    assert len(client.get("/base/large").content) == 800 * 65536


def test_a_response_can_begin_before_the_request_has_ended(site):
    """Each piece goes back in upper case before the next is sent."""

    async def converse(url):
        sent, answered = asyncio.Queue(), []

        async def pieces():
            while (piece := await sent.get()) is not None:
                yield piece

        await sent.put(b"one")
        async with aiohttp.ClientSession() as session, session.post(f"{url}/transform", data=pieces()) as answer:
            for following in b"two", b"three", None:
                answered.append(await answer.content.readany())
                await sent.put(following)
            answered.append(await answer.content.read())
        return answered

    with site() as (s, _):
        assert asyncio.run(converse(s.url)) == [b"ONE", b"TWO", b"THREE", b""]


@pytest.mark.parametrize("pauses", [0, 1, 100])
def test_a_stream_that_breaks_is_not_ended_as_if_it_were_complete(site, pauses):
    with site() as (s, client):
        s.expect_errors()
        try:
            # The server may still have held back the head, and then a 500 is the better answer.
            assert client.get(f"/broken-stream?pauses={pauses}").status_code == 500
        except httpx.RemoteProtocolError as error:
            assert "incomplete" in str(error)
        s.wait_for_line("RuntimeError: broken in the middle of the stream")
        assert client.get("/describe").status_code == 200


# Disconnects


@pytest.mark.parametrize("path", ["/events", "/base/events"])
def test_an_event_stream_is_finalised_when_its_client_leaves(site, path):
    with site() as (s, client):
        with httpx.stream("GET", s.url + path) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.iter_lines()
            assert [next(lines), next(lines), next(lines)] == ["data: 1", "", "data: 2"]
        assert client.get("/wait-until/events finalised").status_code == 200


def test_a_stream_that_nobody_watches_is_cancelled_when_its_client_has_left(site):
    with site("--asgi-disconnect-grace-period", "1") as (s, client):
        with httpx.stream("GET", s.url + "/quiet-events") as answer:
            assert next(answer.iter_lines()) == "data: hello"
        assert client.get("/wait-until/quiet events finalised").status_code == 200


def test_a_silent_event_stream_is_finalised_when_its_client_leaves(site):
    with site() as (s, client):
        with httpx.stream("GET", s.url + "/silent-events") as answer:
            assert next(answer.iter_lines()) == "data: hello"
        assert client.get("/wait-until/silent events finalised").status_code == 200


def test_fifty_event_streams_run_side_by_side_and_all_are_finalised(site):
    async def listen(session, url):
        async with session.get(f"{url}/events") as answer:
            return [await answer.content.readline() for _ in range(5)]

    async def listen_all(url):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            return await asyncio.gather(*(listen(session, url) for _ in range(50)))

    with site() as (s, client):
        expected = [b"data: 1\n", b"\n", b"data: 2\n", b"\n", b"data: 3\n"]
        assert asyncio.run(listen_all(s.url)) == [expected] * 50
        assert client.get("/wait-until/events finalised?times=50").status_code == 200


def test_is_disconnected_becomes_true_when_the_client_leaves(site):
    with site() as (s, client):
        with s.connect() as leaver:
            leaver.get("/wait-for-disconnect")
            assert client.get("/wait-until/polling").status_code == 200
        assert client.get("/wait-until/noticed the disconnect").status_code == 200


def test_an_upload_that_breaks_off_raises_client_disconnect(site):
    with site() as (s, client):
        s.expect_errors()  # Starlette lets ClientDisconnect travel to the server, which may or may not log it.
        with s.connect() as leaver:
            leaver.send(b"POST /upload-until-disconnect HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf")
            assert client.get("/wait-until/piece arrived").status_code == 200
        assert client.get("/wait-until/upload broken off").status_code == 200


# Background work


def test_a_background_task_runs_after_the_response_while_the_connection_is_used(client):
    port = client.get("/background").json()["port"]
    assert client.get("/wait-until/background started").status_code == 200
    assert client.get("/happen/go").json()["port"] == port
    assert client.get("/wait-until/background done").status_code == 200


def test_a_failing_background_task_is_logged_and_hurts_nobody(site):
    with site() as (s, client):
        s.expect_errors()
        assert httpx.get(s.url + "/failing-background").status_code == 200
        s.wait_for_line("RuntimeError: broken after the response")
        assert client.get("/describe").status_code == 200


def test_a_task_started_by_lifespan_runs_beside_the_requests(client):
    for _ in range(3):
        client.get("/enqueue")
    assert client.get("/wait-until/consumed?times=3").status_code == 200


# Lifespan state


def test_state_is_shared_by_reference_but_its_namespace_is_the_requests_own(client):
    assert [client.get("/state").json()["hits"] for _ in range(3)] == [1, 2, 3]
    assert client.get("/private-state").json() == {"leaked": False}


def test_lifespan_ends_after_the_last_request(site, tmp_path):
    record = tmp_path / "ended"
    with site(env={"LIFESPAN_END": str(record)}) as (s, client):
        client.get("/state")
        client.get("/state")
        assert s.stop() == 0
    assert record.read_text() == "hits at /state: 2\n"


# Middleware


def test_middleware_wraps_in_the_order_it_is_listed(client):
    answer = client.get("/wrapped/hello")
    assert answer.text == "hello"
    assert answer.headers["x-order"] == "outer in, inner in, outer out"
    assert client.get("/wait-until/inner out").status_code == 200


def test_gzip_middleware_compresses_what_the_client_accepts(client):
    body = b"repeat " * 1000
    with client.stream("POST", "/gzip/echo", content=body) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join(answer.iter_raw())
    assert len(raw) == int(answer.headers["content-length"]) < 200
    assert gzip.decompress(raw) == body


# Contexts


def test_a_context_variable_does_not_reach_the_next_request_on_the_connection(client):
    for number in range(20):
        answer = client.get(f"/context?id={number}&pauses={number % 3}").json()
        assert answer["before"] == "nothing"
        assert {answer["after"], answer["in_thread"], answer["in_task"]} == {str(number)}


def test_a_context_variable_does_not_reach_the_next_pipelined_request(site):
    request = "GET /context{}?id={} HTTP/1.1\r\nhost: x\r\n\r\n"
    with site() as (s, _), s.connect() as pipeline:
        pipeline.send("".join(request.format("-inline" if n % 2 else "", n) for n in range(10)).encode())
        for number in range(10):
            body = pipeline.read_response().body.decode()
            seen = body if number % 2 else re.search(r'"before":"(\w+)"', body)[1]
            assert seen == "nothing"


def test_context_variables_of_concurrent_requests_stay_apart(site):
    async def ask(session, url, number):
        async with session.get(f"{url}/context?id={number}&pauses={number % 7}") as answer:
            return await answer.json()

    async def ask_all(url):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            return await asyncio.gather(*(ask(session, url, number) for number in range(200)))

    with site() as (s, _):
        for number, answer in enumerate(asyncio.run(ask_all(s.url))):
            assert answer["before"] == "nothing"
            assert {answer["after"], answer["in_thread"], answer["in_task"]} == {str(number)}
