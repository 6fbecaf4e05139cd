"""Workers that die or hang are replaced; the master is small and the workers do not outlive it."""

import os
import re
import signal
import time
from pathlib import Path

import pytest
from load import live_workers, wait_for_death, wait_until_all_serve

APPS = Path(__file__).parent / "apps"
BOOTING = r"Booting worker with pid: (\d+)"


@pytest.fixture
def site(server):
    return lambda *flags, **options: server("behaviours:app", *flags, cwd=APPS, **options)


def booted(s, number) -> int:
    """The pid of the `number`-th worker that was started."""
    return int(s.wait_for_line(BOOTING, 30, number)[1])


def answering(s) -> int:
    """The pid of the worker that answers."""
    return int(s.get("/").body)


# Crashes


def test_a_killed_worker_is_replaced_and_named_in_the_log(site):
    with site(workers=2) as s:
        first, second = booted(s, 1), booted(s, 2)
        wait_until_all_serve(s, [first, second])
        os.kill(first, signal.SIGKILL)
        s.wait_for_line(rf"\[ERROR\] Worker \(pid:{first}\) was sent SIGKILL! Perhaps out of memory\?")
        third = booted(s, 3)
        assert live_workers(s) == sorted([second, third])


def test_a_worker_that_exits_by_itself_is_replaced(site):
    with site() as s:
        first = answering(s)
        with s.connect() as client:
            client.get("/exit/7")
            s.wait_for_line(rf"\[ERROR\] Worker \(pid:{first}\) exited with code 7\.?")
        assert answering(s) == booted(s, 2) != first


@pytest.mark.parametrize("code", [3, 4])
def test_the_codes_of_a_failed_boot_end_nothing_once_a_worker_has_served(site, code):
    """gunicorn would take exit code 3 or 4 of any worker for a failed boot and halt."""
    with site() as s:
        first = answering(s)
        with s.connect() as client:
            client.get(f"/exit/{code}")
            wait_for_death(first)
        assert answering(s) != first


def test_every_worker_may_be_killed_at_once(site):
    with site(workers=3) as s:
        old = [booted(s, number) for number in (1, 2, 3)]
        wait_until_all_serve(s, old)
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        new = [booted(s, number) for number in (4, 5, 6)]
        assert answering(s) in new
        assert live_workers(s) == sorted(new)


# Workers that hang


@pytest.mark.parametrize("how, function", [("sleep", "blocked_in_user_code"), ("loop", "looping_in_user_code")])
def test_a_blocked_worker_is_aborted_with_its_stack_in_the_log_and_replaced(site, how, function):
    with site("--timeout", "1") as s, s.connect() as client:
        s.expect_errors()
        first = answering(s)
        client.get(f"/block/{how}")
        s.wait_for_line(rf"\[CRITICAL\] WORKER TIMEOUT \(pid:{first}\)")
        s.wait_for_line(rf"behaviours\.py.*{function}")
        client.read_until_eof()
        wait_for_death(first)
        assert answering(s) == booted(s, 2) != first


def test_a_long_request_that_does_not_block_is_no_timeout(site):
    """Two workers; the one that blocks is timed out, which shows that the other could have been by then."""
    with site("--timeout", "1", workers=2) as s, s.connect() as waiting:
        s.expect_errors()
        waiting.get("/")
        patient = int(waiting.read_response().body)
        waiting.get("/never")
        assert waiting.read_head().status == 200
        with worker_other_than(patient, s) as client:
            client.get("/block/sleep")
            s.wait_for_line(r"WORKER TIMEOUT")
        assert f"WORKER TIMEOUT (pid:{patient})" not in "\n".join(s.lines)
        assert patient in live_workers(s)
        s.stop(signal.SIGQUIT)


def worker_other_than(pid, s):
    """A connection that another worker has answered on."""
    while True:
        client = s.connect()
        client.get("/")
        if int(client.read_response().body) != pid:
            return client
        client.close()


# The master


def test_the_master_has_one_thread(site):
    with site(workers=2) as s:
        answering(s)
        assert len(os.listdir(f"/proc/{s.pid}/task")) == 1


def test_workers_end_by_themselves_when_the_master_is_killed(site):
    with site(workers=2) as s:
        workers = [booted(s, 1), booted(s, 2)]
        wait_until_all_serve(s, workers)
        s.stop(signal.SIGKILL)
        for pid in workers:
            wait_for_death(pid, 15)


def test_the_pid_file_holds_the_masters_pid_and_is_removed(site, tmp_path):
    file = tmp_path / "rgunicorn.pid"
    with site("--pid", str(file)) as s:
        answering(s)
        assert file.read_text().strip() == str(s.pid)
        assert s.stop() == 0
        assert not file.exists()


@pytest.mark.parametrize("loop", ["rgunicorn", "asyncio"])
def test_an_idle_server_hardly_wakes(site, loop):
    """A measurement, so it takes its time: voluntary switches of master and worker in five seconds."""
    with site("--loop", loop) as s:
        worker = answering(s)
        before = wakes(s.pid), wakes(worker)
        time.sleep(5)
        master_wakes, worker_wakes = wakes(s.pid) - before[0], wakes(worker) - before[1]
        assert worker_wakes <= 20
        assert master_wakes <= 20


def wakes(pid) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.M)[1])


def test_hup_writes_a_pid_file_again_and_keeps_the_old_one_where_the_new_cannot_be_had(site, tmp_path):
    conf, pidfile = tmp_path / "gunicorn.conf.py", tmp_path / "a.pid"
    conf.write_text(f"pidfile = {str(pidfile)!r}")
    with site("-c", conf) as s:
        for number, wanted in enumerate([tmp_path / "nowhere" / "b.pid", pidfile, pidfile], 1):
            conf.write_text(f"pidfile = {str(wanted)!r}")
            if number == 3:
                pidfile.unlink()
            s.kill(signal.SIGHUP)
            s.wait_for_line("Booting worker", count=number + 1)
            assert pidfile.read_text() == f"{s.pid}\n"
        s.wait_for_line("cannot use the pid file")
        s.expect_errors()
