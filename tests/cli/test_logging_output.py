"""Where what is written ends up: capture_output, RUST_LOG, and colours on a terminal only."""

import os
import pty
import re
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from command import environment, eventually, kill_all, serving, text_of
from conftest import RGUNICORN

APPS = Path(__file__).parent / "apps"
PRINTED = ["printed by the application", "complained by the application", "said by a child"]


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_capture_output_takes_what_the_application_prints(tmp_path, worker_class):
    log, moved = tmp_path / "error.log", tmp_path / "error.log.1"
    flags = ("-k", worker_class, "--error-logfile", log, "--capture-output", "--access-logfile", "-")
    with serving("-b", "127.0.0.1:0", *flags, "logging_apps:wsgi", cwd=APPS, await_line=None) as s:
        url = eventually(lambda: re.search(r"Listening at: (\S+)", text_of(log)), "the address")[1]
        httpx.get(url + "/print")
        eventually(lambda: all(text in text_of(log) for text in [*PRINTED, "GET /print"]), "the output")
        log.rename(moved)
        s.process.send_signal(signal.SIGUSR1)
        eventually(log.exists, "the new file")

        def printed_anew():
            httpx.get(url + "/print")
            return all(text in text_of(log) for text in [*PRINTED, "GET /print"])

        eventually(printed_anew, "output in the new file")
        ended = s.stop()
    assert (ended.stdout, ended.stderr) == ("", "")


def test_capture_output_without_a_file_changes_nothing():
    with serving("-b", "127.0.0.1:0", "--capture-output", "logging_apps:wsgi", cwd=APPS) as s:
        httpx.get(s.url + "/print")
        s.stdout.wait_for(PRINTED[0])


def test_rust_log_adds_diagnostics_and_takes_nothing_away():
    env = {"RUST_LOG": "_rgunicorn::master=debug"}
    with serving("-b", "127.0.0.1:0", "logging_apps:wsgi", cwd=APPS, env=env) as s:
        s.wait_for_line(r"\[DEBUG\] _rgunicorn::master::metrics: 1 workers$")
        s.wait_for_line(r"\[INFO\] Booting worker")
        debug = [line for line in s.stop().stderr.splitlines() if "[DEBUG]" in line]
        assert all("_rgunicorn::master::" in line for line in debug)
    with serving("-b", "127.0.0.1:0", "logging_apps:wsgi", cwd=APPS, env={"RUST_LOG": "off"}) as s:
        s.wait_for_line(r"\[INFO\] Booting worker")


def test_a_rust_log_that_says_nothing_is_mentioned():
    with serving("-b", "127.0.0.1:0", "logging_apps:wsgi", cwd=APPS, env={"RUST_LOG": "a=b=c"}) as s:
        s.wait_for_line(r"\[WARNING\] RUST_LOG = 'a=b=c' has no effect")


@contextmanager
def on_a_terminal(**variables):
    """The output of a server whose standard error is a terminal."""
    ours, theirs = pty.openpty()
    env = environment({"TERM": "xterm", **variables})
    env = {name: value for name, value in env.items() if value is not None}
    command = [RGUNICORN, "-b", "127.0.0.1:0", "logging_apps:wsgi"]
    process = subprocess.Popen(command, cwd=APPS, env=env, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        text = ""
        while "Booting worker" not in text:
            text += os.read(ours, 4096).decode()
        yield text
    finally:
        kill_all(process)
        os.close(ours)


def test_levels_are_coloured_on_a_terminal():
    with on_a_terminal(NO_COLOR="") as text:
        assert "[\x1b[32mINFO\x1b[0m] Starting" in text


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb", "NO_COLOR": ""}])
def test_nothing_is_coloured_for_who_does_not_want_that(variables):
    with on_a_terminal(**variables) as text:
        assert "[INFO] Starting" in text and "\x1b" not in text


def test_nothing_is_coloured_in_a_file_or_a_pipe(tmp_path):
    log = tmp_path / "error.log"
    with serving("-b", "127.0.0.1:0", "logging_apps:wsgi", cwd=APPS) as s:
        s.wait_for_line(r"\[INFO\] Booting worker")
        assert "\x1b" not in s.stop().stderr
    with serving("-b", "127.0.0.1:0", "--error-logfile", log, "logging_apps:wsgi", cwd=APPS, await_line=None):
        eventually(lambda: "Booting" in text_of(log), "the worker")
    assert "\x1b" not in text_of(log)
