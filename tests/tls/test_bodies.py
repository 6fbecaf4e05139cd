"""Large and broken bodies over TLS, both ways."""

import hashlib
import os
import socket

import pytest

BLOCKS = bytes(range(256)) * 256 * 160  # what apps/over_tls.py sends

WORKERS = {"asgi": "over_tls:asgi", "sync": "over_tls:wsgi", "gthread": "over_tls:wsgi"}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("file") / "file"
    file.write_bytes(os.urandom(5_000_001))
    return file


@pytest.fixture(params=WORKERS, scope="module")
def s(request, server, authority, file):
    flags = [*authority.issue("localhost").flags, *(["--threads", "2"] if request.param == "gthread" else [])]
    with server(WORKERS[request.param], *flags, worker_class=request.param, env={"FILE": str(file)}) as s:
        s.kind = request.param
        yield s


def test_a_file_arrives_whole(s, authority, file):
    with authority.client().connect(s) as client:
        for _ in range(2):
            client.get("/file")
            assert client.read_response().body == file.read_bytes()


def test_a_slow_reader_gets_all_of_a_large_answer(s, authority):
    client = authority.client()
    with client.connect(s) as slow:
        slow.get("/blocks")
        # While it does not read, the server has to wait: others are served all the same, but by `sync`.
        if s.kind != "sync":
            assert client.get(s, "/pid").status == 200
        response = slow.read_response()
    assert hashlib.sha256(response.body).digest() == hashlib.sha256(BLOCKS).digest()


def test_a_slow_reader_of_a_file_gets_all_of_it(s, authority, file):
    client = authority.client()
    with client.connect(s) as slow:
        slow.get("/file")
        assert client.get(s, "/pid").status == 200
        assert slow.read_response().body == file.read_bytes()


def test_an_upload_arrives_whole_however_it_is_cut(s, authority):
    body = os.urandom(300_000)
    with authority.client().connect(s) as client:
        client.send(b"POST /digest HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 7001):
            client.send(body[start : start + 7001])
        assert client.read_response().body.decode() == f"{len(body)} {hashlib.sha256(body).hexdigest()}"


@pytest.mark.parametrize("notice", ["with notice", "ragged"])
@pytest.mark.parametrize("framing", ["content-length: 300000", "transfer-encoding: chunked"])
def test_an_upload_that_breaks_off_never_looks_complete(s, authority, framing, notice):
    before = len([note for note in s.notes if note["event"] == "complete"])
    with authority.client().connect(s) as client:
        client.send(f"POST /digest HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n".encode())
        part = os.urandom(200_000)
        client.send(part if "length" in framing else b"%x\r\n%s\r\n" % (len(part), part))
        raw = socket.socket(fileno=os.dup(client.socket.fileno()))
        raw.settimeout(15)
        if notice == "with notice":
            client.socket.settimeout(0)
            try:
                client.socket.unwrap()
            except (OSError, ValueError):
                pass  # nobody answers at once; ours went out
        raw.settimeout(15)
        raw.shutdown(socket.SHUT_WR)
        try:
            while raw.recv(65536):
                pass  # until the server has closed
        except ConnectionResetError:
            pass
        raw.close()
    if s.kind == "asgi":
        s.wait_for_note("left")
    assert authority.client().get(s, "/pid").status == 200
    assert len([note for note in s.notes if note["event"] == "complete"]) == before


def test_gunicorn_socket_is_refused(s, authority):
    if s.kind != "asgi":
        assert b"encrypted" in authority.client().get(s, "/socket").body
