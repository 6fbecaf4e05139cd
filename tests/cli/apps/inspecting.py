"""Applications that tell what they found: how they were called, and the process they run in."""

import asyncio
import json
import os
import sys
import threading
import time

AT_IMPORT = os.getpid()
STARTED = []


def process():
    return {
        "pid": os.getpid(),
        "at import": AT_IMPORT,
        "parent": os.getppid(),
        "cwd": os.getcwd(),
        "path": sys.path,
        "environment": dict(os.environ),
        "open files": [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(fd)],
        "thread": threading.current_thread().name,
    }


def _is_open(fd):
    return os.path.lexists(f"/proc/self/fd/{fd}")


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        STARTED.append(True)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/body":
        while (await receive()).get("more_body"):
            pass
    elif scope["path"] == "/wait":
        # Until the client leaves, or the worker.
        while (await receive())["type"] != "http.disconnect":
            pass
    elif scope["path"] == "/stay":
        await asyncio.Event().wait()
    elif scope["path"] == "/block":
        time.sleep(60)
    told = {name: _plain(value) for name, value in scope.items()}
    told = {"called": "asgi", "scope": told, "lifespan": bool(STARTED), "loop": _classes(asyncio.get_running_loop())}
    body = json.dumps({**process(), **told}).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


def _classes(value):
    return [f"{one.__module__}.{one.__qualname__}" for one in type(value).__mro__]


def _plain(value):
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value if isinstance(value, (str, int, float, dict)) else repr(value)


def wsgi(environ, start_response):
    told = {name: _plain(value) for name, value in environ.items()}
    body = json.dumps({**process(), "called": "wsgi", "environ": told}).encode()
    start_response("200 OK", [("content-type", "application/json"), ("content-length", str(len(body)))])
    return [body]


def either(*arguments):
    """May be called as ASGI and as WSGI."""
    return asgi(*arguments) if len(arguments) == 3 else wsgi(*arguments)


def make():
    """A factory that is no application: it takes no argument."""
    return asgi


def slow():
    time.sleep(60)


def make_by_paste(global_conf, **local_conf):
    def application(environ, start_response):
        body = json.dumps({"global": global_conf, "local": local_conf, "called": "wsgi"}).encode()
        start_response("200 OK", [("content-length", str(len(body)))])
        return [body]

    return application
