"""No request is lost while the pool of workers changes under constant load.

TEST_REPEATS sets how often each event is repeated (20 by default; fewer for a quick look).
"""

import os
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
from load import Load, live_workers, wait_for_any_death, wait_for_death

APPS = Path(__file__).parent / "apps"
REPEATS = int(os.environ.get("TEST_REPEATS", "20"))
BOOTING = r"Booting worker with pid: (\d+)"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Pool:
    """Which workers the log says were started, in order."""

    def __init__(self, server):
        self.server = server
        self.known = 0

    def next_workers(self, count):
        """Waits until `count` more workers were started; returns their pids."""
        matches = [self.server.wait_for_line(BOOTING, 30, self.known + n + 1) for n in range(count)]
        self.known += count
        return [int(match[1]) for match in matches]


@pytest.fixture
def loaded(server):
    """Starts the server under load; yields (server, load, pool, pids of the first workers)."""

    @contextmanager
    def start(workers):
        with server("checked:app", workers=workers, cwd=APPS) as s:
            pool = Pool(s)
            first = pool.next_workers(workers)
            with Load(s.host, s.port) as load:
                for pid in first:
                    load.wait_for_worker(pid)
                yield s, load, pool, first
            print(load, *load.failures, sep="\n")

    return start


def test_constant_load_without_any_event_is_answered_whole(loaded):
    with loaded(2) as (_, load, _, _):
        load.wait_for_progress(5_000)
    assert load.failures == []
    assert load.closed_unannounced == 0


def test_hup_under_load_loses_no_request(loaded):
    with loaded(2) as (s, load, pool, old):
        for _ in range(REPEATS):
            os.kill(s.pid, signal.SIGHUP)
            new = pool.next_workers(2)
            for pid in old:
                wait_for_death(pid)
            for pid in new:
                load.wait_for_worker(pid)
            load.wait_for_progress()
            old = new
        assert live_workers(s) == sorted(old)
    assert load.failures == []


def test_hup_twice_quickly_under_load_loses_no_request(loaded):
    with loaded(2) as (s, load, pool, old):
        for _ in range(REPEATS):
            os.kill(s.pid, signal.SIGHUP)
            os.kill(s.pid, signal.SIGHUP)
            pool.next_workers(2)
            for pid in old:
                wait_for_death(pid)
            load.wait_for_progress()
            old = live_workers(s)  # Those of the first HUP, of the second, or some of each.
        os.kill(s.pid, signal.SIGHUP)
        for pid in old:
            wait_for_death(pid)
    assert load.failures == []


def test_ttin_and_ttou_under_load_lose_no_request(loaded):
    with loaded(2) as (s, load, pool, workers):
        for _ in range(REPEATS):
            os.kill(s.pid, signal.SIGTTIN)
            workers += pool.next_workers(1)
            load.wait_for_worker(workers[-1])
            load.wait_for_progress()
            os.kill(s.pid, signal.SIGTTOU)
            workers.remove(wait_for_any_death(workers[:-1]))  # An older one leaves.
            load.wait_for_progress()
    assert load.failures == []


def test_a_killed_worker_under_load_is_replaced_and_costs_only_its_own_requests(loaded):
    with loaded(2) as (s, load, pool, workers):
        for number in range(REPEATS):
            victim = workers.pop(number % 2)
            load.kill_worker(victim)
            s.wait_for_line(rf"Worker \(pid:{victim}\) was sent SIGKILL")
            workers += pool.next_workers(1)
            load.wait_for_worker(workers[-1])
            load.wait_for_progress()
    assert load.unexcused == []
    assert len(load.failures) <= REPEATS * (load.busy + load.fresh)


@pytest.mark.parametrize("time", range(max(1, REPEATS // 4)))
def test_term_under_load_finishes_every_request_already_sent(loaded, time):
    with loaded(2) as (s, load, _, _):
        load.wait_for_progress()
        load.stop_server(s.pid)
        assert s.wait_for_exit(30) == 0
    assert load.failures == []
