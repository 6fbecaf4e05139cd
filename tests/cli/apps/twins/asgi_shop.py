"""examples/gunicorn/shop.py for an ASGI server."""

import json

import shop

pool, counters = shop.pool, shop.counters


async def application(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    length, more = 0, True
    while more:
        event = await receive()
        length, more = length + len(event.get("body", b"")), event.get("more_body", False)
    if scope["path"] == "/broken":
        raise ValueError("out of stock")
    body = json.dumps({"path": scope["path"], "length": length}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-served-by", b"shop"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
