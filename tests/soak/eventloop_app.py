"""What is soaked of the event loop in a worker.

GET /mixed/SECONDS  everything that asyncio offers, for so long (soak/mixed.py); what came of it as JSON
else                as soak.app
"""

import asyncio
import json
import tempfile
from pathlib import Path

from rgunicorn.eventloop import EventLoop
from soak.app import answer
from soak.app import app as other
from soak.mixed import Mix


async def app(scope, receive, send):
    if not scope.get("path", "").startswith("/mixed/"):
        return await other(scope, receive, send)
    assert isinstance(asyncio.get_running_loop(), EventLoop)
    with tempfile.TemporaryDirectory(prefix="rgunicorn-soak-") as folder:
        outcome = await Mix(float(scope["path"][7:]), 0, Path(folder)).run()
    await answer(send, json.dumps(outcome).encode())
