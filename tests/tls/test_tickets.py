"""Clients that come back resume their session, in whatever worker."""

import ssl

import pytest

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def mine(authority):
    return authority.issue("localhost")


def session_of(connection):
    """With TLS 1.3 the tickets come behind the handshake: an answer brings them."""
    connection.get("/pid")
    pid = connection.read_response().body
    return pid, connection.socket.session


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_resumed_by_any_worker(server, authority, mine, version):
    client = authority.client(version=version)
    with server("over_tls:asgi", *mine.flags, workers=3) as s:
        pids = set()
        with client.connect(s) as connection:
            pid, session = session_of(connection)
            assert not connection.socket.session_reused
        for _ in range(60):
            with client.connect(s, session=session) as connection:
                pid, session = session_of(connection)
                assert connection.socket.session_reused
                pids.add(pid)
            if len(pids) == 3:
                break
        assert len(pids) > 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_outlasts_a_reload(server, authority, mine, version):
    client = authority.client(version=version)
    with server("over_tls:asgi", *mine.flags) as s:
        with client.connect(s) as connection:
            old, session = session_of(connection)
        s.kill(1)
        s.wait_for_line(rf"Worker exiting \(pid: {old.decode()}\)")
        with client.connect(s, session=session) as connection:
            new, _ = session_of(connection)
            assert connection.socket.session_reused and new != old


def test_a_ticket_of_another_server_is_no_good(server, authority, mine):
    client = authority.client()
    with server("over_tls:asgi", *mine.flags) as s, client.connect(s) as connection:
        _, session = session_of(connection)
    with server("over_tls:asgi", *mine.flags) as s, client.connect(s, session=session) as connection:
        assert session_of(connection)[0] and not connection.socket.session_reused
