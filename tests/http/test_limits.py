"""How many connections and calls a worker has at once (B39)."""

import signal

import psutil
import pytest

SHORT = ("--graceful-timeout", "1")  # for calls that nobody ends


def processor_time(s):
    (worker,) = s.worker_pids()
    times = psutil.Process(worker).cpu_times()
    return times.user + times.system


def test_clients_beyond_the_limit_wait_until_there_is_room(server):
    with server("deadlines:held", "--worker-connections", "2", "--keep-alive", "0", *SHORT) as s:
        clients = [s.connect() for _ in range(5)]
        for number, client in enumerate(clients):
            client.get(f"/{number}")
        s.wait_for_note("called", count=2)
        s.wait_for_line(r"All 2 connections of this worker are taken")
        assert [note["path"] for note in s.notes] == ["/0", "/1"]
        for client in clients[:2]:
            client.reset()
        s.wait_for_note("called", count=4)
        assert [note["path"] for note in s.notes] == ["/0", "/1", "/2", "/3"]
        clients[2].close()
        assert s.wait_for_note("called", count=5)["path"] == "/4"


def test_all_of_many_clients_are_served_two_at_a_time(server):
    with server("echo:path", "--worker-connections", "2", "--keep-alive", "0") as s:
        clients = [s.connect() for _ in range(20)]
        for number, client in enumerate(clients):
            client.get(f"/{number}")
        for number, client in enumerate(clients):
            assert client.read_response().body == b"/%d" % number


def test_the_longest_idle_client_makes_room_for_a_new_one(server):
    with server("deadlines:held", "--worker-connections", "2", "--keep-alive", "60") as s:
        with s.connect() as older, s.connect() as newer, s.connect() as third:
            for client in (older, newer, third):
                client.get("/now")
                assert client.read_response().body == b"/now"
            older.expect_closed()
            newer.get("/now")
            assert newer.read_response().body == b"/now"


def test_a_client_that_never_rests_makes_room_after_an_answer(server):
    with server("deadlines:held", "--worker-connections", "1", "--keep-alive", "60") as s:
        with s.connect() as restless, s.connect() as waiting:
            waiting.get("/now")
            response = None
            while response is None or not response.closes:
                restless.get("/now")
                response = restless.read_response()
                assert response.body == b"/now"
            assert waiting.read_response().body == b"/now"


def test_a_worker_whose_places_are_taken_says_nothing_while_nobody_waits(server):
    with server("deadlines:held", "--worker-connections", "1", "--keep-alive", "2") as s, s.connect() as only:
        only.get("/now")
        assert only.read_response().body == b"/now"
        only.expect_closed()
        assert not [line for line in s.lines if "are taken" in line]


def test_a_busy_client_does_not_make_room(server):
    with server("deadlines:held", "--worker-connections", "1", "--keep-alive", "1", *SHORT) as s:
        with s.connect() as busy, s.connect() as waiting:
            busy.get("/held")
            s.wait_for_note("called")
            waiting.get("/now")
            waiting.socket.settimeout(3)
            before = processor_time(s)
            with pytest.raises(TimeoutError):
                waiting.socket.recv(1)
            assert processor_time(s) - before < 0.3, "the worker looks at the backlog again and again"
            busy.close()
            waiting.socket.settimeout(15)
            assert waiting.read_response().body == b"/now"


def test_a_stop_serves_even_those_who_had_to_wait_for_room(server):
    with server("farewells:stream", "--worker-connections", "1", "--graceful-timeout", "8") as s:
        clients = [s.connect() for _ in range(4)]
        for client in clients:
            client.get("/")
        s.wait_for_note("streaming")
        s.kill(signal.SIGTERM)
        for client in clients:
            assert b"goodbye" in client.read_response().body
        assert s.wait_for_exit() == 0


def test_worker_connections_0_is_no_limit(server):
    with server("deadlines:held", "--worker-connections", "0") as s:
        clients = [s.connect() for _ in range(5)]
        for client in clients:
            client.get("/held")
        s.wait_for_note("called", count=5)
        with s.connect() as last:
            last.get("/gate/answer")
            assert last.read_response().status == 204
        assert all(client.read_response().complete for client in clients)


def test_b39_a_request_beyond_the_limit_of_calls_is_answered_with_503(server):
    with server("deadlines:held", "--limit-concurrency", "2", "--access-logfile", "-", *SHORT) as s:
        held = [s.connect() for _ in range(2)]
        for client in held:
            client.get("/held")
        s.wait_for_note("called", count=2)
        for _ in range(3):
            with s.connect() as client:
                client.post(b"body")
                response = client.read_response()
                client.expect_closed()
                date, head = response.get("date"), response.head
                assert head.replace(date, b"now") == (
                    b"HTTP/1.1 503 Service Unavailable\r\n"
                    b"date: now\r\n"
                    b"server: rgunicorn\r\n"
                    b"connection: close\r\n"
                    b"content-type: text/plain; charset=utf-8\r\n"
                    b"content-length: 19\r\n\r\n"
                )
                assert response.body == b"Service Unavailable"
        assert s.stdout.wait_for(r'"POST / HTTP/1.1" 503 19', count=3)
        s.wait_for_line(r"\[WARNING\] Exceeded concurrency limit")
        for client in held:
            client.close()


def test_b39_the_refusal_of_a_head_request_has_no_body(server):
    with server("deadlines:held", "--limit-concurrency", "1") as s, s.connect() as held, s.connect() as client:
        held.get("/until-left")
        s.wait_for_note("called")
        client.send(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.read_response(head=True).status == 503
        client.expect_closed()


def test_b39_there_is_room_again_once_a_call_ended(server):
    with server("deadlines:held", "--limit-concurrency", "1") as s, s.connect() as client:
        client.get("/until-left")
        s.wait_for_note("called")
        assert s.get("/now").status == 503
        client.close()
        s.wait_for_note("left")
        while s.get("/now").status == 503:
            pass  # the note comes a moment before the end of the call
        assert s.get("/now").body == b"/now"
