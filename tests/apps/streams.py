"""What HTTP/2 does to an ASGI application and the other way round, one behaviour for each path."""

import asyncio
import json

from control import note

GATES = {}


def gate(name):
    return GATES.setdefault(name, asyncio.Event())


async def answer(send, body, *headers, status=200, trailers=False):
    await send({"type": "http.response.start", "status": status, "headers": list(headers), "trailers": trailers})
    await send({"type": "http.response.body", "body": body})


async def body_of(receive):
    body = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body += event["body"]
        if not event["more_body"]:
            return body


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    name, _, argument = scope["path"][1:].partition("/")
    await PATHS.get(name, hello)(scope, receive, send, argument)


async def hello(scope, receive, send, argument):
    await answer(send, b"hello", (b"x-path", scope["raw_path"]))


async def show_scope(scope, receive, send, argument):
    shown = {key: scope[key] for key in ("type", "http_version", "method", "scheme", "path", "client", "server")}
    shown["query_string"] = scope["query_string"].decode()
    shown["headers"] = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
    shown["extensions"] = sorted(scope["extensions"])
    await answer(send, json.dumps(shown).encode())


async def echo(scope, receive, send, argument):
    await answer(send, await body_of(receive))


async def count(scope, receive, send, argument):
    """How large the body is, without keeping it."""
    size, more = 0, True
    while more:
        event = await receive()
        size += len(event["body"])
        more = event["more_body"]
    await answer(send, str(size).encode())


async def large(scope, receive, send, size):
    await answer(send, b"x" * int(size))


async def parts(scope, receive, send, number):
    """Many parts, and a note when the last was taken."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for index in range(int(number)):
        await send({"type": "http.response.body", "body": b"p" * 65536, "more_body": True})
        note("sent", part=index)
    await send({"type": "http.response.body"})
    note("all sent")


async def wait(scope, receive, send, name):
    """Answers once another request opened the gate."""
    note("waiting", name=name)
    await gate(name).wait()
    await answer(send, b"waited")


async def open_gate(scope, receive, send, name):
    gate(name).set()
    await answer(send, b"open")


async def read_after(scope, receive, send, name):
    """Reads its body only once the gate is open."""
    note("not reading")
    await gate(name).wait()
    await count(scope, receive, send, "")


async def until_disconnect(scope, receive, send, name):
    note("listening", name=name)
    while (await receive())["type"] != "http.disconnect":
        pass
    note("disconnected", name=name)
    try:
        await answer(send, b"late")
    except OSError:
        note("refused", name=name)


async def early(scope, receive, send, argument):
    """Answers without reading the body."""
    await answer(send, b"early")


async def fail(scope, receive, send, argument):
    raise RuntimeError("as wanted")


async def cut(scope, receive, send, argument):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    await asyncio.sleep(0)


async def hints(scope, receive, send, argument):
    await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
    await answer(send, b"hinted")


async def trail(scope, receive, send, argument):
    await answer(send, b"body", trailers=True)
    fields = [(b"x-sum", b"1"), (b"grpc-status", b"0")]
    await send({"type": "http.response.trailers", "headers": fields, "more_trailers": False})


async def fields(scope, receive, send, argument):
    """Fields of the connection, and names in upper case."""
    told = [(b"X-Upper", b"1"), (b"Connection", b"close"), (b"Keep-Alive", b"5"), (b"TE", b"trailers")]
    await answer(send, b"", *told, (b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2"))


async def status(scope, receive, send, number):
    await answer(send, b"never" if number in ("204", "304") else b"body", status=int(number))


async def push(scope, receive, send, argument):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    headers = [(b"accept", b"text/css")]
    await send({"type": "http.response.push", "path": "/scope/pushed?a=b", "headers": headers})
    await send({"type": "http.response.body", "body": b"page"})


PATHS = {
    "scope": show_scope,
    "echo": echo,
    "count": count,
    "large": large,
    "parts": parts,
    "wait": wait,
    "open": open_gate,
    "read-after": read_after,
    "until-disconnect": until_disconnect,
    "early": early,
    "fail": fail,
    "cut": cut,
    "hints": hints,
    "trailers": trail,
    "fields": fields,
    "status": status,
    "push": push,
}
