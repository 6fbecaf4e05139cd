"""Applications under the names that tests/cli asks for."""

import os
from types import SimpleNamespace

PID_AT_IMPORT = os.getpid()
if path := os.environ.get("IMPORTS"):
    with open(path, "a") as file:
        file.write(f"{PID_AT_IMPORT}\n")


def answering(body):
    async def application(scope, receive, send):
        assert scope["type"] == "http"
        text = body() if callable(body) else body
        headers = [(b"content-length", str(len(text)).encode()), (b"x-out", b"from the app")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    return application


app = answering(b"hello")
application = answering(b"the default name")
where = answering(lambda: os.getcwd().encode())
pids = answering(lambda: f"{PID_AT_IMPORT} {os.getpid()} {os.getppid()}".encode())
environment = answering(lambda: os.environ.get("SHOWN", "unset").encode())
holder = SimpleNamespace(inner=SimpleNamespace(app=answering(b"the inner app")))
number = 42


def create_app(name="factory", *, loud=False):
    return answering((name.upper() if loud else name).encode())


def create_nothing():
    return None


def broken_factory():
    raise RuntimeError("the factory is broken")


def wsgi_app(environ, start_response):
    start_response("200 OK", [("content-length", "4")])
    return [b"wsgi"]


async def empty(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class ClassBased:
    async def __call__(self, scope, receive, send):
        await app(scope, receive, send)


class_based = ClassBased()
