"""A worker that is to end waits for nobody longer than its clients may take: whatever phase a TLS connection is in."""

import signal
import socket
import ssl

import pytest
from command import eventually

# Longer than a test waits: no worker is cut off by it.
PATIENT = ("--graceful-timeout", "60")
WORKERS = [("asgi", "echo:app"), ("sync", "wsgi_input:app"), ("gthread", "wsgi_input:app")]
HEAD = b"POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\n"


@pytest.fixture(params=WORKERS, ids=lambda it: it[0])
def s(request, server, authority):
    worker_class, app = request.param
    flags = (*authority.issue("localhost").flags, *PATIENT)
    with server(app, *flags, worker_class=worker_class) as s:
        yield s


def end(s):
    """The worker drains once nobody listens any more."""
    s.kill(signal.SIGTERM)
    eventually(lambda: is_refused(s), "the sockets to be closed")


def is_refused(s):
    try:
        socket.create_connection((s.host, s.port), timeout=15).close()
    except ConnectionError:
        return True
    return False


class Handshake:
    """A client whose handshake goes as far as a test wants."""

    def __init__(self, s, authority):
        self.socket = socket.create_connection((s.host, s.port), timeout=15)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = authority.client().context
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.step()

    def step(self):
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass

    def send(self, count=None):
        self.socket.sendall(self.outgoing.read() if count is None else self.outgoing.read(count))

    def finish(self):
        """Up to the client's last flight, which is not sent."""
        self.send()
        while not self.outgoing.pending:
            self.incoming.write(self.socket.recv(65536))
            self.step()

    def until_closed(self):
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass


@pytest.mark.parametrize("sent", ["nothing", "part of the hello", "the hello", "all but the last byte"])
def test_a_handshake_that_does_not_go_on_holds_up_no_drain(s, authority, sent):
    client = Handshake(s, authority)
    if sent == "part of the hello":
        client.send(50)
    elif sent == "the hello":
        client.send()
        client.socket.recv(1)
    elif sent == "all but the last byte":
        client.finish()
        client.send(client.outgoing.pending - 1)
    assert authority.client().get(s, "/echo").status == 200
    end(s)
    client.until_closed()
    assert s.wait_for_exit() == 0


def test_a_request_in_two_records_is_answered_though_the_drain_began_between_them(s, authority):
    with authority.client().connect(s) as client:
        client.send(HEAD[:20])
        assert authority.client().get(s, "/echo").status == 200
        end(s)
        client.send(HEAD[20:])
        client.send(b"hello")
        response = client.read_response()
        assert (response.body, response.get("connection")) == (b"hello", b"close")
        client.expect_closed()
    assert s.wait_for_exit() == 0


@pytest.mark.parametrize("begun", [b"", HEAD[:20]])
def test_a_request_that_does_not_come_holds_up_no_drain(s, authority, begun):
    with authority.client().connect(s) as client:
        client.post(b"first", "/echo")
        assert client.read_response().body == b"first"
        client.send(begun)
        end(s)
        client.read_until_eof()
    assert s.wait_for_exit() == 0


def test_requests_in_one_record_are_answered_up_to_the_one_that_ends_the_connection(s, authority):
    with authority.client().connect(s) as client:
        end_after = (HEAD + b"hello") * 20
        client.send(HEAD + b"hello")
        assert client.read_response().body == b"hello"
        end(s)
        client.send(end_after)
        response = client.read_response()
        assert (response.body, response.get("connection")) == (b"hello", b"close")
        client.expect_closed()
    assert s.wait_for_exit() == 0


def test_a_call_that_does_not_return_holds_a_worker_up_no_longer_than_the_graceful_timeout(
    server, authority, gate_file
):
    flags = (*authority.issue("localhost").flags, "--graceful-timeout", "2")
    with server("wsgi_input:app", *flags, worker_class="gthread", env=gate_file.env) as s:
        with authority.client().connect(s) as client, Handshake(s, authority).socket:
            client.send(HEAD.replace(b"/echo", b"/gated").replace(b"5\r\n", b"8\r\n") + b"12345678")
            s.wait_for_note("read")
            s.expect_errors()
            assert s.stop() == 0
            s.wait_for_line("still call the application: leaving without them")
