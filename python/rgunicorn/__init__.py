"""A Python web server with a Rust core.

From a program: `rgunicorn.run(app, workers=4)` is the whole server, with master and workers, and ends the
program; `await rgunicorn.serve(app)` serves within a running asyncio loop, in this process.
"""

from rgunicorn._embedded import Server, serve
from rgunicorn._program import run
from rgunicorn._rgunicorn import __version__

__all__ = ["Server", "__version__", "run", "serve"]
