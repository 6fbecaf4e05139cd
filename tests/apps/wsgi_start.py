"""Ways to begin an answer: start_response, write and the first block."""

import sys
import types
import weakref
from wsgiref.validate import validator

from wsgi_control import Routes, note, wait_for_gate

app = Routes()
TEXT = [("Content-Type", "text/plain")]


@app.route
def generator(environ, start_response):
    """Nothing of this runs before the first block is asked for."""
    start_response("201 Made", TEXT)
    yield b"one "
    yield b"two"


@app.route
def lazily(environ, start_response):
    def body():
        yield b""
        start_response("202 Late", TEXT)
        yield b"late"

    return body()


@app.route
def by_write(environ, start_response):
    write = start_response("200 OK", TEXT)
    for block in b"a", b"", b"b":
        assert write(block) is None
    return [b"c", b"d"]


@app.route
def written_before_gate(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"first")
    wait_for_gate()
    write(b"second")
    return []


@app.route
def blocks_between_gates(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"first"
    wait_for_gate()
    yield b"second"


@app.route
def empty_blocks_before_gate(environ, start_response):
    """The head must not go out yet: it changes after the gate."""
    start_response("200 OK", TEXT)
    yield b""
    yield b""
    note("waiting")
    wait_for_gate()
    try:
        raise ValueError("no")
    except ValueError:
        start_response("503 Changed", TEXT, sys.exc_info())
    yield b"changed"


@app.route
def nothing(environ, start_response):
    start_response("200 OK", TEXT)
    return []


@app.route
def nothing_from_generator(environ, start_response):
    start_response("200 OK", TEXT)
    yield from ()


@app.route
def replaced(environ, start_response):
    """A second call with exc_info, in time."""
    start_response("200 OK", [*TEXT, ("X-First", "1")])
    try:
        raise ValueError("changed its mind")
    except ValueError:
        start_response("500 Oops", [*TEXT, ("X-Second", "2")], sys.exc_info())
    return [b"oops"]


@app.route
def replaced_too_late(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"some"
    try:
        raise ValueError("too late")
    except ValueError:
        try:
            start_response("500 Oops", TEXT, sys.exc_info())
        except ValueError as error:
            note("raised", error=str(error), frames=frames(error.__traceback__))
            raise


def frames(traceback):
    while traceback:
        yield_name = traceback.tb_frame.f_code.co_name
        traceback = traceback.tb_next
    return yield_name


@app.route
def exc_info_at_first(environ, start_response):
    try:
        raise ValueError("first")
    except ValueError:
        start_response("500 Oops", TEXT, sys.exc_info())
    return [b"oops"]


@app.route
def exc_info_none(environ, start_response):
    start_response("200 OK", TEXT, None)
    return [b"none"]


class Fault(Exception):
    """One that can be watched."""


faults = weakref.WeakSet()


@app.route
def retained(environ, start_response):
    """Answers with the number of errors of earlier requests that are still alive."""
    alive = len(faults)
    try:
        fault = Fault()
        faults.add(fault)
        raise fault
    except Fault:
        exc_info = sys.exc_info()
        start_response("200 OK", TEXT, exc_info)
        exc_info[1].__traceback__ = None
    fault = exc_info = None
    return [str(alive).encode()]


validated = validator(app)


def twice(environ, start_response):
    start_response("200 OK", TEXT)
    try:
        start_response("500 Oops", TEXT)
    except AssertionError as error:
        note("refused", error=str(error))
    return [b"first"]


def keywords(environ, start_response):
    """PEP 3333 forbids it, gunicorn takes it, and apps that copy its signature do it."""
    try:
        raise ValueError
    except ValueError:
        start_response("200 OK", headers=TEXT, exc_info=sys.exc_info())
    return [b"taken"]


def never(environ, start_response):
    return [b"body"]


def never_and_empty(environ, start_response):
    return []


def write_kept(environ, start_response):
    """Uses `write` of a request that has been answered."""
    if environ["PATH_INFO"] == "/again":
        try:
            kept.write(b"smuggled")
        except (AssertionError, OSError, RuntimeError) as error:
            note("refused", error=type(error).__name__)
    kept.write = start_response("200 OK", [*TEXT, ("Content-Length", "4")])
    return [b"body"]


kept = types.SimpleNamespace()

# What the path says goes into status and headers; the test sends it in a query, as a Python literal.


def literal(environ, start_response):
    import ast
    from urllib.parse import unquote

    status, headers = ast.literal_eval(unquote(environ["QUERY_STRING"]))
    try:
        start_response(status, headers)
    except (TypeError, ValueError) as error:
        note("refused", error=f"{type(error).__name__}: {error}")
        start_response("200 OK", [("X-Refused", "yes")])
    return [b"body"]
