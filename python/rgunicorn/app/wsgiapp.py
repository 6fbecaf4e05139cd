"""`WSGIApplication` and `run`: the command `rgunicorn` as a class and as a function."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from rgunicorn import _import, _rgunicorn
from rgunicorn.app.base import Application


class WSGIApplication(Application):
    """Serves the application that `app_uri` (`MODULE[:NAME]`) names, WSGI or ASGI, by default the command line's.

    A subclass that sets `app_uri` and overrides `load_config` needs no command line.
    """

    def __init__(self, usage: str | None = None, prog: str | None = None) -> None:
        self.app_uri: str | None = getattr(self, "app_uri", None)
        super().__init__(usage, prog)

    def init(self, parser: argparse.ArgumentParser, opts: argparse.Namespace, args: list[str]) -> dict[str, Any] | None:
        self.app_uri = args[0] if args else opts.wsgi_app
        return None

    def load_config(self) -> None:
        super().load_config()
        if self.app_uri is None:
            raise ValueError("no application was named: pass MODULE:NAME, as in myapp:app")

    def load_wsgiapp(self) -> Callable[..., Any]:
        """Import what `app_uri` names."""
        if self.app_uri is None:
            raise ValueError("no application was named: set app_uri to MODULE:NAME")
        return _import.load(self.app_uri)

    def load(self) -> Callable[..., Any]:
        return self.load_wsgiapp()


def run(prog: str | None = None) -> NoReturn:
    """Be the command `rgunicorn` with the arguments of this program, under the name `prog`."""
    sys.exit(_rgunicorn.main([prog or sys.argv[0], *sys.argv[1:]]))


if __name__ == "__main__":
    run()
