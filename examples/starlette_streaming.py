"""Server-sent events with Starlette: one event per tick until the client leaves.

Start it from the repository's folder and try it:

    pip install starlette
    rgunicorn -k asgi examples.starlette_streaming:app
    curl --no-buffer http://127.0.0.1:8000/ticks?every=0.5
"""

import asyncio
import itertools

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route


async def ticks(every: float):
    """Endless. The server closes it when the client has gone, so `finally` is the place to clean up."""
    try:
        for number in itertools.count(1):
            yield f"id: {number}\ndata: tick {number}\n\n"
            await asyncio.sleep(every)
    finally:
        print("the listener left", flush=True)


async def stream(request: Request) -> StreamingResponse:
    every = float(request.query_params.get("every", "1"))
    return StreamingResponse(ticks(every), media_type="text/event-stream", headers={"cache-control": "no-cache"})


app = Starlette(routes=[Route("/ticks", stream)])
