"""HUP puts new code into service; code that does not start leaves the old workers serving."""

import os
import signal

import pytest
from load import live_workers, wait_for_death, wait_until_all_serve

BOOTING = r"Booting worker with pid: (\d+)"
GOOD = """
import os

async def app(scope, receive, send):
    assert scope["type"] == "http"
    headers = [(b"content-length", b"2"), (b"x-pid", str(os.getpid()).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"%s"})
"""
BAD_LIFESPAN = """
async def app(scope, receive, send):
    assert (await receive())["type"] == "lifespan.startup"
    await send({"type": "lifespan.startup.failed", "message": "no database here"})
"""
BROKEN = {
    "a syntax error": ("app = (\n", "SyntaxError"),
    "an error at import": ("import a_module_that_is_not_there\n", "ModuleNotFoundError"),
    "no app": ("application = None\n", "attribute 'app'"),
    "a failing lifespan": (BAD_LIFESPAN, "no database here"),
}


@pytest.fixture
def code(tmp_path):
    return tmp_path / "site_under_change.py"


@pytest.fixture
def site(server, code):
    def start(version, *flags, workers=2):
        code.write_text(GOOD % version)
        return server("site_under_change:app", *flags, workers=workers, cwd=code.parent)

    return start


def booted(s, *numbers):
    return [int(s.wait_for_line(BOOTING, 30, number)[1]) for number in numbers]


def serving(s, *numbers):
    """The pids of the workers that were started as these, once each has answered."""
    pids = booted(s, *numbers)
    wait_until_all_serve(s, pids)
    return pids


def test_hup_serves_the_new_code_from_new_workers(site, code):
    with site("v1") as s:
        old = serving(s, 1, 2)
        assert s.get("/").body == b"v1"
        code.write_text(GOOD % "v2")
        s.kill(signal.SIGHUP)
        new = booted(s, 3, 4)
        for pid in old:
            wait_for_death(pid)
        assert [s.get("/").body for _ in range(10)] == [b"v2"] * 10
        assert live_workers(s) == sorted(new)
        assert any("[INFO] Handling signal: hup" in line for line in s.lines)


def test_hup_keeps_an_idle_connection_until_its_next_answer_or_closes_it_cleanly(site):
    with site("v1", "--keep-alive", "60") as s, s.connect() as client:
        old = serving(s, 1, 2)
        client.get("/")
        assert client.read_response().body == b"v1"
        s.kill(signal.SIGHUP)
        for pid in old:
            wait_for_death(pid)
        client.expect_closed()
        assert not client.was_reset


@pytest.mark.parametrize("kind", BROKEN)
def test_hup_with_broken_code_keeps_the_old_workers_and_logs_the_error(site, code, kind):
    source, message = BROKEN[kind]
    with site("v1") as s:
        s.expect_errors()
        old = serving(s, 1, 2)
        assert s.get("/").body == b"v1"
        code.write_text(source)
        s.kill(signal.SIGHUP)
        s.wait_for_line(message, 30)
        wait_for_death(booted(s, 3)[0])
        assert [s.get("/").body for _ in range(10)] == [b"v1"] * 10
        assert set(old) <= set(live_workers(s))


def test_hup_with_mended_code_serves_it_after_a_broken_one(site, code):
    with site("v1") as s:
        s.expect_errors()
        old = serving(s, 1, 2)
        assert s.get("/").body == b"v1"
        code.write_text("app = (\n")
        s.kill(signal.SIGHUP)
        s.wait_for_line("SyntaxError", 30)
        code.write_text(GOOD % "v2")
        s.kill(signal.SIGHUP)
        for pid in old:
            wait_for_death(pid)
        assert [s.get("/").body for _ in range(10)] == [b"v2"] * 10


def test_a_crash_while_the_code_is_broken_does_not_end_the_server(site, code):
    """The survivor serves; the replacement is tried again until it starts."""
    with site("v1") as s:
        s.expect_errors()
        first, second = serving(s, 1, 2)
        assert s.get("/").body == b"v1"
        code.write_text("app = (\n")
        kill_one(first)
        s.wait_for_line("SyntaxError", 30)
        assert s.get("/").body == b"v1"
        code.write_text(GOOD % "v2")
        kill_one(second)
        assert s.get("/").body == b"v2"  # Waits in the backlog until a worker has started.


def kill_one(pid):
    os.kill(pid, signal.SIGKILL)
    wait_for_death(pid)
