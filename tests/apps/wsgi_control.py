"""What the WSGI applications under test are made of.

app = Routes()

@app.route
def hello(environ, start_response): ...   # answers /hello and /hello/whatever

`note` tells the test (see control.py); `wait_for_gate` waits for conftest.GateFile.
"""

import os

from control import note

__all__ = ["Counted", "Routes", "answer", "note", "wait_for_gate"]


class Routes:
    def __init__(self):
        self.apps = {}

    def route(self, app):
        self.apps[app.__name__] = app
        return app

    def __call__(self, environ, start_response):
        return self.apps[environ["PATH_INFO"].split("/")[1]](environ, start_response)


def answer(start_response, body, status="200 OK", headers=()):
    start_response(status, [("Content-Type", "text/plain"), *headers])
    return [body if isinstance(body, bytes) else str(body).encode()]


def wait_for_gate():
    """Blocks the worker until the test opens the gate file."""
    with open(os.environ["GATE"]) as gate:
        gate.read()


class Counted:
    """An iterable that notes each call of its `close`."""

    def __init__(self, blocks, name):
        self.blocks, self.name, self.closed = iter(blocks), name, 0

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.blocks)

    def close(self):
        self.closed += 1
        note("closed", name=self.name, times=self.closed)
