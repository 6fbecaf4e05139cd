"""uvloop's tests, as published with its sources, on our loop. `expected.py` has the list of what may fail.

Left out are the modules about uvloop's own build, its private API and aiohttp (which has tests of ours).
"""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from eventloop.expected import UVLOOP, UVLOOP_LEFT_OUT
from eventloop.suites import outcomes_of, unexpected

VERSION = "0.22.1"
MODULES = [
    "base",
    "context",
    "dealloc",
    "dns",
    "executors",
    "pipes",
    "process",
    "process_spawning",
    "regr1",
    "runner",
    "signals",
    "sockets",
    "tcp",
    "udp",
    "unix",
]
STAND_IN = Path(__file__).parent / "in_place_of_uvloop"


@pytest.fixture(scope="session")
def sources(request):
    """uvloop's source distribution, unpacked. Kept in pytest's cache."""
    folder = Path(request.config.cache.mkdir("uvloop"))
    unpacked = folder / f"uvloop-{VERSION}"
    if not unpacked.is_dir():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "uvloop"]
        command += ["--dest", folder, f"uvloop=={VERSION}"]
        got = subprocess.run(command, check=False, capture_output=True, text=True)
        if got.returncode != 0:
            pytest.skip(f"uvloop's sources are not to be had: {got.stderr.strip()[-200:]}")
        with tarfile.open(folder / f"uvloop-{VERSION}.tar.gz") as archive:
            archive.extractall(folder / "new")
        (folder / "new" / f"uvloop-{VERSION}").rename(unpacked)
    return unpacked


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MODULES)
def test_uvloops_tests_pass_on_our_loop(name, sources, tmp_path, monkeypatch):
    # Beside the tests lies uvloop itself, which would be imported first.
    shutil.copytree(sources / "tests", tmp_path / "tests")
    monkeypatch.setenv("UVLOOP_SOURCES", str(sources))
    monkeypatch.setenv("LEFT_OUT", " ".join(UVLOOP_LEFT_OUT))
    outcomes = outcomes_of([f"tests.test_{name}"], tmp_path, paths=[STAND_IN, tmp_path])
    assert len(outcomes) > 0
    assert unexpected(outcomes, UVLOOP) == {}
