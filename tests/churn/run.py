"""Workers that come and go all day, under load: nothing is left behind in the master. See `main` for the options.

The workers leave by `max_requests`, by signal 9, by TERM, and because HUP, TTIN and TTOU say so. The master must have
the descriptors that it had before, no child may stay a zombie, and when the master itself is killed no worker may
stay. Requests may fail only inside a worker that was killed.
"""

import argparse
import os
import random
import re
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from command import Serving, eventually, kill_all, start
from load import Load, lives, wait_for_death
from soak.run import MIB, kind

APPS = Path(__file__).parents[1] / "supervisor" / "apps"
BOOTING = re.compile(r"Booting worker with pid: (\d+)")
WORKERS = 4
LEAST = 50  # restarts a minute
PAUSE = 0.8  # seconds between two things that are done to the server
GROWTH = 4 * MIB  # of the master, for its log lines and the first of everything


def main():
    parser = argparse.ArgumentParser(prog="scripts/churn", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600, help="how long (default: %(default)s)")
    parser.add_argument("--worker-class", default="asgi", choices=["asgi", "sync", "gthread"])
    options = parser.parse_args()
    report = churn(options.seconds, options.worker_class)
    print(report)
    sys.exit(bool(report.problems))


def churn(seconds, worker_class="asgi"):
    """The report of `seconds` of churn."""
    app = "checked:app" if worker_class == "asgi" else "checked_wsgi:app"
    flags = ["-k", worker_class, "-w", str(WORKERS), "-b", "127.0.0.1:0", "--max-requests", "2000"]
    process = start([*flags, "--max-requests-jitter", "500", app], APPS, {})
    try:
        server = Serving(process)
        report = Report(seconds)
        churn_server(server, report)
        report.orphans = kill_master(server, report)
        report.unexpected = [line for line in server.stderr.snapshot() if "Traceback" in line or "panicked" in line]
        return report
    finally:
        kill_all(process)


def churn_server(server, report):
    master = psutil.Process(server.pid)
    await_complete_pool(server)
    report.descriptors.append(descriptors(master))
    report.memory.append(master.memory_info().rss)
    before = boots(server)
    watch = Watch(master)
    host, port = address(server)
    with Load(host, port, busy=8, fresh=2) as load:
        report.done = operate(server, load, report.seconds)
    report.zombies = watch.stop()
    report.restarts = boots(server) - before
    report.answers, report.failures, report.excused = load.completed, load.unexcused, len(load.failures)
    report.descriptors.append(descriptors_at_rest(master, report.descriptors[0]))
    report.memory.append(master.memory_info().rss)


def operate(server, load, seconds):
    """Does one thing after the other to the server; returns how often each was done."""
    choose, done, end = random.Random(5), Counter(), time.monotonic() + seconds
    while time.monotonic() < end:
        what = choose.choices(["kill", "term", "ttin and ttou", "hup"], weights=[4, 4, 2, 1])[0]
        done[what] += 1
        if what == "kill":
            load.kill_worker(choose.choice(serving(server.pid)))
        elif what == "term":
            send(choose.choice(serving(server.pid)), signal.SIGTERM)
        elif what == "hup":
            send(server.pid, signal.SIGHUP)
        else:
            send(server.pid, signal.SIGTTIN)
            send(server.pid, signal.SIGTTOU)
        time.sleep(PAUSE)
    return done


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # It has just left by itself.


def serving(master):
    """Workers that are alive: there always are some."""
    return eventually(lambda: [child.pid for child in psutil.Process(master).children() if lives(child)], "a worker")


def await_complete_pool(server):
    """Until every worker has answered, so that no fork is under way."""
    with Load(*address(server), busy=4, fresh=2) as load:
        eventually(lambda: len(load.workers) == WORKERS, "an answer of every worker")


def boots(server):
    return sum(bool(BOOTING.search(line)) for line in server.stderr.snapshot())


def address(server):
    host, port = server.url.removeprefix("http://").rsplit(":", 1)
    return host, int(port)


def descriptors(process):
    names = os.listdir(f"/proc/{process.pid}/fd")
    return Counter(kind(f"/proc/{process.pid}/fd/{name}") for name in names)


def descriptors_at_rest(process, expected):
    """Once they are what they should be, or when it makes no sense to wait any longer."""
    end = time.monotonic() + 30
    while (found := descriptors(process)) != expected and time.monotonic() < end:
        time.sleep(0.1)
    return found


def kill_master(server, report):
    """Kills the master under load; returns the workers that outlive it for more than a few seconds."""
    workers = serving(server.pid)
    with Load(*address(server), busy=4, fresh=1) as load:
        load.stop_server(server.pid, signal.SIGKILL)
        left = [pid for pid in workers if not has_ended(pid)]
    report.failures += load.unexcused
    return left


def has_ended(pid):
    try:
        wait_for_death(pid, 15)
    except AssertionError:
        return False
    return True


class Watch:
    """Looks for zombies every second. One that is seen twice was not collected when it should have been."""

    def __init__(self, master):
        self._master, self._stop = master, threading.Event()
        self._seen, self._stayed = set(), set()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self):
        while not self._stop.wait(1):
            dead = {child.pid for child in self._master.children() if not lives(child)}
            self._stayed |= dead & self._seen
            self._seen = dead

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self._stayed


@dataclass
class Report:
    seconds: float
    done: Counter = field(default_factory=Counter)
    restarts: int = 0
    answers: int = 0
    failures: list = field(default_factory=list)  # that no kill explains
    excused: int = 0
    descriptors: list = field(default_factory=list)  # before and after
    memory: list = field(default_factory=list)  # of the master, before and after
    zombies: set = field(default_factory=set)
    orphans: list = field(default_factory=list)
    unexpected: list = field(default_factory=list)

    @property
    def rate(self):
        return self.restarts / self.seconds * 60

    @property
    def problems(self):
        checks = {
            f"only {self.rate:.0f} restarts a minute": self.rate < LEAST,
            f"{len(self.failures)} requests failed: {self.failures[:5]}": self.failures,
            f"descriptors before and after: {self.descriptors}": self.descriptors[0] != self.descriptors[-1],
            f"memory before and after: {self.memory}": self.memory[-1] - self.memory[0] > GROWTH,
            f"zombies: {self.zombies}": self.zombies,
            f"workers that outlived their master: {self.orphans}": self.orphans,
            f"the error log has: {self.unexpected[:5]}": self.unexpected,
        }
        return [text for text, wrong in checks.items() if wrong]

    def __str__(self):
        before, after = (size / MIB for size in (self.memory[0], self.memory[-1]))
        rows = [
            f"churn of {self.seconds:g} s",
            f"  restarts     {self.restarts} ({self.rate:.0f} a minute); {counts(self.done)}, and max_requests",
            f"  answers      {self.answers}, {len(self.failures)} failed, {self.excused} cut off by a kill",
            f"  descriptors  {self.descriptors[0].total()} before, {self.descriptors[-1].total()} after",
            f"  memory       {before:.1f} MiB before, {after:.1f} after",
            f"  zombies      {len(self.zombies)}, orphans {len(self.orphans)}",
        ]
        return "\n".join([*rows, *(f"  PROBLEM: {problem}" for problem in self.problems)])


def counts(counter):
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


if __name__ == "__main__":
    main()
