"""A server within a program that has an event loop of its own and does other things on it.

    python examples/embedded.py

It measures something all the time and serves the last value, on a port that the system chooses, until Ctrl-C.
"""

import asyncio
import json
import random

import rgunicorn

last = {"temperature": 20.0, "measured": 0}


async def measure():
    """What the program is there for."""
    while True:
        last["temperature"] += random.uniform(-0.1, 0.1)
        last["measured"] += 1
        await asyncio.sleep(0.1)


async def app(scope, receive, send):
    """Runs on the same loop, so it needs no lock to look at `last`."""
    assert scope["type"] == "http"
    body = json.dumps(last).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def main():
    async with rgunicorn.Server(app, bind="127.0.0.1:0", asgi_lifespan="off") as server:
        print(f"The thermometer is at {server.addresses[0]}", flush=True)
        await measure()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("Good bye.")
