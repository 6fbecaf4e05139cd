"""A small WSGI application with what makes hooks necessary: a pool of connections, and counters for each process."""

import json
import os
import sqlite3
import tempfile
import threading
import time
from pathlib import Path


class Pool:
    """Connections to a database. They must not cross a fork."""

    def __init__(self):
        self._local = threading.local()
        self._owner = os.getpid()

    def dispose(self):
        self._local = threading.local()
        self._owner = os.getpid()

    def query(self, statement):
        if self._owner != os.getpid():
            raise RuntimeError("a connection of another process")
        if not hasattr(self._local, "connection"):
            self._local.connection = sqlite3.connect(":memory:")
        return self._local.connection.execute(statement).fetchone()[0]


class Counters:
    """Requests served: a file for each process, so that none needs to ask another."""

    def __init__(self, folder):
        self._folder = folder
        self._file = None
        self._count = 0
        self._lock = threading.Lock()

    def clear(self):
        self._folder.mkdir(parents=True, exist_ok=True)
        for file in self._folder.glob("*.count"):
            file.unlink()

    def begin(self, pid):
        self._file = self._folder / f"{pid}.count"
        self._count = 0
        self._file.write_text("0")

    def count(self):
        with self._lock:
            self._count += 1
            self._file.write_text(str(self._count))

    def merge(self, pid):
        """Adds what a process that is gone has counted to what all such have."""
        gone = self._folder / f"{pid}.count"
        merged = self._folder / "merged.count"
        if gone.exists():
            before = int(merged.read_text()) if merged.exists() else 0
            merged.write_text(str(before + int(gone.read_text())))
            gone.unlink()

    def total(self):
        return sum(int(file.read_text() or 0) for file in self._folder.glob("*.count"))


pool = Pool()
counters = Counters(Path(os.environ.get("SHOP_COUNTERS", Path(tempfile.gettempdir()) / "shop-counters")))


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/price":
        status, body = "200 OK", {"price": pool.query("select 6 * 7")}
    elif path == "/order":
        status, body = "201 Created", {"ordered": len(environ["wsgi.input"].read())}
    elif path == "/slow":
        time.sleep(0.2)
        status, body = "200 OK", {"slow": True}
    elif path == "/broken":
        raise ValueError("out of stock")
    else:
        status, body = "404 Not Found", {"path": path}
    answer = json.dumps(body).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(answer))),
        ("X-Served-By", "shop"),
    ]
    start_response(status, headers)
    return [answer]
