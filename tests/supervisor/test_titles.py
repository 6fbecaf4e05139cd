"""What `ps` calls the processes: gunicorn's titles with the package setproctitle, short names without it."""

import os
import signal
from pathlib import Path

import psutil
import pytest
from command import eventually

APPS = Path(__file__).parent / "apps"
BOOTING = r"Booting worker with pid: (\d+)"


@pytest.fixture
def without_package(tmp_path):
    (tmp_path / "setproctitle.py").write_text("raise ImportError('hidden by a test')")
    return {"PYTHONPATH": str(tmp_path)}


def command_line(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()


def wait_for_title(pid, title):
    eventually(lambda: command_line(pid) == title, f"{title!r} instead of {command_line(pid)!r}")


def short(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


@pytest.mark.parametrize(
    "flags, name", [((), "behaviours:app"), (("--name", "shop"), "shop"), (("-n", "shop:blue"), "shop:blue")]
)
def test_titles_name_the_role_and_the_server(server, flags, name):
    with server("behaviours:app", *flags, cwd=APPS) as s:
        worker = int(s.wait_for_line(BOOTING)[1])
        wait_for_title(s.pid, f"rgunicorn: master [{name}]")
        wait_for_title(worker, f"rgunicorn: worker [{name}]")


def test_the_default_name_can_be_set_in_a_configuration_file(server, tmp_path):
    config = tmp_path / "gunicorn.conf.py"
    config.write_text("default_proc_name = 'site'\n")
    with server("behaviours:app", "-c", config, cwd=APPS) as s:
        wait_for_title(s.pid, "rgunicorn: master [site]")


def test_a_new_master_is_told_from_the_old_one_by_its_title(server):
    with server("behaviours:app", "--name", "shop", cwd=APPS) as s:
        s.get("/")
        s.kill(signal.SIGUSR2)
        new = int(s.wait_for_line(r"Starting a new master with pid: (\d+)")[1])
        wait_for_title(new, "rgunicorn: master [shop.2]")
        s.kill(signal.SIGTERM)
        assert s.process.wait(15) == 0
        wait_for_title(new, "rgunicorn: master [shop]")
        os.kill(new, signal.SIGTERM)
        eventually(lambda: not psutil.pid_exists(new), "the end of the new master")


def test_without_the_package_there_are_short_names(server, without_package):
    with server("behaviours:app", env=without_package, cwd=APPS) as s:
        worker = int(s.wait_for_line(BOOTING)[1])
        eventually(lambda: short(worker) == "rgunicorn: work", "the short name of a worker")
        assert short(s.pid) == "rgunicorn"
        assert "behaviours:app" in command_line(worker)
