"""`max_requests`: a worker that was used enough is replaced, and nobody notices."""

import re


def booted(s):
    return len([line for line in s.lines if "Booting worker" in line])


def test_b40_a_worker_that_served_its_requests_is_replaced_without_a_refused_connection(server):
    with server("echo:path", "--max-requests", "3") as s:
        for generation in (1, 2):
            for number in range(20):
                assert s.get(f"/{number}").body == f"/{number}".encode()
            s.wait_for_line("Autorestarting worker after current request", count=generation)
            s.wait_for_line("Worker exiting", count=generation)
        assert booted(s) >= 3 and s.get("/last").status == 200


def test_b40_a_kept_alive_connection_survives_until_its_answer(server):
    with server("echo:path", "--max-requests", "1") as s, s.connect() as client:
        client.get("/one")
        assert client.read_response().body == b"/one"
        s.wait_for_line("Autorestarting worker")
        s.wait_for_line(r"Worker exiting \(pid: \d+\)", count=1)
        assert s.get("/two").body == b"/two"


def test_the_jitter_makes_workers_leave_one_after_the_other(server):
    with server("echo:path", "--max-requests", "2", "--max-requests-jitter", "1000000") as s:
        for _ in range(20):
            s.get("/")
        assert not [line for line in s.lines if re.search("Autorestarting", line)]


def test_without_the_setting_nobody_is_replaced(server):
    with server("echo:path") as s:
        for _ in range(20):
            s.get("/")
        assert booted(s) == 1
