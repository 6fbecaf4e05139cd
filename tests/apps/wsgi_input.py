"""Readers of wsgi.input."""

import ast
import hashlib
import os
from wsgiref.validate import validator

from wsgi_control import Routes, answer, note, wait_for_gate

app = Routes()


@app.route
def echo(environ, start_response):
    note("called", path=environ["PATH_INFO"])
    return answer(start_response, environ["wsgi.input"].read(1 << 30))


@app.route
def digest(environ, start_response):
    """Length and sha256, read in pieces of 64 KiB."""
    note("called", path=environ["PATH_INFO"])
    total, length = hashlib.sha256(), 0
    while block := environ["wsgi.input"].read(65536):
        total.update(block)
        length += len(block)
    return answer(start_response, f"{length} {total.hexdigest()}")


@app.route
def lines(environ, start_response):
    return answer(start_response, repr(list(environ["wsgi.input"])))


@app.route
def unread(environ, start_response):
    return answer(start_response, b"unread")


@app.route
def hello(environ, start_response):
    return answer(start_response, os.getpid())


@app.route
def gated(environ, start_response):
    """Reads half of the body before the gate and half after it."""
    stream = environ["wsgi.input"]
    first = stream.read(4)
    note("read", first=first.decode())
    wait_for_gate()
    return answer(start_response, first + stream.read(4))


validated = validator(app)


def calls(environ, start_response):
    """Makes the calls of x-calls, a list of (method, *arguments), and answers with what they gave."""
    stream = environ["wsgi.input"]
    given = []
    for name, *arguments in ast.literal_eval(environ["HTTP_X_CALLS"]):
        given.append(next(stream, None) if name == "next" else getattr(stream, name)(*arguments))
    return answer(start_response, repr(given))
