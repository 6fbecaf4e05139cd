"""The configuration as Python code sees it: `server.cfg`, `worker.cfg`, and what a logger is made with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


class Setting:
    """One setting: its name and its checked value."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value

    def get(self) -> Any:
        return self.value

    def __repr__(self) -> str:
        return f"<{self.name} = {self.value!r}>"


class Configuration:
    """Every setting as an attribute, and all of them by name in `settings`. Cannot be changed."""

    settings: dict[str, Setting]

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__["settings"] = {name: Setting(name, value) for name, value in values.items()}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["settings"][name].value
        except KeyError:
            raise AttributeError(f"No configuration setting for: {name}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("Invalid access!")

    def __str__(self) -> str:
        return "\n".join(f"{name} = {setting.value!r}" for name, setting in sorted(self.settings.items()))

    @property
    def address(self) -> list[tuple[str, int] | str]:
        """Where the server listens, as the `socket` module writes it."""
        return [_address(bind) for bind in self.bind]

    @property
    def worker_class_str(self) -> str:
        """The name of the worker class. One `sync` with threads is a `gthread`."""
        name = str(self.settings["worker_class"].value)
        is_sync = name == "sync" or name.endswith("SyncWorker")
        return "gthread" if is_sync and self.threads > 1 else name

    @property
    def proc_name(self) -> str:
        """What the processes are called."""
        for name in ("proc_name", "default_proc_name"):
            if name in self.settings and self.settings[name].value:
                return self.settings[name].value
        return self.settings["wsgi_app"].value or "rgunicorn"

    @property
    def is_ssl(self) -> bool:
        return any(name in self.settings and self.settings[name].value for name in ("certfile", "keyfile"))


_HOST_AND_PORT = re.compile(r"^(?:tcp://)?(?:\[(?P<ipv6>[^\]]*)\]|(?P<host>[^:]*))(?::(?P<port>\d+))?$")


def _address(bind: str) -> tuple[str, int] | str:
    """`HOST:PORT` as a pair, the path of a unix socket, anything else as it is written."""
    if bind.startswith("unix:"):
        path = bind[len("unix:") :]
        return path[2:] if path.startswith("//") else path
    parts = _HOST_AND_PORT.match(bind)
    if parts is None:
        return bind
    return (parts["ipv6"] or parts["host"] or "0.0.0.0").lower(), int(parts["port"] or 8000)
