"""Nothing that a client sent, or did, is forgotten: no lost turn, no lost request, no connection that outlives its client."""

import os
import signal
import socket
import struct

import pytest


def test_a_large_body_behind_a_pipelined_request_arrives(server):
    body = b"x" * 600_000
    with server("echo:app") as s, s.connect() as client:
        first = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\none"
        client.send(first + b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        assert client.read_response().body == b"one"
        assert client.read_response().body == body


def test_a_client_that_left_together_with_its_request_is_noticed(server):
    """A FIN that comes in the same read as the request makes the socket ready only once."""
    with server("receiving:waits_for_disconnect") as s:
        for _ in range(5):
            client = s.connect()
            client.get("/")
            client.close()
        for number in range(1, 6):
            s.wait_for_note("disconnect", count=number)


def test_a_client_that_left_with_a_piece_of_the_next_request_is_noticed(server):
    with server("receiving:waits_for_disconnect") as s:
        client = s.connect()
        client.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nG")
        client.close()
        s.wait_for_note("disconnect")


def test_a_client_that_left_behind_a_body_that_nobody_reads_is_noticed(server):
    with server("receiving:waits_without_reading") as s:
        client = s.connect()
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 600000\r\n\r\n" + b"x" * 600_000)
        s.wait_for_note("called")
        client.close()
        s.wait_for_note("disconnect")


def test_a_client_that_resets_is_noticed(server):
    with server("receiving:waits_for_disconnect") as s:
        client = s.connect()
        client.get("/")
        s.wait_for_note("called")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        s.wait_for_note("disconnect")


def test_a_pipeline_without_end_is_read_only_as_fast_as_it_is_answered(server):
    """A client that sends requests and reads no answers cannot fill the worker's memory."""
    with server("echo:app") as s:
        assert s.get("/").status == 200
        before = s.worker_memory()
        with s.connect() as client:
            client.socket.settimeout(1)
            flood = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 20_000
            with pytest.raises(TimeoutError):
                for _ in range(400):  # some 220 MB, if it were all taken
                    client.socket.sendall(flood)
        assert s.worker_memory() - before < 30 << 20


def test_a_request_that_came_while_the_application_blocked_the_worker_is_answered(server):
    """The keep-alive deadline passes while nobody looks at the sockets; that is not the client's fault."""
    with server("receiving:blocks", "--keep-alive", "1") as s:
        with s.connect() as patient, s.connect() as blocker:
            patient.get("/")
            assert patient.read_response().status == 200
            blocker.get("/block")
            s.wait_for_note("blocking")
            patient.get("/")
            assert patient.read_response().status == 200
            assert blocker.read_response().status == 200


def test_a_request_that_was_read_before_the_application_blocked_the_worker_is_answered(server):
    """Its turn is postponed, with nothing of it left in the socket, and the keep-alive deadline passes meanwhile."""
    with server("receiving:blocks", "--keep-alive", "1", "--timeout", "0") as s:
        clients = [s.connect() for _ in range(24)]
        for client in clients:
            client.get("/")
            assert client.read_response().status == 200
        (worker,) = s.worker_pids()
        os.kill(worker, signal.SIGSTOP)  # so that it finds all of these at once
        for number, client in enumerate(clients):
            client.get("/block" if number == 0 else "/")
        os.kill(worker, signal.SIGCONT)
        assert [client.read_response().status for client in clients] == [200] * 24


def test_a_final_answer_before_the_100_ends_the_connection(server):
    """Whether the client still sends the body that it announced is unknown: nothing after it is a request."""
    with server("receiving:asks_and_answers_at_once") as s, s.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 50\r\n\r\n")
        response = client.read_response()
        assert response.status == 200 and response.interim == [] and response.closes


def test_an_answer_that_is_complete_reaches_a_client_that_shut_its_side_down(server):
    with server("sending:big") as s, s.connect() as client:
        client.get("/")
        head = client.read_head()
        client.socket.shutdown(socket.SHUT_WR)
        size = int(dict(head.headers)[b"content-length"])
        assert len(client.read_until_eof()) == size


def test_an_answer_that_ends_with_its_connection_is_reset_when_its_client_stops_sending(server):
    """To a client that still reads, a mere end would mean that it has all of the answer."""
    with server("deadlines:download") as s, s.connect() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        client.read_head()
        client.socket.shutdown(socket.SHUT_WR)
        client.read_until_eof()
        assert client.was_reset
