"""Clients that do not keep to the rules of TLS lose their connection, and nobody else does."""

import os
import socket
import ssl
import struct
import subprocess

import pytest
from certificates import needs_openssl

HANDSHAKE, ALERT, DATA = 22, 21, 23


@pytest.fixture(scope="module")
def s(server, authority):
    with server("echo:app", *authority.issue("localhost").flags, "--ssl-handshake-timeout", "1") as s:
        yield s


@pytest.fixture
def healthy(s, authority):
    """Afterwards others are served, by the same worker."""
    assert authority.client().get(s).status == 200
    before = s.worker_pids()
    yield
    assert authority.client().get(s).status == 200
    assert s.worker_pids() == before


def raw(s):
    return socket.create_connection((s.host, s.port), timeout=15)


def ended(connection):
    """What the server said until it ended the connection."""
    said = b""
    try:
        while data := connection.recv(65536):
            said += data
    except ConnectionResetError:
        pass
    return said


def record(kind, data, version=0x0303):
    return struct.pack(">BHH", kind, version, len(data)) + data


def client_hello():
    """A real one, as the `ssl` module makes it."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


HELLO = client_hello()

HALF = {
    "nothing": b"",
    "a byte": HELLO[:1],
    "half a record": HELLO[: len(HELLO) // 2],
    "a whole hello and no more": HELLO,
}


@pytest.mark.parametrize("begun", HALF)
def test_a_handshake_that_is_not_ended_is(s, healthy, begun):
    with raw(s) as connection:
        connection.sendall(HALF[begun])
        ended(connection)


def test_a_thousand_half_handshakes_keep_nobody_out(s, healthy, authority):
    connections = [raw(s) for _ in range(300)]
    for connection in connections:
        connection.sendall(HELLO[:100])
    assert authority.client().get(s).status == 200
    for connection in connections:
        with connection:
            ended(connection)


def test_a_trickled_hello_is_understood(s, healthy, authority):
    """In records of one byte, as no honest client sends it."""
    message = HELLO[5:]
    with raw(s) as connection:
        connection.sendall(b"".join(record(HANDSHAKE, message[i : i + 1]) for i in range(len(message))))
        assert connection.recv(5)[0] == HANDSHAKE


ALERTED = {
    "garbage": b"\x16\x03\x01\x00\x05hello",
    "an unknown type": record(25, b"hello"),
    "a record too long": struct.pack(">BHH", HANDSHAKE, 0x0303, 0x4900) + bytes(0x4900),
    "data before the handshake": record(DATA, b"hello"),
    "a message too long": record(HANDSHAKE, b"\x01\xff\xff\xff" + bytes(100)),
    "an old version": record(HANDSHAKE, b"\x01\x00\x00\x2b\x03\x01" + bytes(33) + b"\x00\x02\x00\x2f\x01\x00\x00\x00"),
    "binary": b"\x80\x2e\x01\x03\x01" + bytes(50),
}


@pytest.mark.parametrize("sent", ALERTED)
def test_what_is_no_tls_is_answered_by_an_alert(s, healthy, sent):
    with raw(s) as connection:
        connection.sendall(ALERTED[sent])
        said = ended(connection)
    assert said == b"" or said[0] == ALERT


def test_empty_records_without_end_are_not_taken(s, healthy, authority):
    with raw(s) as connection:
        connection.sendall(HELLO)
        connection.recv(1)
        try:
            for _ in range(2000):
                connection.sendall(record(HANDSHAKE, b"") * 50)
        except OSError:
            pass
        ended(connection)


def test_a_client_hello_without_end_is_not_taken(s, healthy):
    with raw(s) as connection:
        message = b"\x01\x00\xff\xf0" + bytes(65520)
        try:
            for start in range(0, len(message), 10):
                connection.sendall(record(HANDSHAKE, message[start : start + 10]))
        except OSError:
            pass
        ended(connection)


@needs_openssl
def test_renegotiation_is_refused(s, healthy, authority):
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{s.port}", "-servername", "localhost", "-tls1_2"]
    command += ["-CAfile", authority.file, "-legacy_renegotiation"]
    done = subprocess.run(command, input=b"R\nR\nR\n", capture_output=True, timeout=30)
    said = (done.stdout + done.stderr).decode()
    assert "RENEGOTIATING" in said
    assert done.returncode != 0 or "no renegotiation" in said.lower(), said


def test_records_that_were_tampered_with_end_the_connection(server, authority):
    """A proxy in between changes a byte."""
    context = authority.client().context
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with server("echo:app", *authority.issue("localhost").flags) as s, raw(s) as connection:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65536))
        client.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        sent = bytearray(outgoing.read())
        sent[-1] ^= 1
        connection.sendall(sent)
        assert b"HTTP/1.1" not in ended(connection)
        s.wait_for_line("TLS failed: cannot decrypt peer's message")


def test_random_bytes_do_no_harm(s, healthy):
    for seed in range(100):
        with raw(s) as connection:
            connection.sendall(HELLO[:seed] + os.urandom(300))
            connection.shutdown(socket.SHUT_WR)
            ended(connection)
