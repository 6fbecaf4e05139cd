"""wsgi.file_wrapper, with sendfile and without (W60, W61)."""

import ast
import os

import pytest

SIZE = 300_000
CONTENT = os.urandom(SIZE)
APP = "wsgi_files:app"
SERVERS = [(APP, ()), (APP, ("--no-sendfile",)), ("wsgi_files:validated", ())]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "content"
    path.write_bytes(CONTENT)
    return {"FILE": str(path)}


@pytest.fixture(scope="module", params=SERVERS, ids=["sent", "read", "validated"])
def s(wsgi, environment, request):
    app, flags = request.param
    with wsgi(app, *flags, env=environment) as s:
        yield s


@pytest.fixture
def sending(wsgi, environment):
    with wsgi(APP, env=environment) as s:
        yield s


@pytest.mark.parametrize("kind", ["real", "memory", "lying"])
@pytest.mark.parametrize("block", ["", "1000000", "777"])
def test_w60_a_file_is_the_body(s, kind, block):
    with s.connect() as client:
        for _ in range(2):
            client.get(f"/{kind}?block={block}")
            response = client.read_response()
            assert response.body == CONTENT and response.complete


@pytest.mark.parametrize("kind", ["real", "memory"])
@pytest.mark.parametrize("how", ["seek", "read"])
@pytest.mark.parametrize("offset", [1, 299_999, 300_000, 400_000])
def test_w60_b67_a_file_is_sent_from_its_position_on(s, kind, how, offset):
    """That of its reader, which is not the kernel's once the reader has read ahead."""
    with s.connect() as client:
        client.get(f"/{kind}?offset={offset}&how={how}")
        assert client.read_response().body == CONTENT[offset:]
        client.get("/bare")
        assert client.read_response().body == b"bare"


@pytest.mark.parametrize("kind", ["real", "memory"])
@pytest.mark.parametrize(("offset", "length"), [(0, 300_000), (0, 100), (1000, 200_000), (0, 0), (299_990, 10)])
def test_w60_no_more_of_a_file_is_sent_than_its_length_says(s, kind, offset, length):
    with s.connect() as client:
        for _ in range(2):
            client.get(f"/{kind}?offset={offset}&length={length}")
            response = client.read_response()
            assert (response.get("content-length"), response.body) == (b"%d" % length, CONTENT[offset:][:length])


@pytest.mark.parametrize("kind", ["real", "memory"])
def test_w60_a_file_shorter_than_its_length_closes_the_connection(wsgi, environment, kind):
    with wsgi(APP, env=environment) as s, s.connect() as client:
        s.expect_errors()
        client.get(f"/{kind}?length=300001")
        client.get("/bare")
        response = client.read_response()
        assert response.status == 500 or not response.complete
        client.expect_closed()
        s.wait_for_line("Content-Length")


@pytest.mark.parametrize("kind", ["real", "memory"])
def test_w60_an_old_client_gets_a_file_until_the_end_of_the_connection(s, kind):
    response = s.exchange(f"GET /{kind} HTTP/1.0\r\n\r\n".encode())
    assert response.body == CONTENT and not response.chunked


@pytest.mark.parametrize("kind", ["real", "memory"])
def test_w60_w30_head_of_a_file_has_no_body(s, kind):
    with s.connect() as client:
        client.send(f"HEAD /{kind}?length=300000 HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert client.read_response(head=True).get("content-length") == b"300000"
        client.send(f"HEAD /{kind} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert client.read_response(head=True).status == 200
        client.get(f"/{kind}?status=304+Same")
        assert client.read_response().status == 304
        client.get("/bare")
        assert client.read_response().body == b"bare"


@pytest.mark.parametrize(("path", "body"), [("pipe", b"through a socket"), ("bare", b"bare")])
def test_w60_what_is_no_file_is_read(s, path, body):
    assert s.get(f"/{path}").body == body


def test_w60_a_wrapper_inside_another_iterable_is_only_iterated(s):
    assert s.get("/hidden").body == CONTENT.translate(bytes(range(255, -1, -1)))


def test_w60_a_file_comes_after_what_was_written(s):
    assert s.get("/written_before").body == b"written, " + CONTENT


def test_w60_a_wrapper_is_an_iterable_of_blocks(s):
    assert ast.literal_eval(s.get("/wrapper_of").body.decode()) == [b"abc", [b"def", b"g"], [8192, 1808]]


def test_w60_w61_a_real_file_is_not_read_by_the_app(sending):
    for path in "/real", "/real?length=300000", "/real?offset=5":
        sending.get(path)
    assert sending.stop() == 0
    assert [(note["times"], note["reads"]) for note in sending.notes] == [(1, 0)] * 3


def test_w61_without_sendfile_a_real_file_is_read_in_its_blocks(wsgi, environment):
    with wsgi(APP, "--no-sendfile", env=environment) as s:
        assert s.get("/real?block=100000").body == CONTENT
        assert s.stop() == 0
    assert [(note["times"], note["reads"]) for note in s.notes] == [(1, 4)]


def test_w61_a_file_has_its_position_still_after_it_was_sent(sending):
    assert sending.get("/kept_open").body == CONTENT[5:]
    assert sending.get("/kept_open?tell").body == b"5"


@pytest.mark.parametrize("flags", [(), ("--no-sendfile",)])
def test_w30_w60_a_file_is_closed_once_when_its_client_leaves(wsgi, environment, tmp_path, flags):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    with wsgi(APP, *flags, env={"FILE": str(large)}) as s:
        with s.connect() as client:
            client.get("/real")
            client.read_head()
        s.wait_for_note("closed")
        assert s.get("/bare").body == b"bare"
        assert s.stop() == 0
        assert [note["times"] for note in s.notes] == [1]


@pytest.mark.parametrize("flags", [(), ("--no-sendfile",)])
def test_w60_a_large_file_to_a_slow_reader_needs_no_memory(wsgi, tmp_path, flags):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with wsgi(APP, *flags, env={"FILE": str(large)}) as s, s.connect() as client:
        s.get("/bare")
        before = s.worker_memory()
        client.get("/real?length=104857600")
        client.read_head()
        assert len(client.read_bytes(50 << 20)) == 50 << 20
        assert s.worker_memory() - before < 8 << 20
        assert len(client.read_bytes(50 << 20)) == 50 << 20
