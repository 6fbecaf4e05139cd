"""Runs the command `rgunicorn` exactly as given: to its end, or as a server.

    ended = run("-k", "asgi", "nowhere:app")
    assert ended.code == 3

    with serving("-k", "asgi", "-b", f"unix:{path}", "app:app", cwd=tmp_path) as s: ...

`conftest.server` is the short way when the address and the number of workers do not matter.
"""

import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conftest import RGUNICORN, Lines

DEADLINE = 30.0
SETTINGS_FROM_OUTSIDE = (
    "GUNICORN_CMD_ARGS",
    "RGUNICORN_",
    "WEB_CONCURRENCY",
    "PORT",
    "FORWARDED_ALLOW_IPS",
    "SENDFILE",
)
TRACEBACK = "Traceback (most recent call last)"


@dataclass
class Ended:
    code: int
    stdout: str
    stderr: str

    @property
    def output(self):
        return self.stdout + self.stderr

    def line_with(self, *words):
        """The one clear line that names what is wrong: the first that has all the words."""
        for line in self.output.splitlines():
            if all(word in line for word in words):
                return line
        raise AssertionError(f"no line has {words}:\n{self.output}")

    def assert_explained(self, code, *words):
        """It ended with this code and one clear line, which has all the words, in the place of a traceback."""
        assert self.code == code, self.output
        self.line_with(*words)
        self.assert_no_traceback()

    def assert_no_traceback(self):
        assert TRACEBACK not in self.output and "panicked" not in self.output, self.output

    def assert_only_the_users_traceback(self):
        assert TRACEBACK in self.output and "panicked" not in self.output, self.output
        assert_no_frame_of_ours(self.output)


def assert_no_frame_of_ours(output):
    frames = re.findall(r'^\s*File "(.+?)", line', output, re.M)
    assert not [frame for frame in frames if re.search(r"/(site-packages|python)/rgunicorn/", frame)], output


def environment(extra):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS_FROM_OUTSIDE)}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **extra}


def run(*arguments, cwd, env={}) -> Ended:
    """Runs `rgunicorn` until it exits by itself."""
    process = start(arguments, cwd, env)
    try:
        stdout, stderr = process.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        kill_all(process)
        stdout, stderr = process.communicate()
        raise AssertionError(f"still running after {DEADLINE} s: {arguments}\n{stderr.decode()}") from None
    return Ended(process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace"))


@contextmanager
def serving(*arguments, cwd, env={}, pass_fds=(), await_line="Listening at: ", command=RGUNICORN):
    """Starts `rgunicorn` and waits for a line on stderr; at the end it must leave TERM with exit code 0."""
    process = start(arguments, cwd, env, pass_fds, command)
    server = Serving(process)
    try:
        if await_line:
            server.wait_for_line(await_line)
        yield server
        if server.ended is None:
            code = server.stop().code
            assert code == 0, f"exit code {code} after SIGTERM"
        if not server.errors_expected:
            server.ended.assert_no_traceback()
    finally:
        kill_all(process)


def start(arguments, cwd, env, pass_fds=(), command=RGUNICORN):
    return subprocess.Popen(
        [command, *map(str, arguments)],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
        start_new_session=True,
    )


def kill_all(process):
    """Leaves no worker behind either: they share the group of the master."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


class Serving:
    def __init__(self, process):
        self.process = process
        self.pid = process.pid
        self.stdout, self.stderr = Lines(process.stdout), Lines(process.stderr)
        self.ended = None
        self.errors_expected = False

    def expect_errors(self):
        """This test makes the application fail: tracebacks in the log are fine."""
        self.errors_expected = True

    def wait_for_line(self, pattern, timeout=DEADLINE, count=1):
        return self.stderr.wait_for(pattern, timeout, count)

    @property
    def url(self):
        """Of the first address over TCP."""
        return self.wait_for_line(r"Listening at: .*?(https?://[^ ,]+)")[1]

    def stop(self, number=signal.SIGTERM) -> Ended:
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE)
        self.stdout.join()
        self.stderr.join()
        self.ended = Ended(code, *("\n".join(lines.snapshot()) for lines in (self.stdout, self.stderr)))
        return self.ended


def free_port() -> int:
    """A port that was free a moment ago, for the settings that take no other."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def eventually(condition, what):
    """For what tells nobody when it happens, such as a line in a file: asks until it is so."""
    end = time.monotonic() + DEADLINE
    while not (result := condition()):
        assert time.monotonic() < end, f"waited {DEADLINE} s for {what}"
        time.sleep(0.01)
    return result


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""
