"""A Python web server with a Rust core. `run("-k", "asgi", "myapp:app")` serves from a program."""

import sys
from typing import NoReturn

from rgunicorn._rgunicorn import __version__, main

__all__ = ["__version__", "run"]


def run(*arguments: str) -> NoReturn:
    """Serve as the command `rgunicorn` would with these arguments, then end the process."""
    sys.exit(main(["rgunicorn", *arguments]))
