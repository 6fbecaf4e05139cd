"""`daemon`: the server goes into the background, and says before that what is wrong with its log files."""

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from command import environment, eventually, free_port, run, text_of
from conftest import RGUNICORN
from load import wait_for_death

APPS = Path(__file__).parent / "apps"


class Daemon:
    def __init__(self, folder):
        self.pidfile, self.log = folder / "master.pid", folder / "error.log"
        self.port = free_port()

    @property
    def flags(self):
        files = ("--pid", self.pidfile, "--error-logfile", self.log)
        return ("--daemon", "-k", "asgi", "-b", f"127.0.0.1:{self.port}", *files)

    @property
    def pid(self):
        return int(self.pidfile.read_text())

    def wait_for_log(self, text):
        eventually(lambda: text in text_of(self.log), f"{text!r} in {text_of(self.log)}")

    def workers(self):
        return [child.pid for child in psutil.Process(self.pid).children()]


@contextmanager
def background(folder, *flags, **variables):
    daemon = Daemon(folder)
    try:
        ended = run(*daemon.flags, *flags, "behaviours:app", cwd=APPS, env=variables)
        assert (ended.code, ended.output) == (0, "")
        daemon.wait_for_log("lifespan")
        yield daemon
    finally:
        end(daemon)


def end(daemon):
    if daemon.pidfile.exists():
        pid = daemon.pid
        os.kill(pid, signal.SIGTERM)
        wait_for_death(pid)


def stream(pid, number):
    return os.readlink(f"/proc/{pid}/fd/{number}")


def test_a_daemon_has_a_session_of_its_own_and_no_streams(tmp_path):
    with background(tmp_path) as daemon:
        assert os.getsid(daemon.pid) not in (os.getsid(0), daemon.pid), "nobody's, and it does not lead it"
        assert [stream(daemon.pid, number) for number in range(3)] == ["/dev/null"] * 3
        assert [stream(daemon.workers()[0], number) for number in range(3)] == ["/dev/null"] * 3
        with open(f"/proc/{daemon.pid}/status") as status:
            assert "Umask:\t0022\n" in status.readlines()


def test_a_daemon_can_keep_what_its_output_was_redirected_to(tmp_path):
    daemon, output = Daemon(tmp_path), tmp_path / "output"
    command = [RGUNICORN, *daemon.flags, "--enable-stdio-inheritance", "behaviours:app"]
    try:
        with open(output, "wb") as file:
            process = subprocess.run(
                list(map(str, command)),
                cwd=APPS,
                env=environment({}),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        assert process.returncode == 0
        daemon.wait_for_log("lifespan")
        streams = [stream(daemon.pid, number) for number in range(3)]
        assert streams == ["/dev/null", str(output), str(output)]
    finally:
        end(daemon)


def test_winch_ends_the_workers_of_a_daemon_and_hup_brings_them_back(tmp_path):
    with background(tmp_path) as daemon:
        os.kill(daemon.pid, signal.SIGWINCH)
        daemon.wait_for_log("graceful stop of workers")
        eventually(lambda: daemon.workers() == [], "the end of the workers")
        os.kill(daemon.pid, signal.SIGHUP)
        eventually(daemon.workers, "a worker")


def test_the_new_master_of_an_upgrade_stays_a_child_of_the_old_one(tmp_path):
    with background(tmp_path) as daemon:
        old = daemon.pid
        os.kill(old, signal.SIGUSR2)
        second = tmp_path / "master.pid.2"
        new = int(eventually(lambda: text_of(second), "the new master's pid file"))
        assert psutil.Process(new).ppid() == old
        os.kill(old, signal.SIGTERM)
        wait_for_death(old)
        eventually(lambda: text_of(daemon.pidfile) == f"{new}\n", "its pid in the place of the old one")


def test_a_log_that_cannot_be_opened_is_reported_before_the_terminal_is_left(tmp_path):
    daemon = Daemon(tmp_path)
    daemon.log = tmp_path / "missing" / "error.log"
    ended = run(*daemon.flags, "behaviours:app", cwd=APPS)
    assert ended.code == 1
    ended.line_with("errorlog", "missing/error.log")
    assert not daemon.pidfile.exists()


def failing(folder, *more, flags=(), app="behaviours:app", hooks=""):
    """Starts a daemon that cannot come up. Returns how what was started ended, and the daemon."""
    daemon, config = Daemon(folder), folder / "hooks.conf.py"
    config.write_text(hooks)
    return run(*daemon.flags, "-c", config, *flags, *more, app, cwd=APPS), daemon


FAILING_HOOK = """
def {hook}(server):
    raise RuntimeError("no such luck")
"""
LUCK = "RuntimeError: no such luck"
BEFORE_THE_FIRST_FORK = {
    "address": ({"flags": ("-b", "192.0.2.1:80")}, 1, "cannot listen", "Invalid address: ('192.0.2.1', 80)"),
    "import": ({"flags": ("--preload",), "app": "nowhere:app"}, 3, "cannot load the application", "no module named"),
    "pid file": ({"flags": ("--pid", "/nowhere/pid")}, 1, "/nowhere/pid", "/nowhere/pid"),
    "on_starting": ({"hooks": FAILING_HOOK.format(hook="on_starting")}, 1, LUCK, LUCK),
    "when_ready": ({"hooks": FAILING_HOOK.format(hook="when_ready")}, 1, LUCK, LUCK),
}


@pytest.mark.parametrize("how, code, said, logged", BEFORE_THE_FIRST_FORK.values(), ids=BEFORE_THE_FIRST_FORK)
@pytest.mark.parametrize("capture", [(), ("--capture-output",)], ids=["", "captured"])
def test_what_fails_before_the_first_fork_is_told_by_what_was_started_and_by_the_log(
    tmp_path, how, code, said, logged, capture
):
    ended, daemon = failing(tmp_path, *capture, **how)
    assert not daemon.pidfile.exists()
    assert ended.code == code
    assert ended.stdout == ""
    assert ended.stderr.count(said) == text_of(daemon.log).count(logged) == 1


def test_a_log_on_standard_error_is_that_of_what_was_started_until_the_server_is_up(tmp_path):
    ended, _ = failing(tmp_path, "--error-logfile", "-", "-b", "192.0.2.1:80")
    assert ended.code == 1
    ended.line_with("[ERROR]", "Invalid address: ('192.0.2.1', 80)")
    assert "cannot listen" not in ended.output, "it was said already"


def test_a_daemon_that_vanishes_before_it_is_up_is_an_error(tmp_path):
    ended, _ = failing(tmp_path, hooks="import os\ndef on_starting(server):\n    os._exit(0)\n")
    assert ended.code == 255
    ended.line_with("Error", "before it was up")


def test_what_is_started_is_there_until_the_sockets_are_open(tmp_path):
    with background(tmp_path) as daemon:
        assert "Listening at" in text_of(daemon.log)


def test_a_daemon_captures_output_too(tmp_path):
    with background(tmp_path, "--capture-output") as daemon:
        assert [stream(daemon.workers()[0], number) for number in (1, 2)] == [str(daemon.log)] * 2


def test_systemd_and_daemon_together_are_worth_a_warning(tmp_path):
    with background(tmp_path, NOTIFY_SOCKET=str(tmp_path / "nobody")) as daemon:
        daemon.wait_for_log("you shouldn't specify `daemon = True`")


@pytest.mark.parametrize("flags, mode", [((), 0o777), (("--umask", "0077"), 0o700), (("-m", "18"), 0o755)])
def test_the_umask_is_for_the_files_of_unix_sockets(server, tmp_path, flags, mode):
    path = tmp_path / "socket"
    with server("behaviours:app", "-b", f"unix:{path}", *flags, cwd=APPS):
        assert path.stat().st_mode & 0o777 == mode
