"""`BaseApplication` and `Application`, with gunicorn's contract: subclass one, and call `run`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from rgunicorn import _rgunicorn
from rgunicorn.config import Config


class BaseApplication:
    """A server that is set up by code alone. A subclass says how in `load_config` and `load`.

    Neither the command line nor the environment nor a configuration file is read, but `$PORT`,
    `$WEB_CONCURRENCY` and `$FORWARDED_ALLOW_IPS` for their defaults.
    """

    def __init__(self, usage: str | None = None, prog: str | None = None) -> None:
        self.usage = usage
        self.prog = prog
        self.cfg: Config
        self.callable: Callable[..., Any] | None = None
        self.logger: Any = None
        self.do_load_config()

    def do_load_config(self) -> None:
        """Make `cfg` anew and let `load_config` fill it. An error is printed and ends the program with code 1."""
        try:
            self.load_default_config()
            self.load_config()
        except Exception as error:
            print(f"\nError: {error}", file=sys.stderr, flush=True)
            sys.exit(1)

    def load_default_config(self) -> None:
        """Set `cfg` to the defaults."""
        self.cfg = Config(self.usage, prog=self.prog)

    def load_config(self) -> None:
        """Change `self.cfg`, by its method `set`. Called at the start and again on HUP."""
        raise NotImplementedError

    def load(self) -> Callable[..., Any]:
        """Return the application. Called once in each worker, or with `preload_app` once in the master."""
        raise NotImplementedError

    def reload(self) -> None:
        """Read the configuration again (HUP)."""
        self.do_load_config()

    def wsgi(self) -> Callable[..., Any]:
        """What `load` returned, which is called if it was not yet."""
        if self.callable is None:
            self.callable = self.load()
        return self.callable

    def run(self) -> NoReturn:
        """Serve until a signal stops the server, then end the program: raises `SystemExit` with the exit code.

        It does so once in the master and once in every worker, which is a fork of this program.
        """
        sys.exit(_rgunicorn.serve_program(_Program(self)))


class Application(BaseApplication):
    """The same with a command line of gunicorn's flags, and all that belongs to it: `GUNICORN_CMD_ARGS`, files.

    A subclass says with `init` which settings it has by itself, and with `load` what to serve.
    """

    def init(self, parser: argparse.ArgumentParser, opts: argparse.Namespace, args: list[str]) -> dict[str, Any] | None:
        """Return settings that hold where neither command line nor environment nor file says otherwise.

        `parser` can only report an error; `opts` has the settings that were given, and None for the others;
        `args` is what the command line names as application.
        """
        raise NotImplementedError

    def load_config(self) -> None:
        prog = self.prog or sys.argv[0]
        said = _rgunicorn.command_line_settings([prog, *sys.argv[1:]])
        parser = argparse.ArgumentParser(prog=self.prog, usage=self.usage)
        opts = argparse.Namespace(**{name: said.get(name) for name in self.cfg.settings})
        args = [said["wsgi_app"]] if said.get("wsgi_app") else []
        for source in self.init(parser, opts, args) or {}, said:
            for name, value in source.items():
                if value is not None:
                    self.cfg.set(name, value)


class _Program:
    """What the server asks for, at the start and on HUP: the settings, and how to load the application."""

    def __init__(self, app: BaseApplication) -> None:
        self._app = app
        self._was_asked = False

    def given(self) -> tuple[dict[str, Any], Callable[[], Any]]:
        app = self._app
        if self._was_asked:
            self._ask_again()
        self._was_asked = True
        name = getattr(app, "app_uri", None) or f"{type(app).__name__}.load()"
        return {**app.cfg.given(), "wsgi_app": name}, app.wsgi

    def _ask_again(self) -> None:
        """Have the configuration read again. A master that serves goes on with what it had if that fails."""
        before = self._app.cfg
        try:
            self._app.reload()
        except SystemExit as ended:
            self._app.cfg = before
            raise ValueError(str(ended.__context__ or "load_config ended the program")) from None
