"""Prepares what a run needs: wrk, the peers, raw hyper, and rgunicorn as this checkout has it.

Each step does nothing when its result is already there and up to date.
"""

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.scenarios import WEBSOCKET_SCENARIOS
from bench.servers import RAW_HYPER, REFERENCE, REPOSITORY, VENV, WS_LOAD

REQUIREMENTS = REPOSITORY / "bench/requirements.txt"
BUILD = "--profile=release --strip=false"
SOURCES = ["crates", "python", "Cargo.toml", "Cargo.lock", "pyproject.toml"]


def prepare(servers: list[str], scenarios: list[str]) -> None:
    ensure_tools()
    install_peers()
    if "raw-hyper" in servers:
        build("raw-hyper", RAW_HYPER)
    if set(scenarios) & set(WEBSOCKET_SCENARIOS):
        build("ws-load", WS_LOAD)
    if REFERENCE in servers:
        install_rgunicorn()


def rgunicorn_can_be_built() -> bool:
    return (REPOSITORY / "pyproject.toml").exists()


def ensure_tools() -> None:
    if not shutil.which("taskset"):
        sys.exit("bench: taskset is missing; it is part of util-linux")
    if shutil.which("wrk"):
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        run(["apt-get", "update", "-qq"])
        run(["apt-get", "install", "-y", "-qq", "wrk"])
    else:
        sys.exit("bench: wrk is missing; install it (`sudo apt-get install wrk`) and run this again")


def allow_descriptors(needed: int) -> None:
    """Raises this process's limit of open files, which the servers and wrk inherit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(hard, needed)))
    except (OSError, ValueError):
        sys.exit(f"bench: {needed} open files are needed, and {hard} are allowed: `ulimit -n {needed}` as root")


def install_peers() -> None:
    """Makes the environment that all servers share, so that all run the same FastAPI."""
    if not (VENV / "bin/python").exists():
        say(f"creating {VENV} with Python {sys.version.split()[0]}")
        venv.create(VENV, with_pip=True)
    wanted = digest_of([REQUIREMENTS])
    if stamp("peers") != wanted:
        say("installing the peers")
        pip("install", "--upgrade", "-r", str(REQUIREMENTS))
        set_stamp("peers", wanted)


def build(name: str, program: Path) -> None:
    manifest = REPOSITORY / f"bench/{name}/Cargo.toml"
    target = program.parent.parent
    run(["cargo", "build", "--release", "--quiet", "--manifest-path", str(manifest), "--target-dir", str(target)])


def install_rgunicorn() -> None:
    """Builds a release wheel when a source changed since the last one, committed or not.

    Its symbols stay in, for --profile. They change neither the code nor what is loaded into memory.
    """
    wanted = f"{BUILD} {digest_of(sources())}"
    if stamp(REFERENCE) == wanted and (VENV / "bin/rgunicorn").exists():
        return
    say("building and installing rgunicorn (release)")
    pip("uninstall", "--yes", REFERENCE)
    pip("install", f"--config-settings=build-args={BUILD}", str(REPOSITORY))
    if not (VENV / "bin/rgunicorn").exists():
        sys.exit("bench: the package was installed, but it has no `rgunicorn` script")
    set_stamp(REFERENCE, wanted)


def sources() -> list[Path]:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SOURCES]
    names = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    return [REPOSITORY / name for name in sorted(set(names.split("\0"))) if name]


def digest_of(paths: list[Path]) -> str:
    digest = hashlib.sha256(os.environ.get("RUSTFLAGS", "").encode())
    for path in paths:
        digest.update(f"\0{path}\0".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def stamp(name: str) -> str:
    path = VENV / f"{name}.stamp"
    return path.read_text() if path.exists() else ""


def set_stamp(name: str, digest: str) -> None:
    (VENV / f"{name}.stamp").write_text(digest)


def pip(action: str, *arguments: str) -> None:
    run([str(VENV / "bin/python"), "-m", "pip", action, "--quiet", "--disable-pip-version-check", *arguments])


def run(command: list[str]) -> None:
    if subprocess.run(command, check=False, cwd=REPOSITORY).returncode != 0:
        sys.exit(f"bench: failed: {' '.join(command)}")


def say(text: str) -> None:
    print(f"bench: {text}", flush=True)
