"""Startup and shutdown of the application (A80-A93)."""

import ast
import re
from contextlib import contextmanager

import pytest


@contextmanager
def that_fails_to_boot(server, app, *flags, env=None):
    """Yields a server that ends by itself with a code."""
    with server(app, *flags, env=env) as s:
        s.expect_errors()
        yield s


def test_a80_there_is_one_lifespan_per_worker(server):
    with server("lifespans:good", workers=2) as s:
        s.wait_for_note("lifespan.startup", count=2)
        assert s.get().body == b"served"
        assert s.stop() == 0
        events = [note["event"] for note in s.notes if note["event"].startswith("lifespan")]
        assert sorted(events) == ["lifespan.shutdown"] * 2 + ["lifespan.startup"] * 2
        assert len({note["pid"] for note in s.notes if note["event"] == "lifespan.startup"}) == 2


def test_a81_the_lifespan_scope_is_exactly_that_of_the_specification(server):
    with server("lifespans:good") as s:
        note = s.wait_for_note("scope")
    assert note["exact"]
    assert ast.literal_eval(note["scope"]) == {
        "type": "lifespan",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "state": {},
    }


@pytest.mark.parametrize("app", ["unsupported", "shy"])
def test_a82_b45_an_app_without_lifespan_is_served(server, app):
    with server(f"lifespans:{app}") as s:
        assert s.get().body == b"served"
        s.stop()
        assert not any(re.search(r"\[(WARNING|ERROR|CRITICAL)\]", line) for line in s.lines)


def test_a82_b45_a_missing_lifespan_is_mentioned_without_traceback(server):
    with server("lifespans:unsupported") as s:
        s.wait_for_line("lifespan.*appears unsupported")
        assert s.get().body == b"served"


def test_a82_lifespan_off_never_calls_the_app_with_it(server):
    with server("lifespans:good", "--asgi-lifespan", "off") as s:
        assert s.get().body == b"served"
        assert s.stop() == 0
        assert [note["event"] for note in s.notes] == ["request"]


def test_b45_lifespan_on_insists(server):
    with that_fails_to_boot(server, "lifespans:unsupported", "--asgi-lifespan", "on") as s:
        assert s.wait_for_exit() == 3


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize("app", ["fails", "fails_and_raises"])
def test_a83_a90_a93_b46_a_failed_startup_ends_the_server_with_code_3(server, app, mode):
    with that_fails_to_boot(server, f"lifespans:{app}", "--asgi-lifespan", mode) as s:
        assert s.wait_for_exit() == 3
        assert sum("no database today" in line for line in s.lines) == 1
        assert not any("raised again after" in line for line in s.lines)
        assert not any("Traceback" in line for line in s.lines)
        assert sum("Booting worker" in line for line in s.lines) <= 1


def test_b46_nobody_is_served_by_a_server_whose_startup_failed(server, gate_file):
    with that_fails_to_boot(server, "lifespans:fails_late", env=gate_file.env) as s, s.connect() as client:
        client.get("/")
        s.wait_for_note("starting")
        gate_file.open_gate()
        client.expect_closed()
        assert s.wait_for_exit() == 3
        assert not any(note["event"] == "request" for note in s.notes)


def test_a84_a_connection_made_during_startup_is_served_after_it(server, gate_file):
    with server("lifespans:slow", env=gate_file.env) as s, s.connect() as client:
        client.get("/early")
        s.wait_for_note("starting")
        gate_file.open_gate()
        assert client.read_response().body == b"served"
        s.wait_for_note("request")
        assert [note["event"] for note in s.notes] == ["starting", "started", "request"]


@pytest.mark.parametrize("app", ["slower_than_the_timeout", "busier_than_the_timeout"])
def test_a84_a85_startup_may_take_longer_than_the_worker_timeout(server, app):
    with server(f"lifespans:{app}", "--timeout", "1") as s:
        s.wait_for_note("started")
        assert s.get().body == b"served"
        assert sum(note["event"] == "started" for note in s.notes) == 1
        assert not any("WORKER TIMEOUT" in line for line in s.lines)


def test_a86_shutdown_comes_after_the_last_request(server):
    with server("lifespans:upload") as s, s.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe")
        s.wait_for_note("begun")
        s.kill(15)
        s.wait_for_line("Handling signal: term")
        client.send(b"llo")
        assert client.read_response().body == b"hello"
        assert s.wait_for_exit() == 0
        assert [note["event"] for note in s.notes] == ["begun", "finished", "lifespan.shutdown"]


def test_a86_b44_a_stop_during_startup_still_delivers_shutdown(server, gate_file):
    with server("lifespans:slow", env=gate_file.env) as s:
        s.wait_for_note("starting")
        s.kill(15)
        s.wait_for_line("Handling signal: term")
        gate_file.open_gate()
        assert s.wait_for_exit() == 0
        assert [note["event"] for note in s.notes] == ["starting", "started", "lifespan.shutdown"]


def test_a87_a_failed_shutdown_is_logged_and_ends_the_server(server):
    with server("lifespans:shutdown_fails") as s:
        s.expect_errors()
        assert s.get().body == b"served"
        s.stop()
        assert sum("the cache would not flush" in line for line in s.lines) == 1


@pytest.mark.parametrize("app", ["returns_at_once", "returns_after_startup", "silent_at_shutdown"])
def test_a88_a_lifespan_that_returns_early_is_finished(server, app):
    with server(f"lifespans:{app}") as s:
        assert s.get().body == b"served"
        assert s.stop() == 0


def test_a89_lifespan_events_at_the_wrong_time_raise(server):
    with server("lifespans:confused") as s:
        s.expect_errors()
        assert s.get().body == b"served"
        assert s.stop() == 0
        sent = [(note["kind"], note["error"]) for note in s.notes if note["event"] == "sent"]
        assert len(sent) == 4
        assert [kind for kind, error in sent if error is None] == []


def test_a5_what_is_wrong_is_raised_where_send_is_awaited_and_not_where_it_is_called(server):
    with server("lifespans:awaited_later") as s:
        assert s.wait_for_note("raised")["kinds"] == ["TypeError", "ValueError", "ValueError", "RuntimeError"]
        assert s.get().body == b"served"


def test_a91_the_lifespan_task_survives_garbage_collection(server):
    with server("lifespans:forgettable") as s:
        assert s.get().body == b"collected"
        assert s.get().body == b"collected"
        assert s.stop() == 0
        assert [note["event"] for note in s.notes] == ["lifespan.shutdown"]
