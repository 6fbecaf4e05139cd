"""What an application may send, and what happens when it sends something else."""

import array
import asyncio
import hashlib
from urllib.parse import unquote_to_bytes

from control import gate, http_only, note, read_until_disconnect, respond, steerable

START = {"type": "http.response.start", "status": 200, "headers": []}
LAST = {"type": "http.response.body", "body": b""}


def start(*headers, status=200):
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(data, more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


# Events that are wrong in themselves.

BAD_STARTS = {
    "not-a-dict": None,
    "no-type": {"status": 200},
    "type-not-a-string": {"type": 7},
    "unknown-type": {"type": "http.response.nonsense"},
    "other-protocol": {"type": "websocket.accept"},
    "no-status": {"type": "http.response.start"},
    "status-with-reason": start(status="201 NO CONTENT"),
    "status-none": start(status=None),
    "status-0": start(status=0),
    "status-99": start(status=99),
    "status-1000": start(status=1000),
    "headers-not-iterable": {**START, "headers": 5},
    "header-name-str": start(("x-name", b"value")),
    "header-value-str": start((b"x-name", "value")),
    "header-of-one": start((b"x-name",)),
    "header-of-three": start((b"x-name", b"value", b"more")),
    "pseudo-header": start((b":status", b"200")),
    "content-length-not-a-number": start((b"content-length", b"ten")),
    "content-length-negative": start((b"content-length", b"-1")),
    "content-lengths-differ": start((b"content-length", b"3"), (b"content-length", b"4")),
}
BAD_BODIES = {
    "unknown-type": {"type": "http.response.nonsense"},
    "no-type": {"body": b"x"},
    "body-str": body("text"),
    "body-int": body(5),
    "body-list": body([b"x"]),
}


@http_only
async def bad_start(scope, receive, send):
    """send() must raise, and still take a correct start afterwards."""
    outcome = await error_of(send, BAD_STARTS[scope["path"][1:]])
    await respond(send, outcome.encode())


@http_only
async def bad_body(scope, receive, send):
    await send(dict(START))
    outcome = await error_of(send, BAD_BODIES[scope["path"][1:]])
    await send(body(outcome.encode()))


async def error_of(send, message):
    try:
        await send(message)
    except Exception as error:
        return type(error).__name__
    return "accepted"


@http_only
async def awaited_later(scope, receive, send):
    """Makes calls of send() that must fail, and awaits each elsewhere: in a task, in a group, later."""
    raised = []
    for name in ("status-none", "header-name-str", "unknown-type"):
        event = BAD_STARTS[name]
        raised.append(await error_when_awaited(send(event)))
        raised += [type(error).__name__ for error in await asyncio.gather(send(event), return_exceptions=True)]
        with_task = asyncio.create_task(send(event))
        await asyncio.wait({with_task})
        raised.append(type(with_task.exception()).__name__)
    raised.append(await error_when_awaited(send(body(b"too early"))))
    await respond(send, repr(raised).encode())
    raised = await error_when_awaited(send(body(b"late")))
    note("late", error=raised)


async def error_when_awaited(awaitable):
    try:
        await awaitable
    except Exception as error:
        return type(error).__name__
    return "accepted"


# Events in the wrong order.


@http_only
async def body_first(scope, receive, send):
    await send(body(b"too early"))


@http_only
async def body_first_then_right(scope, receive, send):
    await respond(send, (await error_of(send, body(b"too early"))).encode())


@http_only
async def two_starts(scope, receive, send):
    await send(start((b"content-length", b"12")))
    note("second", error=await error_of(send, start(status=404)))
    await send(body(b"first answer"))


@http_only
async def after_completion(scope, receive, send):
    await respond(send, b"answer")
    note("body", error=await error_of(send, body(b"more")))
    note("start", error=await error_of(send, start(status=404)))


@http_only
async def escapes_after_completion(scope, receive, send):
    await respond(send, b"answer")
    await send(body(b"more"))


# Applications that fail.


@http_only
async def raises(scope, receive, send):
    if scope["path"] == "/fail":
        raise ZeroDivisionError("marker of the app's own error")
    await respond(send, b"fine")


@http_only
async def raises_after_start(scope, receive, send):
    await send(start((b"x-half", b"way")))
    raise ZeroDivisionError("after start")


@steerable
@http_only
async def raises_while_streaming(scope, receive, send):
    headers = [(b"content-length", b"10")] if scope["path"] == "/length" else []
    await send(start(*headers))
    await send(body(b"hello", more=True))
    await gate("fail")
    raise ZeroDivisionError("while streaming")


@http_only
async def raises_in_the_same_step(scope, receive, send):
    await send(start())
    await send(body(b"hello", more=True))
    raise ZeroDivisionError("in the same step")


@http_only
async def returns_at_once(scope, receive, send):
    pass


@http_only
async def returns_after_start(scope, receive, send):
    await send(start())


@steerable
@http_only
async def returns_while_streaming(scope, receive, send):
    headers = [(b"content-length", b"10")] if scope["path"] == "/length" else []
    await send(start(*headers))
    await send(body(b"hello", more=True))
    await gate("return")


@http_only
async def returns_123(scope, receive, send):
    await respond(send, b"answer")
    return 123


# Headers and bodies that are right, in all their forms.


@http_only
async def header_forms(scope, receive, send):
    pairs = [(b"x-one", b"1"), (b"x-two", b"2"), (b"x-one", b"3")]
    forms = {
        "list": pairs,
        "tuple": tuple(pairs),
        "lists": [list(pair) for pair in pairs],
        "generator": (pair for pair in pairs),
        "iterator": iter(pairs),
        "map": map(tuple, pairs),
        "bytearray": [(bytearray(name), bytearray(value)) for name, value in pairs],
        "memoryview": [(memoryview(name), memoryview(value)) for name, value in pairs],
    }
    await send({"type": "http.response.start", "status": 200, "headers": forms[scope["path"][1:]]})
    await send(body(b"answer"))


@http_only
async def body_forms(scope, receive, send):
    data = b"0123456789"
    forms = {
        "bytes": data,
        "bytearray": bytearray(data),
        "memoryview": memoryview(b"xx" + data)[2:],
        "array": array.array("B", data),
    }
    await send(dict(START))
    await send(body(forms[scope["path"][1:]]))


@http_only
async def reused_bytearray(scope, receive, send):
    """The buffer is the app's again once send() has returned."""
    buffer = bytearray(b"first")
    await send(dict(START))
    await send(body(buffer, more=True))
    buffer[:] = b"second"
    await send(body(buffer))


@http_only
async def bare(scope, receive, send):
    """Leaves out every optional key."""
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})


@http_only
async def extra_keys(scope, receive, send):
    await send({**start(), "future": object(), "trailers": False})
    await send({**body(b"answer"), "future": object()})


@http_only
async def header_name(scope, receive, send):
    """A response header whose name is the query string."""
    await send(start((unquote_to_bytes(scope["query_string"]), b"smuggled")))
    await send(body(b"answer"))


@http_only
async def header_value(scope, receive, send):
    await send(start((b"x-value", unquote_to_bytes(scope["query_string"]))))
    await send(body(b"answer"))


@http_only
async def header_order(scope, receive, send):
    names = [b"x-b", b"set-cookie", b"x-a", b"set-cookie", b"X-C"]
    await send(start(*((name, b"%d" % index) for index, name in enumerate(names))))
    await send(body(b"answer"))


@http_only
async def own_defaults(scope, receive, send):
    """Overrides what the server would add."""
    headers = [(b"server", b"mine"), (b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
    await respond(send, b"answer", headers=headers)


@http_only
async def own_framing(scope, receive, send):
    """Headers that are the server's business."""
    headers = {
        "chunked": [(b"transfer-encoding", b"chunked")],
        "twice": [(b"transfer-encoding", b"chunked"), (b"Transfer-Encoding", b"chunked")],
        "both": [(b"transfer-encoding", b"chunked"), (b"content-length", b"10")],
        "gzip": [(b"transfer-encoding", b"gzip, chunked")],
        "keep-alive": [(b"connection", b"keep-alive"), (b"keep-alive", b"timeout=99"), (b"content-length", b"10")],
        "close": [(b"connection", b"close"), (b"content-length", b"10")],
        "upgrade": [(b"connection", b"upgrade"), (b"upgrade", b"h2c"), (b"content-length", b"10")],
    }[scope["path"][1:]]
    await send(start(*headers))
    await send(body(b"01234", more=True))
    await send(body(b"56789"))


@http_only
async def status(scope, receive, send):
    await send(start(status=int(scope["path"][1:])))
    await send(body(b""))


@http_only
async def bodiless(scope, receive, send):
    """Sends a body with a status that has none."""
    await send(start(status=int(scope["path"][1:])))
    await send(body(b"must not be seen"))


@http_only
async def sized(scope, receive, send):
    """A body of known length, in two parts."""
    await send(start((b"content-length", b"10")))
    await send(body(b"01234", more=True))
    await send(body(b"56789"))


@http_only
async def unsized(scope, receive, send):
    """A body whose length nobody knows when it begins."""
    await send(start())
    await send(body(b"01234", more=True))
    await asyncio.sleep(0)
    await send(body(b"", more=True))
    await send(body(b"56789"))


@http_only
async def in_one_step(scope, receive, send):
    """Parts that the server may join, since it sees them all before it writes."""
    await send(start())
    await send(body(b"01234", more=True))
    await send(body(b"", more=True))
    await send(body(b"56789"))


@http_only
async def too_long(scope, receive, send):
    """Declares ten bytes."""
    await send(start((b"content-length", b"10")))
    if scope["path"] == "/at-once":
        note("sent", error=await error_of(send, body(b"x" * 60)))
    else:
        await send(body(b"x" * 6, more=True))
        await asyncio.sleep(0)
        note("sent", error=await error_of(send, body(b"x" * 6)))


@http_only
async def too_short(scope, receive, send):
    await send(start((b"content-length", b"10")))
    await send(body(b"xxx", more=scope["path"] == "/parts"))
    if scope["path"] == "/parts":
        await send(body(b""))


# Streaming.


@steerable
@http_only
async def suspends_after_start(scope, receive, send):
    headers = [(b"content-type", b"text/event-stream")] if scope["path"] == "/events" else []
    await send(start(*headers))
    await gate("body")
    await send(body(b"late"))


@steerable
@http_only
async def chunk_by_chunk(scope, receive, send):
    await send(start())
    for number in range(1, 4):
        await send(body(b"part %d" % number, more=True))
        await gate(f"part{number}")
    await send(body(b"end"))


@http_only
async def flood(scope, receive, send):
    """Streams 100 MiB and notes when the client stops taking it."""
    if scope["path"] == "/warm-up":
        return await respond(send)
    chunk, total, digest, blocked = b"\xa5" * 65536, 1600, hashlib.sha256(), False
    await send(start((b"content-length", b"%d" % (len(chunk) * total))))
    for number in range(total):
        sending = asyncio.ensure_future(send(body(chunk, more=number < total - 1)))
        digest.update(chunk)
        if not blocked:
            await asyncio.wait({sending}, timeout=2)
            if not sending.done():
                blocked = True
                note("blocked", sent=number * len(chunk))
        await sending
    note("finished", digest=digest.hexdigest(), blocked=blocked)


@http_only
async def big(scope, receive, send):
    """One body event of 20 MiB."""
    await respond(send, b"\x5a" * (20 << 20))


# Life after the response, and after the client.


@steerable
@http_only
async def background(scope, receive, send):
    """Goes on working after its response."""
    await respond(send, scope["path"].encode())
    if scope["path"] == "/work":
        note("background begins")
        await gate("finish")
        note("background ends")


@steerable
@http_only
async def survivor(scope, receive, send):
    """Waits for the client to leave, and then goes on."""
    await send(start())
    await send(body(b"hello", more=True))
    await read_until_disconnect(receive)
    note("disconnected")
    try:
        await gate("finish")
    finally:
        note("ends")


@http_only
async def idle(scope, receive, send):
    """Waits for ever; unless the path says not to, in the middle of its answer."""
    if scope["path"] != "/before-the-answer":
        await send(start())
        await send(body(b"hello", more=True))
    note("waits", path=scope["path"])
    try:
        await asyncio.Event().wait()
    finally:
        note("ends", path=scope["path"])


@http_only
async def talks_to_nobody(scope, receive, send):
    """Keeps sending after the client has left."""
    await send(start())
    await send(body(b"hello", more=True))
    await read_until_disconnect(receive)
    try:
        await send(body(b"anyone?", more=True))
    except OSError as error:
        note("send", error=type(error).__name__, subclass=type(error) is not OSError)
    else:
        note("send", error=None)
    for _ in range(3):
        note("receive", type=(await receive())["type"])


@http_only
async def escaping_disconnect(scope, receive, send):
    """Lets the server's own OSError out, plain or wrapped as frameworks do."""
    await send(start())
    await send(body(b"hello", more=True))
    await read_until_disconnect(receive)
    try:
        await send(body(b"anyone?", more=True))
        note("no error")
    except OSError as error:
        wrapped = scope["path"][1:]
        note("escapes")
        if wrapped == "cause":
            raise RuntimeError("client left") from error
        if wrapped == "context":
            raise ClientDisconnect  # as Starlette does, without a cause
        if wrapped == "group":
            raise make_group([error])
        raise


class ClientDisconnect(Exception):
    """A framework's own word for the news."""


def make_group(errors):
    try:
        return ExceptionGroup("tasks", errors)
    except NameError:  # Python 3.10
        from exceptiongroup import ExceptionGroup as Group

        return Group("tasks", errors)
