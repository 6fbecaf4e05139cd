"""Applications of every shape, for what tells an ASGI application from a WSGI one."""

import functools


async def answer(send, text):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})


async def coroutine(scope, receive, send):
    assert scope["type"] == "http"
    await answer(send, b"asgi")


class Instance:
    async def __call__(self, scope, receive, send):
        await coroutine(scope, receive, send)


instance = Instance()
bound = instance.__call__
partial = functools.partial(coroutine)


def plain(scope, receive, send):
    """No coroutine function, but it returns a coroutine."""
    return coroutine(scope, receive, send)


@functools.wraps(coroutine)
def wrapped(*args, **kwargs):
    return coroutine(*args, **kwargs)


def loose(scope, *rest):
    return coroutine(scope, *rest)


class TwoSteps:
    """ASGI 2."""

    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await coroutine(self.scope, receive, send)


def two_steps(scope):
    return TwoSteps(scope)


def function(environ, start_response):
    start_response("200 OK", [("content-length", "4")])
    return [b"wsgi"]


class Wsgi:
    def __call__(self, environ, start_response):
        return function(environ, start_response)


wsgi_instance = Wsgi()
wsgi_partial = functools.partial(function)


@functools.wraps(function)
def wsgi_wrapped(*args, **kwargs):
    return function(*args, **kwargs)


def unknown(*args):
    """Could be both: WSGI, as it is for gunicorn."""
    return function(*args)


class Response:
    """Called with two arguments, it is its own answer, as in Werkzeug."""

    def __init__(self, environ, start_response):
        self.body = function(environ, start_response)

    def __iter__(self):
        return iter(self.body)


def optional(environ, start_response, extra=None):
    return function(environ, start_response)
