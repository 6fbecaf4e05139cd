"""What the tests of HTTP/2 ask: one path, one behaviour."""

import asyncio
import json

from control import respond

HELLO = b"Hello, stream!"
BIG = b"".join(b"%07d\n" % number for number in range(131_072))  # 1 MiB, no two lines alike
PART = bytes(65_536)

paths = []
waiting = asyncio.Event()


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        return await send({"type": "websocket.close"})
    assert scope["type"] == "http", scope["type"]
    paths.append(scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"])
    try:
        await ROUTES.get(scope["path"], hello)(scope, receive, send)
    except OSError:
        pass  # The client has left.


async def hello(scope, receive, send):
    await respond(send, HELLO)


async def echo(scope, receive, send):
    await respond(send, await read_all(receive))


async def read_all(receive):
    """The body, also where the server ends a broken one with a disconnect."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise OSError("the client has left")
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def big(scope, receive, send):
    await respond(send, BIG)


async def endless(scope, receive, send):
    """100 MiB in parts, each offered when `send` lets the application go on."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1600):
        await send({"type": "http.response.body", "body": PART, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def head_of_request(scope, receive, send):
    """The request as the application sees it, as JSON."""
    await read_all(receive)
    fields = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    seen = {key: scope.get(key) for key in ("http_version", "method", "scheme", "path", "root_path")}
    seen |= {"headers": fields, "query": scope["query_string"].decode("latin-1")}
    await respond(send, json.dumps(seen).encode())


async def paths_so_far(scope, receive, send):
    await respond(send, json.dumps(paths).encode())


async def wait(scope, receive, send):
    """Neither reads nor answers before somebody asks for /release."""
    await waiting.wait()
    await respond(send, b"released")


async def release(scope, receive, send):
    global waiting
    waiting.set()
    waiting = asyncio.Event()
    await respond(send, b"")


async def trailers(scope, receive, send):
    if "http.response.trailers" not in scope.get("extensions", {}):
        return await respond(send, status=501)
    await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
    await send({"type": "http.response.body", "body": b"before trailers"})
    await send({"type": "http.response.trailers", "headers": [(b"x-checksum", b"42")]})


async def push(scope, receive, send):
    """ASGI: "at any time after the Response Start message but before the final Response Body message"."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if "http.response.push" in scope.get("extensions", {}):
        await send({"type": "http.response.push", "path": "/pushed", "headers": [(b"accept", b"*/*")]})
    await send({"type": "http.response.body", "body": HELLO})


async def early_hint(scope, receive, send):
    if "http.response.early_hint" in scope.get("extensions", {}):
        await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]})
    await respond(send, HELLO)


async def hop_by_hop(scope, receive, send):
    """An application that was written for HTTP/1.1."""
    fields = [(b"connection", b"keep-alive"), (b"keep-alive", b"timeout=5"), (b"transfer-encoding", b"chunked")]
    await send({"type": "http.response.start", "status": 200, "headers": [*fields, (b"X-Mixed-Case", b"yes")]})
    await send({"type": "http.response.body", "body": HELLO})


async def no_content(scope, receive, send):
    await respond(send, status=204)


async def not_modified(scope, receive, send):
    await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", b'"a"')]})
    await send({"type": "http.response.body", "body": b""})


async def many_fields(scope, receive, send):
    """A head of some 50 KB, which no frame of the smallest limit can hold."""
    fields = [(b"x-field-%d" % number, b"%04d" % number * 120) for number in range(100)]
    await respond(send, HELLO, headers=fields)


async def early_answer(scope, receive, send):
    """Answers without reading."""
    await respond(send, HELLO)


ROUTES = {
    "/big": big,
    "/early-answer": early_answer,
    "/early-hint": early_hint,
    "/echo": echo,
    "/endless": endless,
    "/head-of-request": head_of_request,
    "/hop-by-hop": hop_by_hop,
    "/many-fields": many_fields,
    "/no-content": no_content,
    "/not-modified": not_modified,
    "/paths": paths_so_far,
    "/push": push,
    "/release": release,
    "/trailers": trailers,
    "/wait": wait,
}
