"""Logging through Python's `logging`, with gunicorn's class of that name to derive from.

    class MyLogger(rgunicorn.glogging.Logger):
        def atoms(self, resp, req, environ, request_time): ...

and in the configuration file `logger_class = MyLogger`. Used for `logconfig`, `logconfig_dict`, `logconfig_json` and
`logger_class` only; without them both logs are written by Rust, and `rgunicorn._logger` has what is left of this.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
import re
import socket
import sys
import threading
import time
import traceback
from collections.abc import Collection, Mapping
from typing import Any

from rgunicorn._rgunicorn import count_line, send_metric

CONFIG_DEFAULTS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        "gunicorn.error": {
            "level": "INFO",
            "handlers": ["error_console"],
            "propagate": True,
            "qualname": "gunicorn.error",
        },
        "gunicorn.access": {"level": "INFO", "handlers": ["console"], "propagate": True, "qualname": "gunicorn.access"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "generic", "stream": "ext://sys.stdout"},
        "error_console": {"class": "logging.StreamHandler", "formatter": "generic", "stream": "ext://sys.stderr"},
    },
    "formatters": {
        "generic": {
            "format": "%(asctime)s [%(process)d] [%(levelname)s] %(message)s",
            "datefmt": "[%Y-%m-%d %H:%M:%S %z]",
            "class": "logging.Formatter",
        },
    },
}
"""What `logconfig_dict` and `logconfig_json` are laid over: each of their keys replaces one of these."""

_TIME_OF_ACCESS = "[%d/%b/%Y:%H:%M:%S %z]"
_SPECIAL = re.compile(r'["\\]|[^ -~]')
_MARK = "_rgunicorn"


class SetupError(RuntimeError):
    """The logging that the configuration asks for cannot be had; the message names the setting."""


class SafeAtoms(dict):
    """What `access_log_format` may ask for: texts that cannot break a line, and `-` for what is not there."""

    def __init__(self, atoms: Mapping[str, Any]) -> None:
        super().__init__((key, _escaped(value) if isinstance(value, str) else value) for key, value in atoms.items())

    def __missing__(self, key: str) -> Any:
        folded = key.lower()
        return self[folded] if key.startswith("{") and folded in self else "-"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character == '"':
        return '\\"'
    return "".join(f"\\x{byte:02x}" for byte in character.encode("latin-1" if character < "\u0100" else "utf-8"))


class Logger:
    """Both logs. `error_log` and `access_log` are loggers of `logging`, called as in gunicorn."""

    LOG_LEVELS = {
        "critical": logging.CRITICAL,
        "error": logging.ERROR,
        "warning": logging.WARNING,
        "info": logging.INFO,
        "debug": logging.DEBUG,
        "trace": logging.DEBUG,
    }
    loglevel = logging.INFO
    error_fmt = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
    datefmt = "[%Y-%m-%d %H:%M:%S %z]"
    access_fmt = "%(message)s"
    syslog_fmt = "[%(process)d] %(message)s"
    atoms_wrapper_class = SafeAtoms

    def __init__(self, cfg: Any) -> None:
        self.error_log = logging.getLogger("gunicorn.error")
        self.access_log = logging.getLogger("gunicorn.access")
        self.error_log.propagate = False
        self.access_log.propagate = False
        self.logfile = None
        self.lock = threading.Lock()
        self.cfg = cfg
        self.setup(cfg)

    def setup(self, cfg: Any) -> None:
        """Does as `cfg` says from now on. Raises `SetupError` and goes on as before where that cannot be."""
        logs = (self.error_log, self.access_log)
        before = [(log, log.level, log.handlers[:]) for log in logs]
        former = (self.cfg, self.loglevel)
        try:
            self._set_up(cfg)
        except SetupError:
            self.cfg, self.loglevel = former
            for log, level, handlers in before:
                forget_handlers(log, but=handlers)
                log.setLevel(level)
                log.handlers[:] = handlers
            raise
        for log, _, handlers in before:
            for handler in handlers:
                if getattr(handler, _MARK, False) and handler not in log.handlers:
                    handler.close()

    def _set_up(self, cfg: Any) -> None:
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS.get(cfg.loglevel.lower(), logging.INFO)
        self.error_log.setLevel(self.loglevel)
        self.access_log.setLevel(logging.INFO)
        for log in (self.error_log, self.access_log):
            log.handlers[:] = [handler for handler in log.handlers if not getattr(handler, _MARK, False)]
        self._set_handler(self.error_log, cfg.errorlog, logging.Formatter(self.error_fmt, self.datefmt))
        if cfg.accesslog:
            self._set_handler(self.access_log, cfg.accesslog, logging.Formatter(self.access_fmt), stream=sys.stdout)
        # Configuring `logging` closes all handlers, and before Python 3.11 those of syslog do not open again; and it
        # takes all handlers from the loggers that it names. So something else keeps their places meanwhile.
        places = [(log, name, logging.NullHandler()) for log, name in self._logs_in_syslog(cfg)]
        for log, _, place in places:
            log.addHandler(place)
        _configure(cfg)
        for log, name, place in places:
            if place in log.handlers:
                log.removeHandler(place)
                self._set_syslog_handler(log, cfg, self.syslog_fmt, name)

    def _logs_in_syslog(self, cfg: Any) -> list[tuple[logging.Logger, str]]:
        logs = [(self.error_log, "error"), (self.access_log, "access")] if cfg.syslog else []
        return logs[:1] if cfg.disable_redirect_access_to_syslog else logs

    @property
    def access_log_enabled(self) -> bool:
        """Whether somebody may read the access log."""
        cfg = self.cfg
        return bool(
            cfg.accesslog
            or cfg.logconfig
            or cfg.logconfig_dict
            or cfg.logconfig_json
            or (cfg.syslog and not cfg.disable_redirect_access_to_syslog)
        )

    def critical(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self.error_log.critical(msg, *args, **kwargs)
        count_line("critical")

    def error(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self.error_log.error(msg, *args, **kwargs)
        count_line("error")

    def warning(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self.error_log.warning(msg, *args, **kwargs)
        count_line("warning")

    def exception(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self.error_log.exception(msg, *args, **kwargs)
        count_line("exception")

    def info(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self.log(logging.INFO, msg, *args, **kwargs)

    def debug(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self.log(logging.DEBUG, msg, *args, **kwargs)

    def log(self, lvl: int | str, msg: object, *args: Any, **kwargs: Any) -> None:
        """Logs a message. With `extra={"metric": …, "value": …, "mtype": …}` statsd gets a number, and then
        the message may be empty: nothing is logged."""
        extra = kwargs.get("extra") or {}
        name, value, kind = (extra.get(key) for key in ("metric", "value", "mtype"))
        if name and value is not None and kind:
            send_metric(str(name), str(value), str(kind))
        if not msg:
            return
        if isinstance(lvl, str):
            lvl = self.LOG_LEVELS.get(lvl.lower(), logging.INFO)
        self.error_log.log(lvl, msg, *args, **kwargs)

    def access(self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: Any) -> None:
        """Logs one exchange. The atoms are the record's `args`, so that formatters can pick from them."""
        if not self.access_log_enabled:
            return
        if self.cfg.access_log_json:
            self.access_log.info("%s", _as_json(resp, environ, request_time))
            return
        atoms = self.atoms_wrapper_class(self.atoms(resp, req, environ, request_time))
        try:
            self.access_log.info(self.cfg.access_log_format, atoms)
        except Exception:
            self.error(traceback.format_exc())

    def atoms(self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: Any) -> dict[str, Any]:
        """What `access_log_format` may ask for, by the names that stand between `%(` and `)s`."""
        status = resp.status.split(None, 1)[0] if isinstance(resp.status, str) else resp.status
        sent = getattr(resp, "sent", None)
        seconds, micros = request_time.seconds, request_time.microseconds
        line = (environ.get(name) for name in ("REQUEST_METHOD", "RAW_URI", "SERVER_PROTOCOL"))
        atoms = {
            "h": environ.get("REMOTE_ADDR", "-"),
            "l": "-",
            "u": _user(environ) or "-",
            "t": self.now(),
            "r": " ".join(part for part in line if part),
            "s": status,
            "m": environ.get("REQUEST_METHOD"),
            "U": environ.get("PATH_INFO"),
            "q": environ.get("QUERY_STRING"),
            "H": environ.get("SERVER_PROTOCOL"),
            "b": "-" if sent is None else str(sent),
            "B": sent,
            "f": environ.get("HTTP_REFERER", "-"),
            "a": environ.get("HTTP_USER_AGENT", "-"),
            "T": seconds,
            "M": seconds * 1000 + micros // 1000,
            "D": seconds * 1_000_000 + micros,
            "L": f"{seconds}.{micros:06}",
            "p": f"<{os.getpid()}>",
        }
        atoms.update((f"{{{name.lower()}}}i", value) for name, value in getattr(req, "headers", req))
        atoms.update((f"{{{name.lower()}}}o", value) for name, value in _pairs(resp.headers))
        atoms.update((f"{{{name.lower()}}}e", value) for name, value in environ.items())
        return atoms

    def now(self) -> str:
        """The time, as the access log has it."""
        return time.strftime(_TIME_OF_ACCESS)

    def reopen_files(self) -> None:
        """Opens the files of all handlers anew, after they were moved away (USR1)."""
        problems = []
        for handler in _file_handlers():
            with handler.lock:  # type: ignore[union-attr]
                if handler.stream is not None:
                    try:
                        opened = handler._open()
                    except OSError as error:
                        problems.append(error)  # goes on with the file that it has
                    else:
                        handler.stream.close()
                        handler.stream = opened
        for problem in problems:
            self.error_log.error("Cannot reopen a log file: %s", problem)

    def close_on_exec(self) -> None:
        """Nothing to do: Python's files do not survive an exec."""

    def _set_handler(self, log: logging.Logger, output: str | None, fmt: logging.Formatter, stream: Any = None) -> None:
        if output is None:
            return
        if output == "-":
            handler: logging.Handler = logging.StreamHandler(stream)
        else:
            try:
                handler = logging.FileHandler(output)
            except OSError as error:
                setting = "accesslog" if log is self.access_log else "errorlog"
                raise SetupError(f"{setting} = '{output}': cannot open the file: {error}") from None
        _add(log, handler, fmt)

    def _set_syslog_handler(self, log: logging.Logger, cfg: Any, fmt: str, name: str) -> None:
        from logging.handlers import SysLogHandler

        prefix = cfg.syslog_prefix or cfg.proc_name.replace(":", ".")
        kind, address = parse_syslog_address(cfg.syslog_addr)
        try:
            handler = SysLogHandler(address, SysLogHandler.facility_names[cfg.syslog_facility.lower()], kind)
        except OSError as error:
            raise SetupError(f"syslog_addr = '{cfg.syslog_addr}': cannot connect: {error}") from None
        _add(log, handler, logging.Formatter(f"gunicorn.{prefix}.{name}: {fmt}"))


def parse_syslog_address(addr: str) -> tuple[socket.SocketKind, Any]:
    """The kind of socket and the address behind `udp://HOST:PORT`, `tcp://HOST:PORT` or `unix://PATH#KIND`."""
    scheme, _, rest = addr.partition("://")
    if scheme == "unix":
        path, _, kind = rest.partition("#")
        return socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM, path
    parts = re.fullmatch(r"(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?", rest)
    if scheme not in ("tcp", "udp") or parts is None:
        raise SetupError(f"syslog_addr = '{addr}': must be udp://HOST:PORT, tcp://HOST:PORT or unix://PATH")
    host, port = (parts[1] or parts[2] or "localhost").lower(), int(parts[3] or 514)
    return socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM, (host, port)


def loggers() -> list[logging.Logger]:
    """All loggers that there are."""
    root = logging.getLogger()
    return [root, *(logging.getLogger(name) for name in list(root.manager.loggerDict))]


def forget_handlers(*logs: logging.Logger, but: Collection[logging.Handler] = ()) -> None:
    """Takes away the handlers that are ours, and leaves those of others, and those of `but`, alone."""
    for log in logs:
        for handler in [handler for handler in log.handlers if getattr(handler, _MARK, False) and handler not in but]:
            log.removeHandler(handler)
            handler.close()


def _add(log: logging.Logger, handler: logging.Handler, formatter: logging.Formatter) -> None:
    handler.setFormatter(formatter)
    setattr(handler, _MARK, True)
    log.addHandler(handler)


def _configure(cfg: Any) -> None:
    """The most particular of the three ways to configure `logging` is the one that counts."""
    if cfg.logconfig_dict:
        if not isinstance(cfg.logconfig_dict, Mapping):
            raise SetupError(f"logconfig_dict = {cfg.logconfig_dict!r}: must be a dict")
        _take_dict("logconfig_dict", cfg.logconfig_dict)
    elif cfg.logconfig_json:
        setting = f"logconfig_json = '{cfg.logconfig_json}'"
        if not os.path.exists(cfg.logconfig_json):
            logging.getLogger("gunicorn.error").warning("%s: there is no such file, so it has no effect", setting)
            return
        try:
            with open(cfg.logconfig_json, "rb") as file:
                config = json.load(file)
        except (OSError, ValueError) as error:
            raise SetupError(f"{setting}: {error}") from None
        if not isinstance(config, dict):
            raise SetupError(f"{setting}: must hold an object")
        _take_dict(setting, config)
    elif cfg.logconfig:
        _take_ini(cfg.logconfig)


def _take_dict(setting: str, config: Mapping[str, Any]) -> None:
    from logging.config import dictConfig

    try:
        dictConfig({**CONFIG_DEFAULTS, **config})
    except (AttributeError, ImportError, TypeError, ValueError) as error:
        raise SetupError(f"{setting}: {_with_cause(error)}") from None


def _take_ini(path: str) -> None:
    from logging.config import fileConfig

    setting = f"logconfig = '{path}'"
    if not os.path.exists(path):
        raise SetupError(f"{setting}: there is no such file")
    defaults = {name: str(value).replace("%", "%%") for name, value in CONFIG_DEFAULTS.items()}
    defaults.update({"__file__": path, "here": os.path.dirname(path)})
    try:
        fileConfig(path, defaults=defaults, disable_existing_loggers=False)
    except Exception as error:  # whatever a line of the file names may raise anything
        raise SetupError(f"{setting}: {type(error).__name__}: {_with_cause(error)}") from None


def _with_cause(error: BaseException) -> str:
    """`dictConfig` says which part is wrong, and its cause says what is."""
    return f"{error}: {error.__cause__}" if error.__cause__ else str(error)


def _file_handlers() -> list[logging.FileHandler]:
    handlers = [handler for log in loggers() for handler in log.handlers]
    return list(dict.fromkeys(handler for handler in handlers if isinstance(handler, logging.FileHandler)))


def open_files() -> list[str]:
    """The files that handlers write to."""
    return [handler.baseFilename for handler in _file_handlers() if handler.stream is not None]


def _user(environ: Mapping[str, Any]) -> str | None:
    scheme, _, credentials = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(credentials.strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None
    return text.partition(":")[0]


def _pairs(headers: Any) -> Any:
    return headers.items() if hasattr(headers, "items") else headers


def _as_json(resp: Any, environ: Mapping[str, Any], request_time: Any) -> str:
    """The object that Rust writes for `access_log_json` where no Python is in between."""
    now = time.time()
    zone = time.strftime("%z", time.localtime(now))
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now))
    record: dict[str, Any] = {
        "time": f"{stamp}.{int(now % 1 * 1000):03}{zone[:3]}:{zone[3:]}",
        "client": environ.get("REMOTE_ADDR") or None,
        "user": _user(environ),
    }
    if environ.get("REQUEST_METHOD"):
        record["method"] = environ["REQUEST_METHOD"]
        record["path"] = _text(environ.get("PATH_INFO", ""))
        record["query"] = environ.get("QUERY_STRING", "")
        record["protocol"] = environ.get("SERVER_PROTOCOL")
    else:
        record["request"] = _text(environ.get("RAW_URI", ""))
    status = resp.status.split(None, 1)[0] if isinstance(resp.status, str) else resp.status
    record.update(status=int(status), bytes=getattr(resp, "sent", None), duration=request_time.total_seconds())
    for key, name in (("referer", "HTTP_REFERER"), ("user_agent", "HTTP_USER_AGENT"), ("host", "HTTP_HOST")):
        value = environ.get(name)
        record[key] = None if value is None else _text(value)
    record["pid"] = os.getpid()
    return json.dumps(record, separators=(",", ":"))


def _text(native: str) -> str:
    """UTF-8 that WSGI reads as latin-1, read as what it is; anything else stays."""
    try:
        return native.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return native
