"""Answers large things and counts what came, in ASGI and in WSGI. $FILE is a file of some megabytes."""

import hashlib
import os

from control import http_only, note, respond

BLOCK = bytes(range(256)) * 256  # 64 KiB
BLOCKS = 160


@http_only
async def asgi(scope, receive, send):
    if scope["path"] == "/file":
        await send(start(os.stat(os.environ["FILE"]).st_size))
        return await send({"type": "http.response.pathsend", "path": os.environ["FILE"]})
    if scope["path"] == "/blocks":
        await send(start(len(BLOCK) * BLOCKS))
        for left in reversed(range(BLOCKS)):
            await send({"type": "http.response.body", "body": BLOCK, "more_body": left > 0})
        return None
    if scope["path"] == "/pid":
        return await respond(send, b"%d" % os.getpid())
    digest, length, more = hashlib.sha256(), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return note("left", length=length)
        digest.update(message["body"])
        length += len(message["body"])
        more = message["more_body"]
    note("complete", length=length)
    await respond(send, f"{length} {digest.hexdigest()}".encode())


def start(length):
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % length)]}


def wsgi(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/file":
        start_response("200 OK", [("Content-Length", str(os.stat(os.environ["FILE"]).st_size))])
        return environ["wsgi.file_wrapper"](open(os.environ["FILE"], "rb"))
    if path == "/blocks":
        start_response("200 OK", [("Content-Length", str(len(BLOCK) * BLOCKS))])
        return (BLOCK for _ in range(BLOCKS))
    if path == "/pid":
        return answer(start_response, str(os.getpid()))
    if path == "/socket":
        try:
            environ["gunicorn.socket"].fileno()
        except OSError as error:
            return answer(start_response, str(error))
    body = environ["wsgi.input"].read()
    note("complete", length=len(body))
    return answer(start_response, f"{len(body)} {hashlib.sha256(body).hexdigest()}")


def answer(start_response, text):
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text.encode()]
