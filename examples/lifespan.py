"""What a worker opens at start and closes at stop: the lifespan protocol, without a framework.

Each worker runs `lifespan` once. What it puts in `state` is in the scope of every request.

    rgunicorn -k asgi -w 2 examples.lifespan:app
    curl http://127.0.0.1:8000/
"""

import itertools
import os


class Counter:
    """Stands for a database pool, a model or whatever else is costly to make."""

    def __init__(self):
        self._numbers = itertools.count(1)
        print(f"worker {os.getpid()}: counter opened", flush=True)

    def next(self) -> int:
        return next(self._numbers)

    def close(self):
        print(f"worker {os.getpid()}: counter closed after {self.next() - 1} requests", flush=True)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope["state"], receive, send)
    else:
        await answer(scope["state"]["counter"], send)


async def lifespan(state, receive, send):
    assert (await receive())["type"] == "lifespan.startup"
    state["counter"] = Counter()
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    state["counter"].close()
    await send({"type": "lifespan.shutdown.complete"})


async def answer(counter, send):
    body = f"request {counter.next()} of worker {os.getpid()}\n".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
