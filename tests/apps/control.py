"""How an application under test talks to its test: notes go out on stderr, gates open over HTTP.

@steerable
async def app(scope, receive, send):
    note("called", path=scope["path"])   # the test: s.wait_for_note("called")
    await gate("go")                     # the test: s.open_gate("go")
"""

import asyncio
import functools
import json
import sys
from collections import defaultdict

_gates = defaultdict(asyncio.Event)


def note(event, **details):
    """Tells the test. It may reach the test later than a response that was sent later."""
    line = json.dumps({"event": event, **details}, default=repr)
    sys.stderr.write(f"note: {line}\n")
    sys.stderr.flush()


async def gate(name):
    await _gates[name].wait()


def steerable(app):
    """Adds the URL /gate/NAME, which opens that gate for good. Works with one worker only."""

    @functools.wraps(app)
    async def steered(scope, receive, send):
        path = scope.get("path", "")
        if not path.startswith("/gate/"):
            return await app(scope, receive, send)
        _gates[path[6:]].set()
        await respond(send, status=204)

    return steered


def http_only(app):
    """The usual shape of an app without lifespan: it fails on any other scope."""

    @functools.wraps(app)
    async def guarded(scope, receive, send):
        assert scope["type"] == "http"
        return await app(scope, receive, send)

    return guarded


async def respond(send, body=b"", status=200, headers=()):
    length = [] if status == 204 else [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive):
    body = b""
    while True:
        message = await receive()
        assert message["type"] == "http.request", message
        body += message["body"]
        if not message["more_body"]:
            return body


async def read_until_disconnect(receive):
    while (await receive())["type"] != "http.disconnect":
        pass
