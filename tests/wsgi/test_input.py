"""wsgi.input: what reads give, and what becomes of bodies that are large, slow, cut or unread (W37, W50 to W54)."""

import ast
import hashlib
import io
import os
import random

import pytest

APP, VALIDATED = "wsgi_input:app", "wsgi_input:validated"
KIB, MIB = 1024, 1024 * 1024
SPOOLED = 256 * KIB  # Larger bodies are in a file.


def chunked(body, sizes):
    """The body in chunks of these sizes, over and over, behind a head that says so."""
    parts = [b"POST %s HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"]
    for start, size in steps(len(body), sizes):
        parts += [b"%x\r\n" % size, body[start : start + size], b"\r\n"]
    return b"".join([*parts, b"0\r\n\r\n"])


def steps(length, sizes):
    start, number = 0, 0
    while start < length:
        size = min(sizes[number % len(sizes)], length - start)
        yield start, size
        start, number = start + size, number + 1


def post(client, body, path, framing):
    if framing == "sized":
        client.post(body, path)
    else:
        head, _, rest = chunked(body, [1, 4096, 70_000]).partition(b"%s")
        client.send(head + path.encode() + rest)
    return client.read_response()


# What a read gives


CALLS = ["read", "readline", "readlines", "next"]


def some_calls(dice):
    for _ in range(dice.randrange(1, 12)):
        name = dice.choice(CALLS)
        sizes = [(), (None,), (-1,), (0,), (1,), (7,), (100,), (70_000,)]
        yield (name, *(() if name == "next" else dice.choice(sizes[3:] if dice.random() < 0.7 else sizes)))


def body_for(dice, size):
    """Lines of very different lengths, some of them empty, the last one perhaps without an end."""
    body = bytearray(dice.randbytes(size).replace(b"\n", b" "))
    for _ in range(dice.randrange(0, 40)):
        if body:
            body[dice.randrange(len(body))] = 10
    return bytes(body)


def as_a_file_gives(body, calls):
    stream = io.BytesIO(body)
    return [next(stream, None) if name == "next" else getattr(stream, name)(*arguments) for name, *arguments in calls]


@pytest.mark.parametrize("size", [0, 1, 50, 5_000, SPOOLED - 1, SPOOLED, SPOOLED + 1, 600 * KIB])
@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_w50_w51_w52_any_sequence_of_reads_gives_what_a_file_would(site, size, framing):
    s = site(app="wsgi_input:calls")
    dice = random.Random(size)
    with s.connect() as client:
        for _ in range(8):
            body, calls = body_for(dice, size), [*some_calls(dice)]
            head = f"POST / HTTP/1.1\r\nhost: x\r\nx-calls: {calls!r}\r\n"
            if framing == "sized":
                client.send(f"{head}content-length: {size}\r\n\r\n".encode() + body)
            else:
                client.send(head.encode() + chunked(body, [3, 9_000, 100_000]).split(b"\r\n", 2)[2])
            given = ast.literal_eval(client.read_response().body.decode())
            assert given == as_a_file_gives(body, calls), calls


def test_w50_lines_keep_their_ends(either):
    with either.connect() as client:
        client.post(b"one\n\ntwo\r\nthree", "/lines")
        assert client.read_response().body == repr([b"one\n", b"\n", b"two\r\n", b"three"]).encode()


def test_w50_w52_readline_then_read_loses_nothing_and_the_end_stays_the_end(site):
    s = site(app="wsgi_input:calls")
    calls = [("readline",), ("read", 2), ("read",), ("read",), ("readline",), ("readlines",), ("next",)]
    with s.connect() as client:
        client.post(b"a\nbcd\ne", "/", f"x-calls: {calls!r}")
        assert ast.literal_eval(client.read_response().body.decode()) == [b"a\n", b"bc", b"d\ne", b"", b"", [], None]


def test_w51_reading_where_there_is_no_body_is_the_end_at_once(either):
    assert either.get("/echo").body == b""
    assert either.exchange(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").body == b""
    assert either.exchange(b"POST /echo HTTP/1.0\r\n\r\n").body == b""


def test_w51_a_read_does_not_run_into_the_next_request(either):
    with either.connect() as client:
        for framing in "sized", "chunked":
            body = b"first"
            head = b"content-length: 5\r\n\r\n" if framing == "sized" else b"transfer-encoding: chunked\r\n\r\n5\r\n"
            end = b"" if framing == "sized" else b"\r\n0\r\n\r\n"
            client.send(
                b"POST /echo HTTP/1.1\r\nhost: x\r\n" + head + body + end + b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n"
            )
            assert [client.read_response().body for _ in range(2)] == [b"first", b""]


# Large bodies


@pytest.mark.parametrize("framing", ["sized", "chunked"])
@pytest.mark.parametrize("size", [1, 65_536, SPOOLED, SPOOLED + 1, 3 * MIB + 7])
def test_w50_a_body_of_any_size_is_whole(either, framing, size):
    body = os.urandom(size)
    with either.connect() as client:
        for _ in range(2):
            assert post(client, body, "/digest", framing).body == f"{size} {hashlib.sha256(body).hexdigest()}".encode()
            assert post(client, body[:100], "/echo", framing).body == body[:100]


@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_w53_b67_an_upload_of_50_mib_needs_no_memory_and_leaves_no_file(wsgi, tmp_path, framing):
    config = tmp_path / "gunicorn.conf.py"
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    config.write_text(f"tmp_upload_dir = {str(uploads)!r}\n")
    piece = os.urandom(MIB)
    with wsgi(VALIDATED, "-c", config) as s, s.connect() as client:
        client.post(piece, "/digest")
        client.read_response()
        before = s.worker_memory()
        total = hashlib.sha256()
        framed = "content-length: 52428800" if framing == "sized" else "transfer-encoding: chunked"
        client.send(f"POST /digest HTTP/1.1\r\nhost: x\r\n{framed}\r\n\r\n".encode())
        for number in range(50):
            total.update(piece)
            client.send(piece if framing == "sized" else b"%x\r\n%s\r\n" % (MIB, piece))
            if number == 40:
                assert mapped_files(s, uploads) or opened_files(s, uploads)
        client.send(b"" if framing == "sized" else b"0\r\n\r\n")
        assert client.read_response().body == f"{50 * MIB} {total.hexdigest()}".encode()
        assert s.worker_memory() - before < 8 * MIB
        assert list(uploads.iterdir()) == []


def opened_files(s, folder):
    (pid,) = s.worker_pids()
    return [link for link in links(f"/proc/{pid}/fd") if link.startswith(str(folder))]


def mapped_files(s, folder):
    (pid,) = s.worker_pids()
    return [line for line in open(f"/proc/{pid}/maps") if str(folder) in line]


def links(folder):
    for name in os.listdir(folder):
        try:
            yield os.readlink(f"{folder}/{name}")
        except FileNotFoundError:
            pass


def test_w53_a_body_that_cannot_be_kept_is_a_500_and_the_log_names_the_setting(wsgi, tmp_path):
    config = tmp_path / "gunicorn.conf.py"
    config.write_text(f"tmp_upload_dir = {str(tmp_path / 'nowhere')!r}\n")
    with wsgi(APP, "-c", config) as s, s.connect() as client:
        client.send(b"POST /digest HTTP/1.1\r\nhost: x\r\ncontent-length: 600000\r\n\r\n" + bytes(400_000))
        response = client.read_response()
        assert response.status == 500 and response.closes
        s.wait_for_line("ERROR.*nowhere.*tmp_upload_dir")
        assert s.get("/hello").status == 200
        assert s.notes == []


def test_w50_a_spooled_body_is_read_in_steps_while_the_app_works(wsgi, gate_file):
    with wsgi(VALIDATED, env=gate_file.env) as s, s.connect() as client:
        client.post(b"12345678" + bytes(600_000), "/gated")
        assert s.wait_for_note("read")["first"] == "1234"
        gate_file.open_gate()
        assert client.read_response().body == b"12345678"


# Clients that are slow, leave or lie


@pytest.mark.parametrize("sent", [b"half", b"h" * (SPOOLED + 50_000)])
@pytest.mark.parametrize("leave", ["close", "reset"])
def test_w53_a_body_that_breaks_off_never_reaches_the_app(wsgi, sent, leave):
    with wsgi(APP) as s:
        with s.connect() as client:
            client.send(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 600000\r\n\r\n" + sent)
            getattr(client, leave)()
        with s.connect() as client:
            client.send(b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf")
            getattr(client, leave)()
        assert s.get("/hello").status == 200
        assert s.stop() == 0
        assert s.notes == []


@pytest.mark.parametrize(
    "chunk", [b"x\r\nhalf\r\n", b"4\r\nhalfX\r\n0\r\n\r\n", b"4;\x00\r\nhalf\r\n0\r\n\r\n", b"4\nhalf\n0\n\n"]
)
def test_w53_a_malformed_chunked_body_is_a_400_and_never_reaches_the_app(wsgi, chunk):
    with wsgi(APP) as s, s.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + chunk)
        response = client.read_response()
        assert response.status == 400 and response.closes
        assert s.notes == []


def test_w53_a_body_that_does_not_come_within_body_timeout_is_a_408(wsgi):
    with wsgi(APP, "--body-timeout", "1") as s, s.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf")
        response = client.read_response()
        assert response.status == 408 and response.closes
        assert s.notes == []


def test_w71_a_slow_body_keeps_nobody_else_from_being_served(wsgi):
    """gunicorn's sync worker waits for it."""
    with wsgi(APP) as s, s.connect() as slow, s.connect() as other:
        slow.send(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 20\r\n\r\n")
        for number in range(10):
            slow.send(b"%d " % number)
            other.get("/hello")
            assert other.read_response().status == 200
        assert slow.read_response().body == b"0 1 2 3 4 5 6 7 8 9 "


def test_w71_a_slow_body_is_no_hang(wsgi):
    """`body_timeout` answers it, although the shorter `timeout` was over long before."""
    with wsgi(APP, "--timeout", "1", "--body-timeout", "2") as s, s.connect() as slow:
        first = s.get("/hello").body
        slow.send(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf")
        assert slow.read_response().status == 408
        assert s.get("/hello").body == first


# Expect: 100-continue


WAITING = b"host: x\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n"


def test_w37_a_client_that_waits_is_asked_for_its_body(either):
    with either.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\n" + WAITING)
        assert client.read_one_head().status == 100
        client.send(b"body")
        response = client.read_response()
        assert (response.status, response.body, response.interim) == (200, b"body", [])


def test_w37_a_body_that_comes_unasked_is_not_asked_for(either):
    with either.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\n" + WAITING + b"body")
        response = client.read_response()
        assert (response.status, response.body, response.interim) == (200, b"body", [])


def test_w37_an_old_client_is_not_asked(either):
    with either.connect() as client:
        client.send(b"POST /echo HTTP/1.0\r\n" + WAITING + b"body")
        response = client.read_response()
        assert (response.body, response.interim) == (b"body", [])


def test_w37_a_request_without_a_body_gets_no_100(either):
    response = either.exchange(b"GET /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\r\n")
    assert (response.status, response.interim) == (200, [])


# Unread bodies


@pytest.mark.parametrize("framing", ["sized", "chunked"])
@pytest.mark.parametrize("size", [5, 100_000, 3 * MIB])
def test_w54_an_unread_body_is_not_taken_for_the_next_request(either, framing, size):
    with either.connect() as client:
        body = b"GET /echo HTTP/1.1\r\nhost: smuggled\r\n\r\n" * (size // 36 + 1)
        assert post(client, body, "/unread", framing).body == b"unread"
        client.get("/hello")
        assert client.read_response().body.isdigit()
