"""Starts the real `rgunicorn` for a test, on a free port, and takes it down with a check of how it ended.

    def test_something(server):
        with server("echo:app", "--keep-alive", "5", workers=2) as s, s.connect() as client:
            client.get("/")

A test waits for events (a line of the log, a note from the application, bytes, the end of a connection
or of a process), never for time to pass.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from certificates import Authority
from client import Client

APPS = Path(__file__).parent / "apps"
RGUNICORN = Path(sys.executable).parent / "rgunicorn"
DEADLINE = 15.0

# A job in the background of a shell ignores INT, under nohup HUP, and so would all that it starts. What has a handler
# begins anew with its default.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(scope="session")
def server():
    return running


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """What signs the certificates of a module's tests, and makes clients that trust them."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def shared():
    """A function from an app to a server that stays up for the whole module, for apps that only answer."""
    servers = {}
    with ExitStack() as stack:

        def running_already(app, *flags):
            if (app, flags) not in servers:
                servers[app, flags] = stack.enter_context(running(app, *flags))
                servers[app, flags].expect_errors()
            return servers[app, flags]

        yield running_already


class GateFile:
    """A FIFO on which an app waits while nobody is served: during startup and after the last connection."""

    def __init__(self, path):
        os.mkfifo(path)
        self._path = path
        self.env = {"GATE": str(path)}

    def open_gate(self):
        with open(self._path, "w"):
            pass


@pytest.fixture
def gate_file(tmp_path):
    return GateFile(tmp_path / "gate")


@contextmanager
def running(app, *flags, workers=1, worker_class="asgi", env=None, cwd=APPS):
    server = Server(app, ("-k", worker_class, *flags), workers, env or {}, cwd)
    try:
        server.await_listening()
        yield server
        server.finish()
    finally:
        server.destroy()


class Server:
    """A running rgunicorn: its addresses, its log and its end."""

    host = "127.0.0.1"

    def __init__(self, app, flags, workers, env, cwd):
        count = ("-w", str(workers)) if workers else ()
        command = [RGUNICORN, "-b", f"{self.host}:0", *count, *map(str, flags), app]
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self.process.pid
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)
        self.port = None
        self.scheme = None
        self._errors_expected = False
        self._stopped = False

    # What a test asks for.

    @property
    def url(self):
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def lines(self):
        """The error log so far."""
        return self.stderr.snapshot()

    @property
    def notes(self):
        """What the application has noted so far (see apps/control.py). Wait for the last note of interest first."""
        return [json.loads(line[6:]) for line in self.lines if line.startswith("note: ")]

    def wait_for_line(self, pattern, timeout=DEADLINE, count=1):
        """The `count`-th line of the error log that matches."""
        return self.stderr.wait_for(pattern, timeout, count)

    def wait_for_note(self, event, timeout=DEADLINE, count=1):
        line = self.wait_for_line(rf'^note: {{"event": "{re.escape(event)}"', timeout, count)
        return json.loads(line.string[6:])

    def connect(self):
        return Client((self.host, self.port))

    def exchange(self, request, head=False):
        """Sends raw bytes on a connection of their own and reads one response."""
        with self.connect() as client:
            client.send(request)
            return client.read_response(head=head)

    def get(self, path="/", *headers):
        with self.connect() as client:
            client.get(path, *headers)
            return client.read_response()

    def open_gate(self, name):
        """Lets the application pass `await gate(name)`."""
        assert self.get(f"/gate/{name}").status == 204

    def worker_pids(self):
        return [child.pid for child in psutil.Process(self.pid).children()]

    def worker_memory(self):
        """Resident bytes of the only worker."""
        (pid,) = self.worker_pids()
        return psutil.Process(pid).memory_info().rss

    def expect_errors(self):
        """This test makes the application fail: tracebacks in the log are fine. Panics never are."""
        self._errors_expected = True

    def kill(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=DEADLINE):
        """Sends a signal and returns the exit code."""
        self.kill(number)
        return self.wait_for_exit(timeout)

    def wait_for_exit(self, timeout=DEADLINE):
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"rgunicorn did not exit within {timeout} s") from None
        self._stopped = True
        self.stderr.join()
        self.stdout.join()
        return code

    # What the fixture does around the test.

    def await_listening(self):
        pattern = rf"Listening at: \S*(https?)://{re.escape(self.host)}:(\d+)"
        found = self.wait_for_line(pattern)
        self.scheme, self.port = found[1], int(found[2])

    def finish(self):
        if not self._stopped:
            code = self.stop()
            assert code == 0, f"exit code {code} after SIGTERM"
        bad = "panicked" if self._errors_expected else "panicked|Traceback"
        offending = [line for line in self.lines if re.search(bad, line)]
        assert not offending, f"the error log has: {offending}"

    def destroy(self):
        """Leaves nothing behind, whatever happened, and shows the log of a failed test."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.stderr.join()
        self.stdout.join()
        print("--- error log ---", *self.lines, "--- end ---", sep="\n", file=sys.stderr)


class Lines:
    """The lines of a pipe, collected by a thread; a waiter is woken by each new one."""

    def __init__(self, pipe):
        self._lines = []
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._collect, args=(pipe,), daemon=True)
        self._thread.start()

    def _collect(self, pipe):
        with pipe:
            for line in pipe:
                with self._changed:
                    self._lines.append(line.decode(errors="replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def snapshot(self):
        with self._changed:
            return list(self._lines)

    def wait_for(self, pattern, timeout=DEADLINE, count=1):
        deadline = time.monotonic() + timeout
        seen, matches = 0, []
        with self._changed:
            while True:
                new, seen = self._lines[seen:], len(self._lines)
                matches += [match for match in map(re.compile(pattern).search, new) if match]
                if len(matches) >= count:
                    return matches[count - 1]
                if self._ended or not self._changed.wait(deadline - time.monotonic()):
                    why = "the output ended" if self._ended else f"{timeout} s passed"
                    raise AssertionError(f"{why} without line {count} of {pattern!r} in:\n" + "\n".join(self._lines))

    def join(self):
        """Waits until every writer is gone, so that the last lines are in."""
        self._thread.join(DEADLINE)
