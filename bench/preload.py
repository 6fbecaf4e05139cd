"""What `preload_app` saves: the memory of four workers with it and without, for FastAPI and for Django with its admin.

    PYTHONPATH=. .venv/bin/python -m bench.preload

Counted is PSS: a page that several processes share counts for each by its part. Read when every worker has answered
many requests, because writing is what ends the sharing.
"""

import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
RGUNICORN = Path(sys.executable).with_name("rgunicorn")
WORKERS = 4
REQUESTS = 4_000


@dataclass(frozen=True)
class Site:
    """An application, and what to ask it for."""

    name: str
    folder: Path
    app: str
    worker_class: str
    path: str


SITES = [
    Site("FastAPI (examples/fastapi_app.py), asgi", ROOT / "examples", "fastapi_app:app", "asgi", "/items/7?q=tea"),
    Site("Django with admin, sync", ROOT / "tests/frameworks/apps", "django_site:app", "sync", "/admin/login/"),
    Site("Django with admin, asgi", ROOT / "tests/frameworks/apps", "django_site:asgi_app", "asgi", "/admin/login/"),
]


def main() -> None:
    """Print a table."""
    print(
        "| application | | workers, MiB PSS each | master | all together |",
        "| --- | --- | ---: | ---: | ---: |",
        sep="\n",
    )
    for site in SITES:
        before = row(site, "without", ())
        after = row(site, "with preload", ("--preload",))
        print(f"| | saved | | | {before - after:.1f} ({100 * (before - after) / before:.0f} %) |")


def row(site: Site, label: str, flags: tuple[str, ...]) -> float:
    """One line of the table; returns the sum."""
    with serving(site, flags) as (master, url):
        ask(url)
        workers = [pss(child.pid) for child in master.children()]
        own = pss(master.pid)
    total = sum(workers) + own
    print(f"| {site.name} | {label} | {', '.join(f'{size:.1f}' for size in workers)} | {own:.1f} | {total:.1f} |")
    return total


@contextmanager
def serving(site: Site, flags: tuple[str, ...]) -> Iterator[tuple[psutil.Process, str]]:
    """The master, and the URL to ask."""
    command = [RGUNICORN, "-b", "127.0.0.1:0", "-w", str(WORKERS), "-k", site.worker_class, *flags, site.app]
    with tempfile.TemporaryDirectory() as state:
        env = {**os.environ, "STATE": state}
        prepare = "import sys; sys.path.insert(0, '.'); import django_site; django_site.prepare()"
        if "django" in site.app:
            subprocess.run([sys.executable, "-c", prepare], cwd=site.folder, env=env, check=True, capture_output=True)
        server = subprocess.Popen(command, cwd=site.folder, env=env, stderr=subprocess.PIPE, text=True)
        try:
            line = next(line for line in server.stderr or () if "Listening at: " in line)
            address = line.split("Listening at: ")[1].split()[0]
            yield psutil.Process(server.pid), address + site.path
        finally:
            server.terminate()
            server.communicate()


def ask(url: str) -> None:
    """Asks until every worker must have had its share."""

    def one(_: int) -> None:
        with urllib.request.urlopen(url, timeout=60) as answer:
            answer.read()

    with ThreadPoolExecutor(16) as clients:
        list(clients.map(one, range(REQUESTS)))


def pss(pid: int) -> float:
    """MiB."""
    fields = dict(line.split(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(fields["Pss"].split()[0]) / 1024


if __name__ == "__main__":
    main()
