"""Where and with what a run was made."""

import datetime
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from bench.backends import find_program
from bench.install import SOURCES
from bench.measure import Load
from bench.servers import REPOSITORY, VENV

PACKAGES = [
    *["rgunicorn", "granian", "uvicorn", "gunicorn", "gunicorn_h1c", "hypercorn", "fastpysgi"],
    *["h2", "websockets", "wsproto"],
    *["asyncpg", "redis", "hiredis"],
    *["uvloop", "httptools", "fastapi", "starlette", "pydantic"],
]


def load_average() -> str:
    """Over 1, 5 and 15 minutes. To be read before the benchmark itself builds or runs anything."""
    return " ".join(f"{average:.2f}" for average in os.getloadavg())


def describe_environment(load: Load, average: str) -> dict[str, str]:
    siblings = Path(f"/sys/devices/system/cpu/cpu{load.server_core}/topology/thread_siblings_list")
    found: dict[str, Any] = {
        "date": datetime.datetime.now().astimezone().isoformat(" ", "minutes"),
        "git": git_revision(),
        "cpu": cpu_model(),
        "cores": f"{os.cpu_count()}; core {load.server_core} shares its hardware with {read(siblings)}",
        "load average": average,
        "kernel": platform.release(),
        "python": output([str(VENV / "bin/python"), "-VV"]),
        "wrk": output(["wrk", "-v"]).partition(" [")[0],
        "h2load": output(["h2load", "--version"]) if shutil.which("h2load") else "",
        "hyper": hyper_version(),
        "Redis": version_of("redis-server"),
        "PostgreSQL": version_of("postgres"),
        **package_versions(),
    }
    return {key: str(value) for key, value in found.items() if value}


def git_revision() -> str:
    revision = output(["git", "rev-parse", "--short=12", "HEAD"])
    changed = output(["git", "status", "--porcelain", "--", *SOURCES])
    return f"{revision} with uncommitted changes" if changed else revision


def cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", read(Path("/proc/cpuinfo")), re.MULTILINE)
    return found[1] if found else platform.machine()


def hyper_version() -> str:
    lock = read(REPOSITORY / "bench/raw-hyper/Cargo.lock")
    found = re.search(r'name = "hyper"\nversion = "(.+)"', lock)
    return found[1] if found else ""


def version_of(program: str) -> str:
    path = find_program(program)
    found = re.search(r"\d+\.[\d.]+", output([path, "--version"]) if path else "")
    return found[0] if found else ""


def package_versions() -> dict[str, str]:
    listed = output([str(VENV / "bin/python"), "-m", "pip", "--disable-pip-version-check", "list", "--format=json"])
    installed = {same_name(package["name"]): package["version"] for package in json.loads(listed or "[]")}
    return {name: installed[same_name(name)] for name in PACKAGES if same_name(name) in installed}


def same_name(package: str) -> str:
    return package.lower().replace("_", "-")


def output(command: list[str]) -> str:
    """What a command prints; `wrk -v` fails after it has told its version."""
    return subprocess.run(command, check=False, cwd=REPOSITORY, capture_output=True, text=True).stdout.strip()


def read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""
