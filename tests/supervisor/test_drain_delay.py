"""`drain_delay`: how long a server goes on as before after TERM."""

import os
import signal
import time

import pytest


def served(s):
    response = s.get()
    return response.status == 200 and not response.closes


def test_new_clients_are_served_until_the_delay_is_over(server):
    with server("lifespans:pid", "--drain-delay", "2") as s, s.connect() as late:
        assert served(s)
        asked = time.monotonic()
        s.kill(signal.SIGTERM)
        s.wait_for_line(r"Serving on for 2 s \(drain_delay\)")
        while time.monotonic() - asked < 1.5:
            assert served(s)
        assert s.wait_for_exit() == 0
        assert time.monotonic() - asked >= 2
        late.expect_closed()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_second_signal_ends_the_wait(server, number):
    with server("lifespans:pid", "--drain-delay", "3600") as s:
        assert served(s)
        s.kill(signal.SIGTERM)
        s.wait_for_line(r"Serving on for 3600 s")
        assert served(s)
        assert s.stop(number) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_stop_is_not_put_off(server, number):
    with server("lifespans:pid", "--drain-delay", "3600") as s:
        assert served(s)
        assert s.stop(number) == 0


def test_a_reload_is_not_put_off(server):
    with server("lifespans:pid", "--drain-delay", "3600") as s:
        first = s.get().body
        s.kill(signal.SIGHUP)
        while s.get().body == first:
            pass
        s.kill(signal.SIGTERM)
        s.wait_for_line(r"Serving on for 3600 s")
        assert s.stop() == 0


def test_a_worker_that_dies_during_the_delay_is_replaced(server):
    with server("lifespans:pid", "--drain-delay", "3600") as s:
        assert served(s)
        s.kill(signal.SIGTERM)
        s.wait_for_line(r"Serving on for 3600 s")
        (victim,) = s.worker_pids()
        os.kill(victim, signal.SIGKILL)
        s.wait_for_line("Booting worker", count=2)
        assert served(s)
        assert s.stop() == 0
