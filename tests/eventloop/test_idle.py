"""A worker to which nobody talks sleeps, on either loop: strace shows heartbeats and nothing else."""

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

APPS = Path(__file__).parent / "apps"
SECONDS = 5
# A heartbeat each second: the sleep ends (asyncio's epoll instance is asked, too), the parent is looked for, the next time is set.
CALLS_PER_SECOND = 4


@pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed: scripts/test installs it where it may"
)
@pytest.mark.parametrize("loop", ["rgunicorn", "asyncio"])
def test_an_idle_worker_makes_only_heartbeats(server, loop):
    """A measurement, so it takes its time."""
    with server("library_site:app", "--loop", loop, cwd=APPS) as s:
        with httpx.Client(base_url=s.url, timeout=60) as client:
            # Timers, threads, subprocesses and sockets, and a connection that stays.
            for path in "/anyio-threads", "/anyio-scopes", "/anyio-sockets", "/subprocess-streams", "/streamed":
                assert client.get(path).status_code == 200
        (worker,) = s.worker_pids()
        calls, elapsed = calls_while_idle(worker)
    assert calls
    assert sum(calls.values()) <= CALLS_PER_SECOND * (elapsed + 1), calls


def calls_while_idle(pid):
    """How often each system call was made by any thread of a process, and in how many seconds."""
    time.sleep(2)  # longer than the deadlines that are left by the last requests
    with subprocess.Popen(["strace", "-f", "-c", "-p", str(pid)], stderr=subprocess.PIPE, text=True) as strace:
        first = strace.stderr.readline()
        if "attached" not in first:
            pytest.skip(f"strace may not look at processes: {first}")
        begin = time.monotonic()
        time.sleep(SECONDS)
        strace.send_signal(signal.SIGINT)
        table = strace.stderr.read()
        elapsed = time.monotonic() - begin
    rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", table, re.M)
    return {name: int(count) for count, name in rows if name != "total"}, elapsed
