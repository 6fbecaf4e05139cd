"""Answers of every shape. Those that can be closed note each `close` (see wsgi_control.Counted)."""

import gc
import io
import os
import sys
import weakref
from urllib.parse import parse_qs
from wsgiref.validate import validator

from wsgi_control import Counted, Routes, answer, note, wait_for_gate

app = Routes()
TEXT = [("Content-Type", "text/plain")]


def asked(environ, name, default=""):
    return parse_qs(environ["QUERY_STRING"]).get(name, [default])[0]


@app.route
def blocks(environ, start_response):
    """The blocks of ?b=one,two as ?kind=, with ?length= as Content-Length."""
    parts = asked(environ, "b").encode().split(b",")
    length = asked(environ, "length")
    status = asked(environ, "status", "200 OK")
    typed = [] if status[:3] in ("204", "304") else TEXT
    start_response(status, [*typed, *([("Content-Length", length)] if length else [])])
    return KINDS[asked(environ, "kind", "list")](parts)


class ByIndex:
    """Nothing but __getitem__, as PEP 3333 had it for file wrappers."""

    def __init__(self, parts):
        self.parts = parts

    def __getitem__(self, index):
        return self.parts[index]


class Sized(list):
    """A list that is none: what it says of its length is not what it gives."""

    def __iter__(self):
        yield from [*super().__iter__(), b"!"]

    def close(self):
        note("closed", name="sized", times=1)


KINDS = {
    "list": list,
    "tuple": tuple,
    "iterator": iter,
    "generator": lambda parts: (part for part in parts),
    "set": lambda parts: set(parts),
    "index": ByIndex,
    "sized": Sized,
    "closable": lambda parts: Counted(parts, "body"),
    "bytesio": lambda parts: io.BytesIO(b"".join(parts)),
}


@app.route
def large(environ, start_response):
    """?count= blocks of 64 KiB, noting what was asked for."""
    start_response("200 OK", TEXT)
    return Counted(blocks_of_64_kib(int(asked(environ, "count"))), "large")


def blocks_of_64_kib(count):
    for number in range(count):
        yield bytes([number % 256]) * 65536
    note("all given")


@app.route
def large_by_write(environ, start_response):
    write = start_response("200 OK", TEXT)
    try:
        for block in blocks_of_64_kib(int(asked(environ, "count"))):
            write(block)
    except BaseException as error:
        note("write raised", error=type(error).__mro__[-4].__name__, name=type(error).__name__)
        raise
    return Counted([], "written")


@app.route
def large_at_once(environ, start_response):
    return answer(start_response, bytes(int(asked(environ, "count")) * 65536))


@app.route
def endless(environ, start_response):
    """Small blocks until somebody stops it."""
    start_response("200 OK", TEXT)
    return Counted(iter(lambda: b"more\n", None), "endless")


@app.route
def beside_a_thread(environ, start_response):
    """A thread of the app's takes notes while the answer goes out."""
    import threading

    def count():
        for number in range(5):
            note("counted", number=number)
            go_on.wait(0.001)

    go_on = threading.Event()
    thread = threading.Thread(target=count)

    def body():
        for number in range(400):
            if number == 300:
                thread.start()
            yield bytes(65536)
        thread.join()

    start_response("200 OK", TEXT)
    return body()


@app.route
def fields(environ, start_response):
    """What only a server may say, and what it adds unless it is said."""
    own = [("Connection", "close" if "close" in environ["QUERY_STRING"] else "keep-alive"), ("Keep-Alive", "timeout=5")]
    own += [("Transfer-Encoding", "chunked"), ("Upgrade", "h2c"), ("Proxy-Connection", "x"), ("X-Own", "1")]
    start_response("200 OK", [*TEXT, *own])
    return [b"body"]


@app.route
def hop_by_hop(environ, start_response):
    """All that wsgiref.util.is_hop_by_hop() forbids."""
    names = "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailers", "Transfer-Encoding", "Upgrade"
    return answer(start_response, b"body", headers=[(name, "x") for name in names])


@app.route
def dated(environ, start_response):
    return answer(start_response, b"", headers=[("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "mine")])


@app.route
def hints(environ, start_response):
    early_hints = environ["wsgi.early_hints"]
    early_hints([("Link", "</a.css>; rel=preload"), ("Link", "</b.js>; rel=preload")])
    early_hints([("X-Second", "2")])
    start_response("200 OK", TEXT)
    yield b"answer"
    early_hints([("X-Late", "3")])


@app.route
def bad_hints(environ, start_response):
    for pairs in [("X-A", "b\r\nX-Smuggled: 1")], [("X A", "b")], [("X-A", "\u20ac")], [("X-A", 1)], 5:
        try:
            environ["wsgi.early_hints"](pairs)
        except (TypeError, ValueError):
            note("refused")
    return answer(start_response, b"answer")


@app.route
def hints_before_gate(environ, start_response):
    environ["wsgi.early_hints"]([("Link", "</a.css>; rel=preload")])
    wait_for_gate()
    return answer(start_response, b"answer")


@app.route
def gate_after_all(environ, start_response):
    """Works on after the last byte that its Content-Length promises."""
    start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    yield b"whole"
    wait_for_gate()


@app.route
def gate_in_close(environ, start_response):
    """Frameworks run what is to be done after the answer in close()."""
    length = asked(environ, "length")
    start_response("200 OK", [*TEXT, *([("Content-Length", length)] if length else [])])
    return ClosedByGate([b"wh", b"ole"], "body")


class ClosedByGate(Counted):
    def close(self):
        wait_for_gate()
        super().close()


@app.route
def pid(environ, start_response):
    return answer(start_response, os.getpid())


class Probe:
    """An object that can be watched."""


probes = weakref.WeakSet()


@app.route
def alive(environ, start_response):
    """Answers with how many objects of earlier requests are still there."""
    gc.disable()  # They must go without it.
    count = len(probes)
    environ["probe"], in_body = Probe(), Probe()
    probes.update([environ["probe"], in_body])

    def body():
        yield str(count).encode()
        assert in_body

    start_response("200 OK", TEXT)(b"")
    return body()


validated = validator(app)

# Deliberately wrong


failing = Routes()


@failing.route
def before_start(environ, start_response):
    raise ValueError("before start")


@failing.route
def after_start(environ, start_response):
    start_response("200 OK", TEXT)
    raise ValueError("after start")


@failing.route
def after_write(environ, start_response):
    start_response("200 OK", TEXT)(b"some")
    raise ValueError("after write")


def raising_after(*given):
    yield from given
    raise ValueError("while iterating")


@failing.route
def at_first_block(environ, start_response):
    start_response("200 OK", TEXT)
    return Counted(raising_after(), "body")


@failing.route
def after_empty_block(environ, start_response):
    start_response("200 OK", TEXT)
    return Counted(raising_after(b"", b""), "body")


@failing.route
def at_second_block(environ, start_response):
    start_response("200 OK", TEXT)
    return Counted(raising_after(b"some"), "body")


@failing.route
def at_second_block_with_length(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "9")])
    return Counted(raising_after(b"some"), "body")


@failing.route
def after_all_of_its_length(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "4")])
    return Counted(raising_after(b"some"), "body")


@failing.route
def in_close(environ, start_response):
    class Body(Counted):
        def close(self):
            super().close()
            raise ValueError("in close")

    start_response("200 OK", TEXT)
    return Body([b"whole"], "body")


@failing.route
def in_close_too(environ, start_response):
    """Both fail: the first error is the one to tell."""

    class Body(Counted):
        def close(self):
            super().close()
            raise KeyError("in close")

    start_response("200 OK", TEXT)
    return Body(raising_after(b"some"), "body")


@failing.route
def no_iterable(environ, start_response):
    start_response("200 OK", TEXT)
    return 5


@failing.route
def none(environ, start_response):
    start_response("200 OK", TEXT)


def item(value):
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        return Counted([value], "body")

    return app


failing.apps |= {"text": item("text"), "bytearray": item(bytearray(b"bytes")), "nothing": item(None), "number": item(5)}


@failing.route
def text_returned(environ, start_response):
    start_response("200 OK", TEXT)
    return "text"


@failing.route
def text_written(environ, start_response):
    start_response("200 OK", TEXT)("text")
    return []


@failing.route
def exits(environ, start_response):
    sys.exit("done")


@failing.route
def exits_after_head(environ, start_response):
    start_response("200 OK", TEXT)(b"some")
    sys.exit(3)


@failing.route
def interrupted(environ, start_response):
    raise KeyboardInterrupt


@failing.route
def base_exception(environ, start_response):
    raise GeneratorExit


@failing.route
def recursion(environ, start_response):
    return recursion(environ, start_response)


@failing.route
def works(environ, start_response):
    return answer(start_response, os.getpid())
