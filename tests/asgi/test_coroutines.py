"""`receive` and `send` are coroutines to whoever calls them, on any thread and in any task (A3, A11, A15)."""

import pytest


def post(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(("app", "answer"), [("tasks", b"hello"), ("from_a_thread", b"olleh")])
def test_a11_receive_and_send_may_be_awaited_anywhere(server, app, answer):
    with server(f"coroutines:{app}") as s, s.connect() as client:
        for _ in range(2):
            client.send(post(b"hello"))
            assert client.read_response().body == answer


def test_a12_a_task_that_waits_for_an_event_gets_what_a_cancelled_one_did_not_take(server):
    with server("coroutines:waiting_task") as s, s.connect() as client:
        client.send(post(b"hello")[:-5])
        s.wait_for_note("waiting")
        client.send(b"hello")
        assert client.read_response().body == b"hello"


def test_a3_a_loop_may_be_run_within_the_loop(server):
    with server("coroutines:nested") as s, s.connect() as client:
        for _ in range(2):
            client.get("/")
            assert client.read_response().body == b"inner"


def test_a3_the_code_of_a_plain_function_runs_inside_the_task(server):
    with server("coroutines:plain") as s, s.connect() as client:
        for _ in range(2):
            client.get("/")
            assert client.read_response().body == b"none True set by a plain function"


def test_a3_a_python_signal_handler_runs_although_the_loop_is_idle(server):
    with server("coroutines:alarm") as s:
        # The heartbeat would run it too, but only once a second.
        assert float(s.get("/").body) < 0.5


def test_a3_a_context_variable_set_in_the_first_step_is_there_after_a_wait(server):
    with server("coroutines:context_after_a_wait") as s:
        assert s.get("/").body == b"set in the first step"


def test_a3_another_thread_may_drop_what_belongs_to_the_loop(server):
    with server("coroutines:other_thread") as s, s.connect() as client:
        for _ in range(3):
            client.get("/")
            assert client.read_response().body == b"dropped"


def test_a15_a_bug_in_the_cleanup_after_a_disconnect_is_logged(server):
    with server("coroutines:buggy_cleanup") as s:
        s.expect_errors()
        with s.connect() as client:
            client.get("/")
            assert client.read_head().status == 200
        s.wait_for_line("ZeroDivisionError: a bug in the cleanup")


@pytest.mark.parametrize("path", ["/", "/waits"])
def test_a_requests_task_is_among_all_tasks_from_its_first_step_on(shared, path):
    for _ in range(3):
        assert shared("coroutines:counts_tasks").get(path).body == b"[True, True]"


def test_what_a_finaliser_schedules_while_the_first_task_is_made_is_not_taken_for_its_step(server):
    with server("coroutines:collects_from_the_start()") as s:
        assert s.get().body == b"(True, False)"


def test_debug_mode_of_the_loop_can_be_switched_on_and_off(shared):
    assert shared("coroutines:sets_debug").get("/on").body == b"(True, False)"
    assert shared("coroutines:sets_debug").get("/off").body == b"(False, False)"
