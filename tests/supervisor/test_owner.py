"""`user`, `group` and `initgroups`: workers give up what the master may do, and files are theirs. Needs root.

Python itself may be installed where only root can read it. So everything is imported by the master, with --preload.
"""

import grp
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from command import eventually, run, serving, text_of
from conftest import RGUNICORN

APPS = Path(__file__).parent / "apps"


pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run workers as somebody else")
NOBODY = pwd.getpwnam("nobody")
USER, GROUP = NOBODY.pw_uid, NOBODY.pw_gid


@pytest.fixture
def folder():
    """One that everybody may enter, unlike pytest's."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def config(folder):
    path = folder / "gunicorn.conf.py"
    path.write_text("import asyncio, contextvars, faulthandler, json, rgunicorn._asyncio\n")
    return path


@pytest.fixture
def site(server, config):
    return lambda *flags, **options: server("identity:app", "--preload", "-c", config, *flags, cwd=APPS, **options)


def identity(s):
    return json.loads(s.get().body)


@pytest.mark.parametrize("by", ["name", "number"])
def test_workers_run_as_the_user_and_group_that_are_named_and_the_master_does_not(site, by):
    group = grp.getgrgid(GROUP).gr_name
    user, group = ("nobody", group) if by == "name" else (USER, GROUP)
    with site("--user", user, "--group", group) as s:
        found = identity(s)
        assert (found["user"], found["group"]) == ([USER] * 3, [GROUP] * 3)
        assert os.stat(f"/proc/{s.pid}").st_uid == 0


def test_numbers_may_be_numbers_in_a_configuration_file(site, config):
    config.write_text(config.read_text() + f"user = {USER}\ngroup = {GROUP}\n")
    with site() as s:
        assert identity(s)["user"] == [USER] * 3


def test_initgroups_gives_the_groups_of_the_user_and_without_it_the_masters_stay(site):
    with site("--user", "nobody", "--group", str(GROUP)) as s:
        assert identity(s)["groups"] == sorted(os.getgroups())
    with site("--user", "nobody", "--group", str(GROUP), "--initgroups") as s:
        assert identity(s)["groups"] == [GROUP]


def test_files_belong_to_the_user_of_the_workers(site, folder):
    log, access, path = folder / "error.log", folder / "access.log", folder / "socket"
    flags = ("--user", "nobody", "--group", str(GROUP), "-b", f"unix:{path}", "--access-logfile", access)
    with site(*flags) as s:
        identity(s)
        for file in (access, path):
            assert (file.stat().st_uid, file.stat().st_gid) == (USER, GROUP), file
    assert not log.exists()


def test_logs_that_were_moved_away_are_opened_anew_by_workers_that_may_not_create_files(site, folder):
    access = folder / "access.log"
    with site("--user", "nobody", "--group", str(GROUP), "--access-logfile", access) as s:
        identity(s)
        eventually(lambda: text_of(access), "a line")
        access.rename(folder / "access.log.1")
        s.kill(signal.SIGUSR1)
        eventually(access.exists, "a new file")
        eventually(lambda: identity(s) and text_of(access), "a line in the new file")
        assert access.stat().st_uid == USER


LOGCONFIG = """
logconfig_dict = {{
    "root": {{"handlers": []}},
    "handlers": {{"file": {{"class": "logging.FileHandler", "filename": {path!r}}}}},
    "loggers": {{"gunicorn.error": {{"level": "INFO", "handlers": ["file"]}}}},
}}
"""


def test_the_files_of_python_handlers_belong_to_the_user_of_the_workers_too(folder, config):
    log = folder / "python.log"
    config.write_text(config.read_text() + LOGCONFIG.format(path=str(log)))
    flags = ("--user", "nobody", "--group", str(GROUP), "--preload", "-c", config)
    with serving("-k", "asgi", "-b", "127.0.0.1:0", *flags, "identity:app", cwd=APPS, await_line=None) as s:
        eventually(lambda: "Listening at" in text_of(log), "a line in the log")
        assert (log.stat().st_uid, log.stat().st_gid) == (USER, GROUP)
        log.rename(folder / "python.log.1")
        s.process.send_signal(signal.SIGUSR1)
        eventually(log.exists, "a new file")
        eventually(lambda: log.stat().st_uid == USER, "its new owner")


def put_in_the_place_of(file, how, victim):
    """What the user of the workers can do in a folder of theirs."""
    file.unlink()
    how(victim, file)
    os.lchown(file, USER, GROUP) if file.is_symlink() else None


@pytest.mark.parametrize("how", [os.symlink, os.link], ids=["symlink", "hard link"])
def test_a_reopened_log_gives_no_file_away_that_somebody_linked_in_its_place(site, folder, how):
    access, victim = folder / "access.log", folder / "victim"
    victim.write_text("")
    with site("--user", "nobody", "--group", str(GROUP), "--access-logfile", access) as s:
        identity(s)
        put_in_the_place_of(access, how, victim)
        s.kill(signal.SIGUSR1)
        s.wait_for_line(r"Cannot reopen the access log: Permission denied")
        assert (victim.stat().st_uid, victim.stat().st_gid) == (0, 0)


def test_a_log_behind_a_link_of_roots_is_given_to_the_user(site, folder):
    access, real = folder / "access.log", folder / "real.log"
    access.symlink_to(real.name)
    with site("--user", "nobody", "--group", str(GROUP), "--access-logfile", access) as s:
        identity(s)
        eventually(lambda: text_of(real), "a line")
        assert real.stat().st_uid == USER
        assert access.lstat().st_uid == 0


def test_a_log_on_standard_output_can_be_opened_by_the_workers(site):
    """Which is a pipe of root's, or a terminal."""
    with site("--user", "nobody", "--group", str(GROUP), "--access-logfile", "/dev/stdout") as s:
        identity(s)
        s.stdout.wait_for("GET / HTTP/1.1")


def test_a_device_that_everybody_may_write_to_stays_roots(site):
    with site("--user", "nobody", "--group", str(GROUP), "--access-logfile", "/dev/null") as s:
        identity(s)
        assert os.stat("/dev/null").st_uid == 0


def test_a_pid_file_is_the_masters_and_anybody_may_read_it(site, folder):
    pidfile = folder / "master.pid"
    before = os.umask(0o077)
    try:
        with site("--user", "nobody", "--group", str(GROUP), "--pid", pidfile) as s:
            identity(s)
            assert (pidfile.stat().st_uid, pidfile.stat().st_mode & 0o777) == (0, 0o644)
    finally:
        os.umask(before)


def test_an_upgrade_keeps_the_right_to_change_the_user(site):
    with site("--user", "nobody", "--group", str(GROUP)) as s:
        identity(s)
        s.kill(signal.SIGUSR2)
        new = int(s.wait_for_line(r"Starting a new master with pid: (\d+)")[1])
        s.wait_for_line(rf"\[{new}\] \[INFO\] Listening at")
        s.kill(signal.SIGTERM)
        assert s.process.wait(15) == 0
        assert identity(s)["user"] == [USER] * 3
        os.kill(new, signal.SIGTERM)
        eventually(lambda: not os.path.exists(f"/proc/{new}"), "the end of the new master")


@pytest.mark.parametrize("setting", ["user", "group"])
def test_a_name_that_nobody_has_is_an_error(setting):
    ended = run("-k", "asgi", f"--{setting}", "no-such-name", "identity:app", cwd=APPS)
    ended.assert_explained(1, f"{setting} = 'no-such-name'", f"--{setting} on the command line", f"No such {setting}")


WITHOUT_SETUID = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_SETUID = 24, 7
assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SETUID, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_worker_that_may_not_become_the_user_fails_to_boot():
    """Not even root may in some containers: the first worker says so, and the server ends."""
    command = [RGUNICORN, "-k", "asgi", "-b", "127.0.0.1:0", "--user", "nobody", "identity:app"]
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_SETUID, *command], cwd=APPS, capture_output=True, timeout=30
    )
    assert process.returncode == 3
    assert b"Cannot become the user and group of the workers: Operation not permitted" in process.stderr
