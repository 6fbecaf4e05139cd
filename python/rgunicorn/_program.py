"""`rgunicorn.run`: the whole server, from a program that has the application."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

from rgunicorn import _rgunicorn
from rgunicorn.config import Config


def run(app: str | Callable[..., Any], **settings: Any) -> NoReturn:
    """Serve `app` with master and workers until a signal stops the server, then end the program.

    `app` is `"MODULE:NAME"`, imported by each worker, or the application itself, ASGI or WSGI, which the workers
    have from the fork. The settings are those of a configuration file, with the same names and types; `config`
    names a file whose settings these override. Neither the command line nor `GUNICORN_CMD_ARGS` is read.

    Raises `TypeError` for an unknown setting or a value of the wrong type, `ValueError` for a value that is not
    allowed, and in the end `SystemExit`: once in the master and once in every worker, which is a fork of this program.
    """
    given = checked(settings)
    if given.get("reload") and not isinstance(app, str):
        raise ValueError("reload needs the name of the application, as in 'myapp:app': its code is imported again")
    sys.exit(_rgunicorn.serve_program(Program(app, given)))


class Program:
    """What `run` was given, as the server asks for it."""

    def __init__(self, app: str | Callable[..., Any], settings: dict[str, Any]) -> None:
        self.app = app
        self.settings = settings

    def given(self) -> tuple[dict[str, Any], Callable[[], Any] | None]:
        if isinstance(self.app, str):
            return {**self.settings, "wsgi_app": self.app}, None
        return {**self.settings, "wsgi_app": name_of(self.app)}, lambda: self.app


def checked(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a call. Raises as `run` does."""
    config = Config()
    for name, value in settings.items():
        try:
            config.set(name, value)
        except AttributeError as error:
            raise TypeError(str(error)) from None
    return config.given()


def name_of(app: object) -> str:
    """What messages call an application that nobody named."""
    named = app if hasattr(app, "__qualname__") else type(app)
    return f"{named.__module__}:{named.__qualname__}"
