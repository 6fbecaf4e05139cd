"""A FastAPI site works as its documentation says, seen through a real client."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

SITE = "fastapi_site:app"
MiB = 1024 * 1024


# Routing and validation


def test_path_and_query_parameters_arrive_converted(client):
    answer = client.get("/items/42", params={"q": "é b", "tag": ["x", "y"]})
    assert answer.json() == {"item_id": 42, "q": "é b", "tags": ["x", "y"]}


@pytest.mark.parametrize("path", ["/items/seven", "/items/1?q=toolong"])
def test_a_wrong_parameter_is_answered_with_422_and_its_place(client, path):
    answer = client.get(path)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] in ("path", "query")


@pytest.mark.parametrize(
    "path, seen", [("/files/a/b.txt", "a/b.txt"), ("/files/a%20b/%C3%A9", "a b/é"), ("/files/100%25", "100%")]
)
def test_a_path_parameter_is_percent_decoded_once(client, path, seen):
    assert client.get(path).json() == {"path": seen}


def test_a_json_body_becomes_a_model_and_back(client):
    answer = client.post("/items", json={"name": "box", "size": {"width": 1, "height": 2}})
    assert answer.status_code == 201
    assert answer.json() == {"name": "box", "tags": [], "size": {"width": 1.0, "height": 2.0}}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"name": 1}', b'{"name": "x", "size": {"width": 0}}', b"\xff"])
def test_a_wrong_body_is_answered_with_4xx_and_the_connection_lives_on(client, body):
    answer = client.post("/items", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert client.get("/items/1").status_code == 200


def test_put_carries_path_and_body_together(client):
    answer = client.put("/items/5", json={"name": "n", "tags": ["t", "t"]})
    assert answer.json() == {"item_id": 5, "name": "n", "tags": ["t"], "size": None}


def test_204_has_no_body_and_no_content_length(client):
    answer = client.delete("/items/5")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers and "transfer-encoding" not in answer.headers
    assert client.get("/items/1").status_code == 200


@pytest.mark.parametrize("method, path, status", [("GET", "/nowhere", 404), ("PATCH", "/items/1", 405)])
def test_an_unknown_route_or_method_is_answered_by_the_framework(client, method, path, status):
    assert client.request(method, path).status_code == status


def test_the_api_description_names_every_route(client):
    assert "/items/{item_id}" in client.get("/openapi.json").json()["paths"]
    assert "swagger" in client.get("/docs").text.lower()


def test_cookies_travel_both_ways(client):
    answer = client.get("/cookies", headers={"cookie": "x=1; y=2"})
    assert answer.json() == {"x": "1", "y": "2"}
    assert [cookie.partition(";")[0] for cookie in answer.headers.get_list("set-cookie")] == ["a=1", "b=2"]


def test_a_repeated_header_reaches_the_endpoint_as_a_list(client):
    assert client.get("/headers", headers=[("x-token", "one"), ("x-token", "two")]).json() == ["one", "two"]


# Forms and uploads


def test_a_url_encoded_form_is_read(client):
    answer = client.post("/login", data={"username": "ann & bob", "password": "päss"})
    assert answer.json() == {"username": "ann & bob", "length": 4}
    assert client.post("/login", data={"username": "ann"}).status_code == 422


def test_a_multipart_form_carries_a_file_and_a_field(client):
    answer = client.post("/upload", files={"document": ("n.txt", b"text")}, data={"note": "hi"})
    assert answer.json() == {
        "name": "n.txt",
        "size": 4,
        "sha256": hashlib.sha256(b"text").hexdigest(),
        "note": "hi",
    }


def random_pieces(count):
    """`count` MiB that do not compress and do not repeat, one MiB at a time."""
    return [os.urandom(MiB) for _ in range(count)]


def test_a_streamed_upload_of_50_mib_is_complete_and_needs_no_memory(client):
    pieces = random_pieces(50)
    digest = hashlib.sha256(b"".join(pieces)).hexdigest()
    client.put("/hash", content=pieces[0])  # What one upload needs is loaded now.
    before = client.get("/memory").json()
    sized = client.put("/hash", content=iter(pieces), headers={"content-length": str(50 * MiB)}).json()
    chunked = client.put("/hash", content=iter(pieces)).json()
    grown = client.get("/memory").json() - before
    for answer in sized, chunked:
        assert (answer["size"], answer["sha256"]) == (50 * MiB, digest)
        assert answer["largest_chunk"] <= 4 * MiB
    assert grown < 30 * MiB


def test_a_file_upload_of_50_mib_is_spooled_to_disk_by_starlette(client, tmp_path):
    pieces = random_pieces(50)
    document = tmp_path / "document.bin"
    document.write_bytes(b"".join(pieces))
    client.post("/upload", files={"document": ("warm-up", pieces[0] * 2)})
    before = client.get("/memory").json()
    with document.open("rb") as file:
        answer = client.post("/upload", files={"document": ("d.bin", file)}).json()
    grown = client.get("/memory").json() - before
    assert answer["size"] == 50 * MiB
    assert answer["sha256"] == hashlib.sha256(document.read_bytes()).hexdigest()
    assert grown < 30 * MiB


# Errors


def test_a_handled_exception_becomes_its_answer(client):
    answer = client.get("/teapot")
    assert (answer.status_code, answer.text) == (418, "I am a teapot")


def test_an_http_exception_keeps_its_headers(client):
    answer = client.get("/missing")
    assert (answer.status_code, answer.json()) == (404, {"detail": "no such thing"})
    assert answer.headers["x-reason"] == "test"


def test_an_unhandled_exception_is_a_500_with_the_users_traceback_in_the_log(site):
    with site() as (s, client):
        s.expect_errors()
        assert client.get("/bug").status_code == 500
        s.wait_for_line("RuntimeError: a bug in the endpoint")
        s.wait_for_line(r"fastapi_site\.py.* in raise_an_unhandled_error")
        assert client.get("/items/1").status_code == 200


# Middleware, dependencies, state


def test_middleware_sees_every_answer(client):
    assert client.get("/items/1").headers["x-middleware"] == "GET /items/1"
    assert client.get("/nowhere").headers["x-middleware"] == "GET /nowhere"


def test_cors_middleware_answers_a_preflight(client):
    origin = {"origin": "https://example.org", "access-control-request-method": "GET"}
    assert client.options("/items/1", headers=origin).headers["access-control-allow-origin"] == origin["origin"]


def test_a_dependency_that_yields_is_closed_once_per_request(client):
    assert [client.get("/dependency").json() for _ in range(3)] == [
        {"value": "open", "closed": number} for number in range(3)
    ]


def test_what_lifespan_yields_is_the_state_of_every_request(site):
    with site(workers=2) as (s, _):
        for _ in range(8):
            state = httpx.get(s.url + "/state").json()
            assert state["opened_by"] == state["pid"]
            assert state["pid"] in s.worker_pids()


def test_the_end_of_lifespan_runs_in_every_worker_at_term(site, tmp_path):
    record = tmp_path / "ended"
    with site(workers=2, env={"LIFESPAN_END": str(record)}) as (s, client):
        seen = set()
        while len(seen) < 2:  # Each worker has answered, so each has started its lifespan.
            seen.add(httpx.get(s.url + "/state").json()["pid"])
        client.close()
        assert s.stop() == 0
    assert sorted(record.read_text().splitlines()) == sorted(f"{pid} shut down" for pid in seen)


# Threads


def test_plain_functions_reuse_one_thread_when_called_one_after_another(client):
    answers = [client.get("/threads").json() for _ in range(100)]
    threads = {answer[where] for answer in answers for where in ("endpoint", "dependency")}
    assert answers[0]["main"] not in threads
    assert len(threads) <= 2


def test_plain_functions_run_at_the_same_time_on_no_more_threads_than_requests(site):
    with site(env={"MEETING": "8"}) as (s, _):
        with ThreadPoolExecutor(8) as pool:
            for _ in range(5):
                answers = list(pool.map(lambda _: httpx.get(s.url + "/rendezvous").json(), range(8)))
                assert len(set(answers)) == 8
                assert thread_count(s) <= 8 + 3


def test_many_concurrent_plain_functions_stay_within_anyios_forty_threads(site):
    def ask_ten_times(url):
        with httpx.Client(base_url=url, timeout=60) as own:
            return [own.get("/threads").json()["endpoint"] for _ in range(10)]

    with site() as (s, _):
        with ThreadPoolExecutor(60) as pool:
            threads = {thread for answers in pool.map(ask_ten_times, [s.url] * 60) for thread in answers}
        assert len(threads) <= 40
        assert thread_count(s) <= 40 + 3


def thread_count(s) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/task")) for pid in s.worker_pids())


# Work after the response, streams


def test_a_background_task_outlives_its_response_and_does_not_hold_the_connection(client):
    port = client.post("/note/later").json()  # Answered although the task still waits ...
    assert client.post("/release").json() == port  # ... for this, on the same connection.
    assert client.get("/notes").json() == ["later"]


@pytest.mark.parametrize("path", ["/stream", "/stream-blocking"])
def test_a_generator_is_streamed_whole_and_in_order(client, path):
    answer = client.get(path, params={"count": 1000})
    assert answer.text == "".join(f"{number}\n" for number in range(1000))
    assert answer.headers["transfer-encoding"] == "chunked"


def test_a_generator_is_streamed_to_many_clients_at_once(site):
    with site(workers=2) as (s, _):
        expected = "".join(f"{number}\n" for number in range(200))
        answers, failures = [], []

        def fetch():
            try:
                with httpx.Client(base_url=s.url) as own:
                    answers.extend(own.get("/stream?count=200").text for _ in range(10))
            except httpx.HTTPError as error:
                failures.append(error)

        clients = [threading.Thread(target=fetch) for _ in range(10)]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        assert failures == []
        assert answers == [expected] * 100
