"""Answers with what was asked: the body, its digest, the path, or how often."""

import hashlib

from control import gate, http_only, note, read_body, respond, steerable


@http_only
async def app(scope, receive, send):
    await respond(send, await read_body(receive))


@http_only
async def path(scope, receive, send):
    note("called", path=scope["path"])
    await respond(send, scope["path"].encode())


calls = 0


@http_only
async def count(scope, receive, send):
    """Answers with the number of calls so far."""
    global calls
    calls += 1
    await respond(send, b"%d" % calls)


@steerable
@http_only
async def digest_after_gate(scope, receive, send):
    """Reads nothing until the gate opens, then everything."""
    await gate("read")
    digest, length = hashlib.sha256(), 0
    while True:
        message = await receive()
        digest.update(message["body"])
        length += len(message["body"])
        if not message["more_body"]:
            return await respond(send, f"{length} {digest.hexdigest()}".encode())
