"""One worker at full load for a long time: every answer right, and nothing left behind. See `main` for the options.

What is left behind is counted once every client has gone: descriptors, asyncio's tasks or unclosed answers, lines of the error log that
nobody expects. Memory is looked at every second while the clients are there, and must be flat in the last two thirds.
"""

import argparse
import json
import os
import re
import signal
import ssl
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from command import Serving, kill_all, start

TESTS = Path(__file__).parents[1]
ENVIRONMENT = {"PYTHONPATH": str(TESTS)}
MIB = 1 << 20
ENOUGH = 6  # samples of memory
SETTLED = 120  # seconds after which the heap has seen every combination of sizes
REFUSED = r"Invalid request from ip=127\.0\.0\.1: |\d+ more invalid requests were not logged$"
SELF_SIGNED = r"self_signed: the certificate is made up"
EXPECTED_LINE = re.compile(rf"\[[^]]+\] \[\d+\] (\[INFO\]|\[WARNING\] ({REFUSED}|{SELF_SIGNED}))")


# A WSGI application that streams waits for its client, so those that read nothing are given up soon; and it is only
# called with a whole body, so those that never end theirs are, too.
WSGI = ["--write-timeout", "1", "--body-timeout", "10", "soak.wsgi_app:app"]
# Clients that vanished are found out by pings, those that do not read by the deadline for writing.
PINGS = ["--http2", "--ws-ping-interval", "1", "--ws-ping-timeout", "5", "--write-timeout", "5"]
FLAGS = {
    "asgi": ["-k", "asgi", "soak.app:app"],
    "sync": ["-k", "sync", *WSGI],
    "gthread": ["-k", "gthread", "--threads", "4", *WSGI],
    "websocket": ["-k", "asgi", *PINGS, "soak.websocket_app:app"],
    "websocket-tls": ["-k", "asgi", *PINGS, "--self-signed", "soak.websocket_app:app"],
    "eventloop": ["-k", "asgi", "--loop", "rgunicorn", "soak.eventloop_app:app"],
}
CLIENTS = {
    "websocket": "soak.websocket_clients",
    "websocket-tls": "soak.websocket_clients",
    "eventloop": "soak.eventloop_clients",
}
ALONE = "eventloop-alone"


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600, help="how long (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="of clients (default: one per core)")
    parser.add_argument(
        "-k",
        "--worker-class",
        choices=[*FLAGS, ALONE],
        default="asgi",
        help="or what is soaked: WebSocket, also over TLS, the event loop in a worker or without a server (default: %(default)s)",
    )
    options = parser.parse_args()
    report = soak(options.seconds, options.processes, options.worker_class)
    print(report)
    sys.exit(bool(report.problems))


def soak(seconds, processes=1, worker_class="asgi"):
    """The report of a whole soak of `seconds`."""
    if worker_class == ALONE:
        return soak_alone(seconds)
    if worker_class == "eventloop":
        processes = 1  # The load is in the worker.
    flags = ["-w", "1", "-b", "127.0.0.1:0", "--keep-alive", "60"]
    process = start([*flags, *FLAGS[worker_class]], TESTS, ENVIRONMENT)
    try:
        server = Serving(process)
        report = Report(seconds)
        soak_server(server, report, processes, worker_class)
        report.ended(server)
        return report
    finally:
        kill_all(process)


def soak_server(server, report, processes, worker_class):
    url = server.url
    report.tasks.append(tasks(url))
    worker = only_worker(server)
    report.descriptors.append(descriptors(worker))
    report.memory = Memory(worker)
    report.clients_ended(run_clients(url, report.seconds, processes, worker_class))
    report.memory.stop()
    report.worker_lived = worker.is_running()
    if report.worker_lived:
        report.tasks.append(eventually_at_most(lambda: tasks(url), report.tasks[0]))
        report.descriptors.append(descriptors(worker))


def soak_alone(seconds):
    """The event loop in a process of its own, which is soaked from within."""
    process = start(["-m", "soak.eventloop_alone", seconds], TESTS, ENVIRONMENT, command=sys.executable)
    try:
        server, report = Serving(process), Report(seconds)
        server.stdout.wait_for("^ready$")
        it = psutil.Process(process.pid)
        report.descriptors.append(descriptors(it))
        report.memory = Memory(it)
        process.send_signal(signal.SIGUSR1)
        outcome = json.loads(server.stdout.wait_for("^{.*$", seconds + 120)[0])
        report.memory.stop()
        report.worker_lived = True
        report.tasks = outcome["tasks"]
        report.clients_ended([outcome])
        report.descriptors.append(descriptors(it))
        report.ended(server)
        return report
    finally:
        kill_all(process)


def run_clients(url, seconds, processes, worker_class):
    """Starts processes of clients and returns what each printed."""
    address = urlsplit(url)
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                CLIENTS.get(worker_class, "soak.clients"),
                address.hostname,
                str(address.port),
                str(seconds),
                str(seed),
                worker_class,
            ],
            env={**os.environ, **ENVIRONMENT},
            stdout=subprocess.PIPE,
        )
        for seed in range(processes)
    ]
    try:
        outputs = [process.communicate(timeout=seconds + 120)[0] for process in running]
        assert all(process.returncode == 0 for process in running), "a process of clients failed"
        return [json.loads(output) for output in outputs]
    finally:
        for process in running:
            process.kill()
            process.wait()


def tasks(url):
    """How many tasks or unclosed answers the worker has, the one that answers this included."""
    # Of a certificate that signs itself nobody expects a known signature.
    context = ssl._create_unverified_context() if url.startswith("https") else None
    with urllib.request.urlopen(f"{url}/tasks", timeout=30, context=context) as answer:
        return int(answer.read())


def only_worker(server):
    (worker,) = psutil.Process(server.pid).children()
    return worker


def descriptors(worker):
    """What each descriptor of the worker is, once no connection is left or none will end any more."""
    eventually_at_most(lambda: len(connections(worker)), 0)
    return Counter(kind(f"/proc/{worker.pid}/fd/{name}") for name in os.listdir(f"/proc/{worker.pid}/fd"))


def connections(worker):
    return [one for one in worker.net_connections("tcp") if one.status != psutil.CONN_LISTEN]


def kind(link):
    return re.sub(r"\d+", "", os.readlink(link))


def eventually_at_most(count, bound):
    """`count()` once it is no more than `bound`, or what it is when waiting makes no sense any longer."""
    end = time.monotonic() + 30
    while (found := count()) > bound and time.monotonic() < end:
        time.sleep(0.1)
    return found


class Memory:
    """Looks at the resident memory of a process every second."""

    def __init__(self, process):
        self.samples = []  # seconds, bytes
        self._process, self._stop = process, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self):
        begin = time.monotonic()
        while True:
            try:
                self.samples.append((time.monotonic() - begin, self._process.memory_info().rss))
            except psutil.NoSuchProcess:
                return
            if self._stop.wait(1):
                return

    def stop(self):
        self._stop.set()
        self._thread.join()

    def prefer(self, samples):
        """Takes these for its own if they are enough: the process took them itself, whenever it had nothing to do."""
        if len(samples) >= ENOUGH:
            self.stop()
            self.samples = samples

    @property
    def grew(self):
        gained, allowed = self.growth
        return gained > allowed

    def __str__(self):
        if len(self.samples) < ENOUGH:
            return "not known"
        gained, allowed = self.growth
        sizes = [size / MIB for _, size in self.samples]
        tenths = ", ".join(f"{size:.1f}" for size in sizes[:: max(1, len(sizes) // 10)])
        return (
            f"{sizes[0]:.1f} MiB before, {sizes[-1]:.1f} after, {max(sizes):.1f} at most; each tenth {tenths}; "
            f"last two thirds {gained / MIB:+.2f}, allowed {allowed / MIB:.2f}"
        )

    @property
    def growth(self):
        """Bytes gained over the last two thirds, by the line through them, and how many are allowed.

        The line is that of Theil and Sen: the median of all slopes, so that one burst does not tilt it. Allowed is
        1 MiB in ten minutes, and the noise: the median distance of a sample from that line, at least half a MiB. A
        soak too short for the heap to settle may gain another 8 MiB.
        """
        last = self.samples[len(self.samples) // 3 :]
        slope = statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(last, 2))
        level = statistics.median(size - slope * second for second, size in last)
        noise = statistics.median(abs(size - slope * second - level) for second, size in last)
        window = last[-1][0] - last[0][0]
        settling = 8 * MIB if self.samples[-1][0] < SETTLED else 0
        return slope * window, MIB * window / 600 + max(noise, MIB / 2) + settling


@dataclass
class Report:
    seconds: float
    answered: Counter = field(default_factory=Counter)
    provoked: Counter = field(default_factory=Counter)
    failures: list = field(default_factory=list)
    waits: dict = field(default_factory=dict)  # see watchdog.py
    descriptors: list = field(default_factory=list)  # before and after
    tasks: list = field(default_factory=list)  # before and after
    memory: Memory | None = None
    worker_lived: bool = False
    exit_code: int | None = None
    lines: list = field(default_factory=list)  # of the error log, unexpected

    def clients_ended(self, outputs):
        for output in outputs:
            self.answered.update(output["answered"])
            self.provoked.update(output["provoked"])
            self.failures += output["failures"]
            self.waits |= output.get("waits", {})
            self.memory.prefer(output.get("memory", []))

    def ended(self, server):
        ended = server.stop()
        self.exit_code = ended.code
        self.lines = [line for line in ended.stderr.splitlines() if not EXPECTED_LINE.match(line)]

    @property
    def problems(self):
        checks = {
            "the worker was replaced": not self.worker_lived,
            f"{len(self.failures)} requests were not answered as they should: {self.failures[:5]}": self.failures,
            f"kinds of requests that were never answered: {self.answered}": len(self.answered) < 6,
            f"descriptors before and after: {self.descriptors}": self.descriptors[0] != self.descriptors[-1],
            f"tasks before and after: {self.tasks}": self.tasks[0] != self.tasks[-1],
            "memory grew": self.worker_lived and self.memory.grew,
            f"exit code {self.exit_code}": self.exit_code != 0,
            f"{len(self.lines)} unexpected lines in the error log: {self.lines[:5]}": self.lines,
        }
        return [text for text, wrong in checks.items() if wrong]

    def __str__(self):
        total = sum(self.answered.values())
        rows = [
            f"soak of {self.seconds:g} s",
            f"  answered     {total} ({total / self.seconds:.0f}/s): {counts(self.answered)}",
            f"  provoked     {sum(self.provoked.values())}: {counts(self.provoked)}",
            *([f"  longest wait {counts(self.waits)} (ms)"] if self.waits else []),
            f"  descriptors  {self.descriptors[0].total()} before, {self.descriptors[-1].total()} after",
            f"  tasks        {self.tasks[0]} before, {self.tasks[-1]} after",
            f"  memory       {self.memory}",
        ]
        return "\n".join([*rows, *(f"  PROBLEM: {problem}" for problem in self.problems)])


def counts(counter):
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


if __name__ == "__main__":
    main()
