"""Applications that log, and loggers of users, for tests/cli/test_logging_*.py."""

import logging
import os
import sys

from rgunicorn import glogging


def wsgi(environ, start_response):
    """Does what the path says."""
    path = environ["PATH_INFO"]
    if path == "/raise":
        raise RuntimeError("asked for")
    if path == "/error":
        logging.getLogger("gunicorn.error").error("from the %s", "application")
    if path == "/silent":
        logging.getLogger("gunicorn.error").debug("not to be seen")
    if path == "/access":
        logging.getLogger("gunicorn.access").info("a line of the application's own")
    if path == "/print":
        print("printed by the application", flush=True)
        print("complained by the application", file=sys.stderr, flush=True)
        os.system("echo said by a child")
    start_response("200 OK", [("content-length", "5"), ("x-out", "from the app")])
    return [b"hello"]


async def asgi(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/error":
        logging.getLogger("gunicorn.error").error("from the application")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


class Tagged(glogging.Logger):
    """Adds an atom, and marks lines."""

    def atoms(self, resp, req, environ, request_time):
        atoms = super().atoms(resp, req, environ, request_time)
        atoms["tag"] = f"{req.method} {req.path} {req.version} {resp.status} {resp.sent}"
        return atoms

    def info(self, msg, *args, **kwargs):
        super().info(f"tagged: {msg}", *args, **kwargs)


class Bare:
    """Not derived from anything: only gunicorn's interface."""

    def __init__(self, cfg):
        self.file = open(cfg.errorlog, "a", buffering=1)

    def _write(self, msg, *args, **kwargs):
        self.file.write(f"bare {os.getpid()}: {msg % args if args else msg}\n")

    critical = error = warning = info = debug = exception = _write

    def log(self, lvl, msg, *args, **kwargs):
        self._write(msg, *args)

    def access(self, resp, req, environ, request_time):
        seconds = request_time.total_seconds()
        self._write(
            f"{environ['REQUEST_METHOD']} {req.uri} {resp.status_code} {seconds < 10} {dict(req.headers)['X-IN']}"
        )

    def reopen_files(self):
        self.file.close()
        self.file = open(self.file.name, "a", buffering=1)

    def close_on_exec(self):
        pass


class Failing(glogging.Logger):
    """Fails whenever it is told anything."""

    def info(self, msg, *args, **kwargs):
        raise RuntimeError("the logger is broken")

    def access(self, resp, req, environ, request_time):
        raise RuntimeError("the logger is broken")


class Unbuildable(glogging.Logger):
    def setup(self, cfg):
        raise ValueError("this logger cannot be made")
