"""--help and --version answer on stdout and exit 0."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from command import run

APPS = Path(__file__).parent / "apps"
OPTIONS = [
    "--bind", "--workers", "--worker-class", "--timeout", "--graceful-timeout", "--keep-alive", "--backlog",
    "--log-level", "--access-logfile", "--access-logformat", "--error-logfile", "--config", "--pid", "--preload",
    "--chdir",
]  # fmt: skip


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_option_and_exits_0(flag):
    ended = run(flag, cwd=APPS)
    assert (ended.code, ended.stderr) == (0, "")
    for option in OPTIONS:
        assert option in ended.stdout


@pytest.mark.parametrize("flag", ["--version", "-v"])
def test_version_is_the_packages_and_exits_0(flag):
    ended = run(flag, cwd=APPS)
    assert (ended.code, ended.stderr) == (0, "")
    version = re.search(r"rgunicorn\D* (\d+\.\d+\.\d+\S*?)\)?$", ended.stdout.strip())[1]
    assert version == metadata.version("rgunicorn")


def test_python_dash_m_is_the_same_command():
    ended = subprocess.run([sys.executable, "-m", "rgunicorn", "--version"], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (0, run("--version", cwd=APPS).stdout)
