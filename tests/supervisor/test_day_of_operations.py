"""A day of operations in half a minute: all that operators do to a server, under constant load.

No request may fail. The one exception is what was inside a worker when it was killed with signal 9: those are told
by the connection, as `Load.unexcused` does it.
"""

import os
import re
import signal
from pathlib import Path

import psutil
import pytest
from client import Client
from command import eventually
from load import Load, lives, wait_for_any_death, wait_for_death

APPS = Path(__file__).parent / "apps"
BOOTING = r"Booting worker with pid: (\d+)"
NEW_MASTER = r"Starting a new master with pid: (\d+)"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Day:
    """A server with its files, the load on it, and the steps of the day."""

    def __init__(self, server, load, site):
        self.server, self.load, self.site = server, load, site
        self.master = server.pid
        self.booted = 2

    def workers(self):
        lines = map(re.compile(BOOTING).search, self.server.lines)
        booted = {int(line[1]) for line in lines if line}
        return [child.pid for child in psutil.Process(self.master).children() if child.pid in booted and lives(child)]

    def next_workers(self, count):
        """Waits until `count` more workers were started and answer."""
        lines = [self.server.wait_for_line(BOOTING, 30, self.booted + number + 1) for number in range(count)]
        self.booted += count
        return self.all_answer([int(line[1]) for line in lines])

    def all_answer(self, pids):
        for pid in pids:
            self.load.wait_for_worker(pid)
        return pids

    def tell(self, number, master=None):
        os.kill(master or self.master, number)

    def more(self):
        for _ in range(3):
            self.tell(signal.SIGTTIN)
            self.next_workers(1)
        assert len(self.workers()) == 5

    def fewer(self):
        for _ in range(2):
            before = self.workers()
            self.tell(signal.SIGTTOU)
            wait_for_any_death(before)
        eventually(lambda: len(self.workers()) == 3, "three workers")
        self.load.wait_for_progress()

    def reload(self):
        """New code, and other workers than before."""
        old = self.workers()
        self.site.write(version=2, workers=4)
        self.tell(signal.SIGHUP)
        new = self.next_workers(4)
        for pid in old:
            wait_for_death(pid)
        assert sorted(new) == sorted(self.workers())
        assert self.version() == 2

    def rotate(self):
        """As logrotate does it: rename, then a signal."""
        self.site.log.rename(self.site.old_log)
        self.tell(signal.SIGUSR1)
        eventually(lambda: self.site.log.exists() and self.site.log.stat().st_size, "lines in the new log")
        self.load.wait_for_progress()

    def upgrade(self, count):
        """A new master, whose workers answer."""
        self.tell(signal.SIGUSR2)
        new = int(self.server.wait_for_line(NEW_MASTER, 30, count)[1])
        self.next_workers(self.site.workers)
        return new

    def upgrade_and_back_out(self):
        self.site.write(version=3, workers=3)
        new = self.upgrade(1)
        self.tell(signal.SIGTERM, new)
        wait_for_death(new)
        self.site.write(version=2, workers=4)
        self.load.wait_for_progress()
        assert self.version() == 2

    def upgrade_for_good(self):
        self.site.write(version=3, workers=3)
        old, new = self.master, self.upgrade(2)
        self.tell(signal.SIGWINCH)
        eventually(lambda: self.workers() == [], "the end of the old master's workers")
        self.tell(signal.SIGQUIT)
        assert self.server.process.wait(30) == 0
        self.server.wait_for_line(rf"\[{new}\] \[INFO\] Master has been promoted")
        self.master = new
        assert self.version() == 3 and not psutil.pid_exists(old)

    def kill(self):
        victim = self.workers()[0]
        self.load.kill_worker(victim)
        self.next_workers(1)

    def churn(self):
        """Workers that leave after 200 requests."""
        self.site.write(version=4, workers=3, max_requests=200)
        self.tell(signal.SIGHUP)
        self.server.wait_for_line("Autorestarting worker after current request", 60, 15)
        self.load.wait_for_progress()
        assert self.version() == 4

    def end(self):
        self.load.stop_server(self.master)
        wait_for_death(self.master)

    def version(self):
        with Client((self.server.host, self.server.port)) as client:
            client.get("/inline/0", "x-token: 0")
            return int(client.read_response().get("x-version"))


class Site:
    """The code and the configuration, as they are deployed."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.log, self.old_log = folder / "access.log", folder / "access.log.1"

    def write(self, version, workers, max_requests=0):
        self.workers = workers
        source = (APPS / f"{self.name}.py").read_text()
        (self.folder / f"{self.name}.py").write_text(source.replace("VERSION = 1", f"VERSION = {version}"))
        lines = [f"workers = {workers}", f"max_requests = {max_requests}", f"accesslog = {str(self.log)!r}"]
        (self.folder / "gunicorn.conf.py").write_text("\n".join(lines))

    def logged(self):
        return sum(path.read_bytes().count(b"\n") for path in (self.log, self.old_log))


@pytest.mark.parametrize(
    "worker_class, app", [("asgi", "checked"), ("sync", "checked_wsgi"), ("gthread", "checked_wsgi")]
)
def test_a_day_of_operations_fails_no_request(server, tmp_path, worker_class, app):
    site = Site(tmp_path, app)
    site.write(version=1, workers=2)
    with server(f"{app}:app", workers=None, worker_class=worker_class, cwd=tmp_path) as s:
        first = [int(s.wait_for_line(BOOTING, 30, number)[1]) for number in (1, 2)]
        with Load(s.host, s.port) as load:
            day = Day(s, load, site)
            day.all_answer(first)
            day.more()
            day.fewer()
            day.reload()
            day.rotate()
            day.upgrade_and_back_out()
            day.kill()
            day.upgrade_for_good()
            day.churn()
            day.end()
        print(load, *load.failures, sep="\n")
        assert load.unexcused == []
        assert len(load.failures) <= load.busy + load.fresh
        # Each answer has its line, wherever the file was at the time. The load does not count what `version` asked.
        assert site.logged() >= load.completed
