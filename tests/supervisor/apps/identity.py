"""Says who the worker is: user, groups, and what it may write."""

import json
import os


async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = json.dumps(
        {"pid": os.getpid(), "user": os.getresuid(), "group": os.getresgid(), "groups": sorted(os.getgroups())}
    ).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
