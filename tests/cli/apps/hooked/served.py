"""The same small site for WSGI and ASGI, and a few that fail to start."""

import asyncio
import os
import time

BODY = b"hello"


def said(what):
    os.write(2, f'hook: {{"hook": "{what}", "in": "worker", "pid": {os.getpid()}}}\n'.encode())


class Closing(list):
    def close(self):
        said("close")


def wsgi(environ, start_response):
    said("application")
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise ValueError("the application failed")
    if path == "/hang":
        time.sleep(60)
    start_response("201 Made", [("Content-Type", "text/plain"), ("X-Seen", environ.get("HTTP_X_HOOK", "nothing"))])
    return Closing([BODY])


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    said("application")
    if scope["path"] == "/fail":
        raise ValueError("the application failed")
    if scope["path"] == "/hang":
        time.sleep(60)
    await send({"type": "http.response.start", "status": 201, "headers": [(b"Content-Type", b"text/plain")]})
    await send({"type": "http.response.body", "body": BODY})
    await asyncio.sleep(0.01)
    said("close")


def replaced(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"replaced"]


async def replaced_asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"replaced"})


def taken_over(environ, start_response):
    client = environ["gunicorn.socket"]
    client.sendall(b"mine")
    raise StopIteration
