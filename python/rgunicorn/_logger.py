"""The logger of this process: what hooks find as `server.log` and `worker.log`, applications as `gunicorn.error` and
`gunicorn.access`, and Rust where logs go through Python's `logging`."""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from rgunicorn._rgunicorn import log_line
from rgunicorn.glogging import Logger, SetupError, forget_handlers

_current: Any = None


def logger(cfg: Any) -> Any:
    """The logger of this process."""
    return _current or direct(cfg)


def direct(cfg: Any) -> Logger:
    """The logger that leaves the writing to Rust, as `cfg` wants it."""
    return _take(cfg, _Direct)


def through_python(cfg: Any, named: Any) -> Any:
    """The logger that does all by itself: of the class `named`, which may be the path of one, or of ours."""
    return _take(cfg, _class(named))


def _take(cfg: Any, cls: Any) -> Any:
    """As in gunicorn, a logger stays the same and is set up anew, unless there is to be another."""
    global _current
    if type(_current) is cls and hasattr(_current, "setup"):
        _current.setup(cfg)
        return _current
    if _current is not None:
        # Whatever the one before put there.
        for name in ("gunicorn.error", "gunicorn.access"):
            logging.getLogger(name).handlers.clear()
    made = cls(cfg)
    _current = made
    return made


def level(log: Any) -> int | None:
    """The least level that `log` does anything about, as far as can be known."""
    error_log = getattr(log, "error_log", None)
    return error_log.getEffectiveLevel() if isinstance(error_log, logging.Logger) else None


def reads_exchanges(log: Any) -> bool:
    """Whether `log` does anything about an exchange. A method of the user's own may, whatever is enabled."""
    access = getattr(type(log), "access", None)
    is_own = getattr(access, "__module__", None) not in ("rgunicorn.glogging", "gunicorn.glogging")
    return is_own or bool(getattr(log, "access_log_enabled", True))


def deliver(log: Any, entries: list[tuple]) -> None:
    """Tells `log` of lines (level and text) and exchanges. An error of its own must not lose what comes after it, and
    `SystemExit` is raised once all is told."""
    ended: BaseException | None = None
    for entry in entries:
        try:
            if len(entry) == 2:
                _say(log, *entry)
            else:
                _tell(log, *entry)
        except Exception:
            log_line(logging.ERROR, f"The logger failed\n{traceback.format_exc().rstrip()}")
            if len(entry) == 2:
                log_line(*entry)
        except BaseException as error:
            ended = error
            if len(entry) == 2:
                log_line(*entry)
    if ended is not None:
        raise ended


def _class(named: Any) -> Any:
    if named is None:
        return Logger
    if not isinstance(named, str):
        return named
    module, _, name = named.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (AttributeError, ImportError, ValueError) as error:
        raise SetupError(f"logger_class = '{named}': {error}") from None


def _say(log: Any, lvl: int, text: str) -> None:
    name = _METHODS.get(lvl, "debug")
    if getattr(type(log), name, None) is getattr(Logger, name):
        # Has been counted for statsd where it came from.
        log.error_log.log(lvl, text)
    else:
        getattr(log, name)(text)


_METHODS = {50: "critical", 40: "error", 30: "warning", 20: "info"}


def _tell(log: Any, environ: dict[str, str], fields: list, status: int, sent: int, headers: str, micros: int) -> None:
    for name, value in fields:
        _add(environ, name, value)
    request = _Request(environ, fields)
    log.access(_Response(status, sent, headers), request, environ, timedelta(microseconds=micros))


def _add(environ: dict[str, str], name: str, value: str) -> None:
    if "_" in name:
        return  # as `header_map` has it by default
    key = name.replace("-", "_")
    key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
    separator = "; " if key == "HTTP_COOKIE" else ","
    environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value


class _Request:
    """What loggers look at of a request."""

    def __init__(self, environ: dict[str, str], fields: list[tuple[str, str]]) -> None:
        self.headers = fields
        self.method = environ.get("REQUEST_METHOD")
        self.uri = environ.get("RAW_URI")
        self.path = self.uri.partition("?")[0] if self.uri else None
        self.query = environ.get("QUERY_STRING", "")
        protocol = environ.get("SERVER_PROTOCOL", "")
        self.version = tuple(int(digit) for digit in protocol.partition("/")[2].split(".") if digit)
        self.scheme = environ.get("wsgi.url_scheme")
        self.remote_addr = (environ.get("REMOTE_ADDR", ""), int(environ.get("REMOTE_PORT") or 0))


class _Response:
    """What loggers look at of a response. `headers` are the application's."""

    def __init__(self, status: int, sent: int, headers: str) -> None:
        self.status_code = status
        self.status = f"{status} {_reason(status)}".rstrip()
        self.sent = sent
        lines = (line.partition(":") for line in headers.split("\r\n") if line)
        self.headers = [(name, value.strip()) for name, _, value in lines]
        lengths = [value for name, value in self.headers if name.lower() == "content-length"]
        self.response_length = int(lengths[-1]) if lengths and lengths[-1].isdecimal() else None


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class _Direct(Logger):
    """Leaves the lines to Rust, which has their time, process and level."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS.get(cfg.loglevel.lower(), logging.INFO)
        _equip(self.error_log, self.loglevel, _Lines())
        _equip(self.access_log, logging.INFO, _access_handler(cfg.accesslog))


class _Lines(logging.Handler):
    """Writes records to the server's error log."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            log_line(record.levelno, self.format(record))
        except Exception:
            self.handleError(record)


def _access_handler(accesslog: str | None) -> logging.Handler:
    if not accesslog:
        return logging.NullHandler()
    if accesslog == "-":
        return logging.StreamHandler(sys.stdout)
    # Opened by the first line: most applications have none to add.
    return logging.FileHandler(accesslog, delay=True)


def _equip(log: logging.Logger, level: int, handler: logging.Handler) -> None:
    """Gives a logger this one handler of ours, and leaves those of others alone."""
    log.propagate = False
    log.setLevel(level)
    forget_handlers(log)
    handler._rgunicorn = True  # type: ignore[attr-defined]
    log.addHandler(handler)
