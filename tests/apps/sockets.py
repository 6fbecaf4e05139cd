"""Applications for WebSockets, one behaviour each."""

import asyncio
import ctypes
import time

from control import gate, note, respond, steerable


def accept(**more):
    return {"type": "websocket.accept", **more}


def send_text(words):
    return {"type": "websocket.send", "text": words}


def plain(value):
    """As JSON can say it."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return value


async def ordinary(scope, send):
    """What a request that is for no WebSocket gets."""
    assert scope["type"] == "http", scope["type"]
    await respond(send, b"ordinary")


async def connect(receive, send, **more):
    assert await receive() == {"type": "websocket.connect"}
    await send(accept(**more))


async def disconnected(receive):
    """Takes messages until the end, of which it takes note."""
    while (event := await receive())["type"] != "websocket.disconnect":
        note("message", **plain(event))
    note("disconnected", code=event["code"], reason=event["reason"], again=await receive() == event)


@steerable
async def echo(scope, receive, send):
    if scope["type"] != "websocket":
        return await ordinary(scope, send)
    await connect(receive, send)
    while (event := await receive())["type"] == "websocket.receive":
        (content,) = event.keys() - {"type"}
        assert content in ("bytes", "text")
        await send({"type": "websocket.send", content: event[content]})
    note("disconnected", **{key: value for key, value in event.items() if key != "type"})


class Mallinfo2(ctypes.Structure):
    """What glibc says of its memory, in bytes and counts."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


async def echo_weighed(scope, receive, send):
    """A request tells how much memory is in use, which is not what the allocator holds for later."""
    if scope["type"] == "websocket":
        return await echo(scope, receive, send)
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = Mallinfo2
    facts = mallinfo2()
    await respond(send, b"%d" % (facts.uordblks + facts.hblkhd))


@steerable
async def listen(scope, receive, send):
    await connect(receive, send)
    await disconnected(receive)


@steerable
async def late(scope, receive, send):
    """Takes no message until the gate opens."""
    await connect(receive, send)
    note("accepted")
    await gate("take")
    await disconnected(receive)


@steerable
async def end_at_gate(scope, receive, send):
    """Takes nothing, and returns when the gate opens."""
    await connect(receive, send)
    note("accepted")
    await gate("end")


async def show_scope(scope, receive, send):
    assert type(scope) is dict
    import json

    state = scope.pop("state", None)
    await connect(receive, send)
    await send(send_text(json.dumps({"state": state, **plain(scope)})))
    await disconnected(receive)


async def with_state(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"].update(number=1, shared=[1])
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return await send({"type": "lifespan.shutdown.complete"})
    await connect(receive, send)
    state = scope["state"]
    await send(send_text(f"{state['number']} {state['shared']}"))
    state["number"] = 2
    state["shared"].append(2)


async def answer_by_path(scope, receive, send):
    """Handshakes: accepts with what the path says, or denies."""
    assert (await receive())["type"] == "websocket.connect"
    what = scope["path"]
    if what == "/subprotocol":
        await send(accept(subprotocol=scope["subprotocols"][-1]))
        await send(send_text(",".join(scope["subprotocols"])))
    elif what == "/headers":
        headers = [(b"x-one", b"1"), [b"x-two", b"\xc3\xbc"], (b"set-cookie", b"a"), (b"set-cookie", b"b")]
        await send(accept(headers=iter(headers), unknown="key"))
    elif what == "/server":
        await send(accept(headers=[(b"server", b"own"), (b"content-length", b"5"), (b"upgrade", b"h2c")]))
    elif what == "/bare":
        return await send({"type": "websocket.close"})
    elif what == "/code":
        return await send({"type": "websocket.close", "code": 1008, "reason": "not sent"})
    await disconnected(receive)


def wrongly(*events):
    """An app that tries each event before and after it accepts, and tells which exceptions it got."""

    async def app(scope, receive, send):
        before = scope["path"] == "/before"
        assert (await receive())["type"] == "websocket.connect"
        if not before:
            await send(accept())
        for event in events:
            try:
                await send(event)
            except Exception as error:
                note("refused", kind=type(error).__name__, text=str(error))
            else:
                note("taken")
        if before:
            await send(accept())
        await send(send_text("fine"))
        await disconnected(receive)

    return app


wrong_events = wrongly(
    {},
    {"type": 1},
    {"type": "websocket.unknown"},
    {"type": "http.response.start", "status": 200},
    "text",
)
wrong_after = wrongly(
    accept(),
    {"type": "websocket.send"},
    {"type": "websocket.send", "text": None, "bytes": None},
    {"type": "websocket.send", "text": "a", "bytes": b"b"},
    {"type": "websocket.send", "text": b"bytes"},
    {"type": "websocket.send", "bytes": "text"},
    {"type": "websocket.send", "text": "\ud800"},
    {"type": "websocket.close", "code": 1005},
    {"type": "websocket.close", "code": 1006},
    {"type": "websocket.close", "code": 1015},
    {"type": "websocket.close", "code": 999},
    {"type": "websocket.close", "code": 5000},
    {"type": "websocket.close", "code": "1000"},
    {"type": "websocket.close", "reason": 7},
    {"type": "websocket.http.response.start", "status": 200, "headers": []},
)
wrong_before = wrongly(
    send_text("too early"),
    accept(subprotocol="not-offered"),
    accept(subprotocol=b"bytes"),
    accept(headers=[(b"sec-websocket-protocol", b"x")]),
    accept(headers=[(b"sec-websocket-accept", b"x")]),
    accept(headers=[(b":status", b"200")]),
    accept(headers=[(b"x", b"a\r\nb: c")]),
    {"type": "websocket.http.response.body", "body": b""},
)


async def awaited_later(scope, receive, send):
    """Makes calls of send() that must fail, and has each awaited elsewhere."""
    await connect(receive, send)
    calls = [send({"type": "websocket.nonsense"}), send({"type": "websocket.send"}), send(send_text(7))]
    if scope["path"] == "/closed":
        await send({"type": "websocket.close"})
    else:
        await gone(receive)
    calls += [send(send_text("nobody hears")) for _ in range(2)]
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.wait(tasks)
    note("raised", kinds=[type(task.exception()).__name__ for task in tasks])


async def forms(scope, receive, send):
    """Payloads of all types that have bytes."""
    await connect(receive, send)
    for data in (b"bytes", bytearray(b"bytearray"), memoryview(b"memoryview"), b""):
        await send({"type": "websocket.send", "bytes": data, "text": None})
    await send({"type": "websocket.send", "text": "", "bytes": None, "unknown": 1})
    await disconnected(receive)


# Ends.


async def close_by_path(scope, receive, send):
    """Closes with the code and the reason that the query names."""
    await connect(receive, send)
    event = {"type": "websocket.close"}
    for pair in filter(None, scope["query_string"].decode().split("&")):
        name, _, value = pair.partition("=")
        event[name] = None if value == "None" else int(value) if name == "code" else value
    await send(event)
    for late in (send_text("late"), {"type": "websocket.close"}):
        try:
            await send(late)
        except RuntimeError as error:
            note("refused", text=str(error))
    await disconnected(receive)


async def close_with_long_reason(scope, receive, send):
    await connect(receive, send)
    await send({"type": "websocket.close", "code": 3000, "reason": "ü" * 100})


async def leave(scope, receive, send):
    """Ends without a word, at the time and in the way that the path says."""
    assert (await receive())["type"] == "websocket.connect"
    _, time, way = scope["path"].split("/")
    if time == "after":
        await send(accept())
        await send(send_text("hello"))
    if way == "early":
        await send(send_text("too early"))
    if way == "raises":
        raise ValueError("on purpose")
    if way == "value":
        return 7
    if way == "twice":
        await send(accept())


async def report_end(scope, receive, send):
    """Sends until it cannot, and says how that ended."""
    await connect(receive, send)
    await receive()
    await gone(receive)
    for attempt in range(2):
        try:
            await send(send_text("is anybody there?"))
        except OSError as error:
            note("raised", kind=type(error).__name__, attempt=attempt)
    await send({"type": "websocket.close"})  # changes nothing, and is no error
    note("done", again=(await receive())["type"])


async def gone(receive):
    while (event := await receive())["type"] != "websocket.disconnect":
        pass
    note("gone", code=event["code"], reason=event["reason"])


async def escape_with_disconnect(scope, receive, send):
    await connect(receive, send)
    await gone(receive)
    await send(send_text("is anybody there?"))


@steerable
async def wait_to_accept(scope, receive, send):
    assert (await receive())["type"] == "websocket.connect"
    note("asked")
    waiting = asyncio.ensure_future(receive())
    opened = asyncio.ensure_future(gate("accept"))
    await asyncio.wait({waiting, opened}, return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        event = waiting.result()
        note("told", **event)
        try:
            await send(accept())
        except OSError as error:
            note("refused", kind=type(error).__name__)
        return
    await send(accept())
    while (event := await waiting)["type"] == "websocket.receive":
        note("message", **plain(event))
        waiting = asyncio.ensure_future(receive())


# Denials.


def start(status, *headers):
    return {"type": "websocket.http.response.start", "status": status, "headers": list(headers)}


def part(data=b"", more_body=False):
    return {"type": "websocket.http.response.body", "body": data, "more_body": more_body}


async def deny_by_path(scope, receive, send):
    assert scope["extensions"]["websocket.http.response"] == {}
    assert (await receive())["type"] == "websocket.connect"
    what = scope["path"]
    if what == "/whole":
        await send(start(401, (b"content-length", b"7"), (b"www-authenticate", b"Basic")))
        await send(part(b"goodbye"))
    elif what == "/binary":
        await send(start(400))
        await send(part(b"\xff\x00", more_body=True))
        await send(part(b"\xfe" * 18))
    elif what == "/status":
        await send(start(1000))
    elif what == "/accept":
        await send(start(400))
        await send(accept())
    elif what == "/cut":
        await send(start(400, (b"content-length", b"20")))
        await send(part(b"half", more_body=True))
        return
    try:
        await send(part(b"more"))
    except RuntimeError as error:
        note("refused", text=str(error))
    await disconnected(receive)


# Flow.


@steerable
async def flood(scope, receive, send):
    """Sends for ever, in messages of 64 KiB, and notes how many were taken each time it had to wait."""
    if scope["type"] == "http":
        return await respond(send)
    await connect(receive, send)
    data = b"x" * 65536
    sent = 0
    try:
        while True:
            waiting = asyncio.ensure_future(send({"type": "websocket.send", "bytes": data}))
            done, _ = await asyncio.wait({waiting}, timeout=0)
            if not done:
                note("full", sent=sent)
            await waiting
            sent += 1
    except OSError as error:
        note("ended", kind=type(error).__name__)


async def burst(scope, receive, send):
    await connect(receive, send)
    for number in range(100):
        await send(send_text(str(number)))
    await disconnected(receive)


async def batch(scope, receive, send):
    """Counts the rounds of the event loop between the first message and the last."""
    await connect(receive, send)
    loop = asyncio.get_running_loop()
    rounds, counter = 0, None

    def count():
        nonlocal rounds, counter
        rounds += 1
        counter = loop.call_soon(count)

    while (event := await receive())["type"] == "websocket.receive":
        if event["text"] == "first":
            counter = loop.call_soon(count)
        elif event["text"] == "last":
            counter.cancel()
            await send(send_text(str(rounds)))


async def rounds(scope, receive, send):
    """Counts the rounds of the event loop while it takes messages, a tenth of a millisecond for each."""
    await connect(receive, send)
    loop = asyncio.get_running_loop()
    counted, counter = 0, None

    def count():
        nonlocal counted, counter
        counted += 1
        counter = loop.call_soon(count)

    taken = []
    while (event := await receive())["text"] != "last":
        if counter is None:
            count()
        until = time.perf_counter() + 0.0001
        while time.perf_counter() < until:
            pass
        taken.append(event["text"])
    counter.cancel()
    note("taken", in_order=taken == [str(number) for number in range(len(taken))], number=len(taken), rounds=counted)


@steerable
async def tally(scope, receive, send):
    """Answers a text with how many bytes of messages came before it."""
    await connect(receive, send)
    size = messages = 0
    while (event := await receive())["type"] == "websocket.receive":
        if event.get("text") is not None:
            await send(send_text(f"{messages} {size}"))
        else:
            size += len(event["bytes"])
            messages += 1
    note("disconnected", code=event["code"], reason=event["reason"])


async def cancels(scope, receive, send):
    """Gives up waiting again and again, and must lose nothing."""
    await connect(receive, send)
    got = []
    while len(got) < 50:
        try:
            event = await asyncio.wait_for(receive(), 0.001)
        except asyncio.TimeoutError:
            continue
        got.append(event["text"])
    await send(send_text(",".join(got)))
    await disconnected(receive)


async def both_ways(scope, receive, send):
    """One task sends while another receives."""
    await connect(receive, send)

    async def tick():
        for number in range(50):
            await send(send_text(f"tick {number}"))
            await asyncio.sleep(0)

    ticking = asyncio.ensure_future(tick())
    while (event := await receive())["type"] == "websocket.receive":
        await send(send_text(f"echo {event['text']}"))
    await ticking


async def tidy(scope, receive, send):
    await connect(receive, send)
    await gone(receive)
    await asyncio.sleep(0.2)
    note("tidied")
