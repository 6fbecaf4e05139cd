"""Has uvloop's policy installed, as applications for other servers do."""

import uvloop
from loops import app

uvloop.install()

__all__ = ["app"]
