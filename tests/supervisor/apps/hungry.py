"""GET /N keeps N MiB for ever; the answer, and x-pid, is the worker's pid."""

import os

kept = []


async def app(scope, receive, send):
    assert scope["type"] == "http"
    kept.append(b"\1" * (int(scope["path"][1:] or 0) << 20))
    body = str(os.getpid()).encode()
    headers = [(b"content-length", b"%d" % len(body)), (b"x-pid", body)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
