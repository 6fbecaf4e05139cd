"""Extensions to HTTP: early hints, trailers, files, debug information (A132-A136)."""

import hashlib
import os

import pytest

LINK = b"</style.css>; rel=preload; as=style"


def content(size):
    return (bytes(index * 31 % 251 for index in range(min(size, 65536))) * (size // 65536 + 1))[:size]


def test_each_request_has_an_extensions_dict_of_its_own(shared):
    expected = "early_hint pathsend trailers zerocopysend".split()
    for _ in range(2):
        names = shared("extensions:announced").get().body.decode().split(",")
        assert names == [f"http.response.{name}" for name in expected]


# Early hints.


def test_a134_hints_before_the_start_are_a_103_before_the_response(shared):
    response = shared("extensions:hints_before_start").get()
    (interim,) = response.interim
    assert interim.status == 103 and interim.reason == "Early Hints"
    assert interim.all("link") == [LINK, b"</app.js>; rel=preload; as=script"]
    assert response.status == 200 and response.body == b"answer" and response.get("link") is None


def test_a134_hints_after_the_start_are_a_103_before_the_response_too(shared):
    response = shared("extensions:hints_after_start").get()
    assert [interim.status for interim in response.interim] == [103]
    assert response.body == b"answer"


def test_a134_hints_do_not_wait_for_the_response(shared):
    with shared("extensions:hints_while_it_waits").connect() as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n")
        assert client.read_one_head().status == 103
        client.send(b"!")
        assert client.read_response().body == b"answer"


def test_a134_hints_behind_the_head_are_left_out(shared):
    with shared("extensions:hints_too_late").connect() as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n")
        head = client.read_head()
        assert head.chunked and client.read_chunk() == b"first"
        client.send(b"!")
        assert client.read_chunk() == b" second" and client.read_chunk() == b""


def test_a134_http_1_0_gets_no_interim_response(shared):
    response = shared("extensions:hints_before_start").exchange(b"GET / HTTP/1.0\r\n\r\n")
    assert response.interim == [] and response.body == b"answer"


def test_a134_hints_that_are_no_field_are_refused(server):
    with server("extensions:bad_hints") as s:
        response = s.get()
        assert response.interim == [] and response.body == b"answer"
        s.wait_for_note("refused", count=5)
        kinds = [note["kind"] for note in s.notes]
        assert kinds == ["ValueError", "TypeError", "TypeError", "nothing", "late"]


# Trailers.

ASKS = ("te: trailers", "connection: te")


def test_a135_trailers_follow_the_body_for_a_client_that_asks(shared):
    with shared("extensions:with_trailers").connect() as client:
        client.takes_trailers = True
        for _ in range(2):
            client.get("/", *ASKS)
            response = client.read_response()
            assert response.chunked and response.body == b"answer" and response.complete
            assert response.trailers == [(b"x-checksum", b"abc"), (b"x-count", b"6")]


def test_a135_a_client_that_does_not_ask_gets_none(shared):
    with shared("extensions:with_trailers").connect() as client:
        client.get()
        response = client.read_response()
        assert response.get("content-length") == b"6" and response.body == b"answer"
        client.get()
        assert client.read_response().complete


@pytest.mark.parametrize(
    "request_line", ["GET /sized HTTP/1.1", "GET / HTTP/1.0", "HEAD / HTTP/1.1"], ids=["sized", "1.0", "head"]
)
def test_a135_a_framing_without_room_for_trailers_leaves_them_out(server, request_line):
    with server("extensions:with_trailers") as s, s.connect() as client:
        client.send(f"{request_line}\r\nhost: x\r\nte: trailers\r\nconnection: te\r\n\r\n".encode())
        head = request_line.startswith("HEAD")
        response = client.read_response(head=head)
        assert response.complete and response.body == (b"" if head else b"answer")
        s.wait_for_note("done")


def test_a135_the_body_does_not_wait_for_its_trailers(shared):
    with shared("extensions:late_trailers").connect() as client:
        client.takes_trailers = True
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\nte: trailers\r\nconnection: te\r\ncontent-length: 1\r\n\r\n")
        client.read_head()
        assert client.read_chunk() == b"answer"
        client.send(b"!")
        assert client.read_chunk() == b"" and client._trailers == [(b"x-checksum", b"abc")]


def test_a135_a_response_without_the_trailers_it_promised_is_incomplete(server):
    with server("extensions:without_its_trailers") as s:
        response = s.get("/", *ASKS)
        assert not response.complete or response.status == 500
        s.wait_for_line("returned without completing response")


def test_a135_trailers_out_of_order_or_not_allowed_raise(server):
    with server("extensions:bad_trailers") as s, s.connect() as client:
        client.takes_trailers = True
        client.get("/", *ASKS)
        assert client.read_response().trailers == [(b"x-checksum", b"abc")]
        s.wait_for_note("after the last")
        assert [(note["event"], note["kind"]) for note in s.notes] == [
            ("first", "RuntimeError"),
            ("before the body", "RuntimeError"),
            ("a second body", "RuntimeError"),
            ("framing", "ValueError"),
            ("injection", "ValueError"),
            ("after the last", "RuntimeError"),
        ]


def test_a135_trailers_without_a_promise_raise(server):
    with server("extensions:unpromised_trailers") as s:
        response = s.get("/", *ASKS)
        assert response.body == b"answer" and response.complete
        s.wait_for_note("refused")


# Files.

SIZES = [0, 1, 16 * 1024, 16 * 1024 + 1, 100_000, 5_000_000]


@pytest.mark.parametrize("query", ["", "?bare"])
@pytest.mark.parametrize("size", SIZES)
def test_a133_a_path_is_sent_whole(shared, size, query):
    with shared("extensions:path_send").connect() as client:
        for _ in range(2):
            client.get(f"/{size}{query}")
            response = client.read_response()
            assert response.get("content-length") == str(size).encode()
            assert response.complete and response.body == content(size)


def test_a133_head_gets_the_head_alone(shared):
    with shared("extensions:path_send").connect() as client:
        client.send(b"HEAD /100000 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.read_response(head=True).get("content-length") == b"100000"
        client.get("/10")
        assert client.read_response().body == content(10)


def test_a133_files_are_sent_over_a_unix_socket(server, tmp_path):
    from client import Client

    with server("extensions:path_send", "-b", f"unix:{tmp_path}/socket"), Client(tmp_path / "socket") as client:
        client.get("/5000000")
        assert client.read_response().body == content(5_000_000)


def test_a133_files_are_not_read_into_memory(server):
    with server("extensions:path_send") as s, s.connect() as client:
        client.get("/200000000")
        head = client.read_head()
        before = s.worker_memory()
        digest, missing = hashlib.sha256(), int(head.get("content-length"))
        while missing:
            part = client.read_bytes(min(missing, 1 << 20))
            digest.update(part)
            missing -= len(part)
            assert s.worker_memory() < before + 4_000_000
        assert digest.digest() == hashlib.sha256(content(200_000_000)).digest()
        s.wait_for_note("sent")


def test_a133_many_clients_take_turns_at_large_files(shared):
    s = shared("extensions:path_send")
    clients = [s.connect() for _ in range(8)]
    for client in clients:
        client.get("/5000000")
    for client in clients:
        assert client.read_response().body == content(5_000_000)
        client.close()


def test_a133_a_file_that_grew_is_cut_to_its_content_length(shared):
    with shared("extensions:path_that_grew").connect() as client:
        for _ in range(2):
            client.get()
            assert client.read_response().body == content(200_000)[:100_000]


def test_a133_a_file_shorter_than_its_content_length_is_a_500(server):
    with server("extensions:path_that_shrank") as s:
        s.expect_errors()
        assert s.get().status == 500
        s.wait_for_line("Response content shorter than Content-Length")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/missing", "FileNotFoundError: .*No such file or directory: '.*/nothing'"),
        ("/directory", "ValueError: cannot send .*: not a regular file"),
        ("/fifo", "ValueError: cannot send .*fifo: not a regular file"),
        ("/number", "TypeError: ASGI path must be str, not NoneType"),
    ],
)
def test_a133_a_path_that_cannot_be_sent_raises_in_the_application(server, path, error):
    with server("extensions:bad_path") as s:
        s.expect_errors()
        assert s.get(path).status == 500
        s.wait_for_line(error)


def test_a133_a_path_is_not_mixed_with_a_body(server):
    with server("extensions:path_after_body") as s:
        response = s.get()
        assert response.body == b"a part" and response.complete
        s.wait_for_note("refused")
        s.wait_for_note("refused again")


def test_a133_a_file_that_shrinks_while_it_is_sent_breaks_the_answer_off(server):
    with server("extensions:cut_while_sent") as s, s.connect() as client:
        client.get()
        head = client.read_head()
        (path,) = [line for line in s.get("/where").body.decode().splitlines()]
        os.truncate(path, 10_000_000)
        body = client.read_bytes(int(head.get("content-length")))
        assert len(body) < 50_000_000
        s.wait_for_line("the answer is cut off: the file became shorter")


def test_a132_a_file_that_shrinks_after_its_answer_broke_off_does_not_make_it_look_complete(server):
    with server("extensions:broken_off_and_cut") as s, s.connect() as client:
        s.expect_errors()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert not client.read_response().complete


def test_a132_stretches_of_an_open_file_are_mixed_with_body_parts(server):
    with server("extensions:zero_copy") as s, s.connect() as client:
        for _ in range(2):
            client.get()
            data = content(300_000)
            expected = b"<" + data[100_000:200_050] + b"|" + data[299_990:] + data[:20_000]
            response = client.read_response()
            assert response.chunked and response.body == expected
        assert s.wait_for_note("position")["at"] == 200_050
        assert s.wait_for_note("closed")["closed"] is True


def test_a132_http_1_0_gets_the_same_bytes(shared):
    data = content(300_000)
    expected = b"<" + data[100_000:200_050] + b"|" + data[299_990:] + data[:20_000]
    assert shared("extensions:zero_copy").exchange(b"GET / HTTP/1.0\r\n\r\n").body == expected


def test_a132_what_is_no_file_raises_in_the_application(server):
    with server("extensions:zero_copy_of_a_number") as s:
        assert s.get().body == b"answer"
        s.wait_for_note("refused", count=5)
        kinds = [note["kind"] for note in s.notes]
        assert kinds[:3] == ["ValueError", "AttributeError", "AttributeError"]
        assert "offset" in kinds[3] and "count" in kinds[4]


# Debug information.


def test_a136_debug_information_is_asked_for_at_debug_level_only(server):
    with server("extensions:debug") as s:
        assert s.get().body == b"not offered"
    with server("extensions:debug", "--log-level", "debug") as s:
        assert s.get().body == b"offered"
        line = s.wait_for_line("Response debug information: .*")[0]
        assert "template" in line and "secret" not in line
