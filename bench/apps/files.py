"""A small Starlette application that answers with a file, as most applications do: no cached `stat`, no own chunks.

Starlette hands the path to servers that offer `http.response.pathsend`, and reads the file itself for the others.
"""

import tempfile
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from bench.scenarios import FILE

# Of this server alone: the benchmark gives each its own $TMPDIR and removes it afterwards.
PATH = Path(tempfile.gettempdir()) / "50k"
PATH.write_bytes(FILE)


async def file(_request: Request) -> FileResponse:
    return FileResponse(PATH)


app = Starlette(routes=[Route("/file", file)])
