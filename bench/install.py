"""Prepares what a run needs: wrk and h2load, the peers, certificates, raw hyper, and rgunicorn as this checkout has it.

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

from bench.backends import PACKAGES, find_program, missing_programs
from bench.scenarios import SCENARIOS, WEBSOCKET_SCENARIOS
from bench.servers import CERTIFICATES, RAW_HYPER, REFERENCE, REPOSITORY, VENV, WS_LOAD

REQUIREMENTS = REPOSITORY / "bench/requirements.txt"
BUILD = "--profile=release --strip=false"
SOURCES = ["crates", "python", "Cargo.toml", "Cargo.lock", "pyproject.toml"]


HTTP2_TOOLS = {"h2load": "nghttp2-client", "nghttp": "nghttp2-client"}


def prepare(servers: list[str], scenarios: set[str]) -> None:
    http2 = any(SCENARIOS[name].is_http2 for name in scenarios)
    backends = {SCENARIOS[name].backend for name in scenarios} - {""}
    databases = {program: PACKAGES[kind] for kind in backends for program in missing_programs(kind)}
    ensure_tools({"wrk": "wrk", **(HTTP2_TOOLS if http2 else {}), **databases})
    install_peers()
    make_certificates()
    if "raw-hyper" in servers:
        build("raw-hyper", RAW_HYPER)
    if set(scenarios) & set(WEBSOCKET_SCENARIOS):
        build("ws-load", WS_LOAD)
    if any(server.startswith(REFERENCE) for server in servers):
        install_rgunicorn()


def rgunicorn_can_be_built() -> bool:
    return (REPOSITORY / "pyproject.toml").exists()


def ensure_tools(packages: dict[str, str]) -> None:
    """Installs what drives the load: programs, with the packages that they are in."""
    if not shutil.which("taskset"):
        sys.exit("bench: taskset is missing; it is part of util-linux")
    missing = {program: package for program, package in packages.items() if not find_program(program)}
    if not missing:
        return
    names = sorted(set(missing.values()))
    if shutil.which("apt-get") and os.geteuid() == 0:
        run(["apt-get", "update", "-qq"])
        run(["apt-get", "install", "-y", "-qq", *names])
    else:
        wanted = " ".join(names)
        sys.exit(
            f"bench: {', '.join(missing)} missing; install it (`sudo apt-get install {wanted}`) and run this again"
        )


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


def make_certificates() -> None:
    """One for P-256 and one for RSA, the same for all servers."""
    for kind, key_type in [("p256", "ECDSA"), ("rsa", "RSA")]:
        folder = CERTIFICATES / kind
        if not (folder / "server.key").exists():
            folder.mkdir(parents=True, exist_ok=True)
            options = ["--quiet", "--dir", str(folder), "--key-type", key_type]
            run([str(VENV / "bin/python"), "-m", "trustme", *options, "--identities", "localhost", "127.0.0.1"])


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
