"""Files as answers. $FILE is a file of 300,000 bytes."""

import io
import os
import socket
from urllib.parse import parse_qs
from wsgiref.validate import validator

from wsgi_control import Routes, answer, note

app = Routes()
BINARY = [("Content-Type", "application/octet-stream")]


class Watched:
    """A file-like object that notes what is done with it; with `fileno` only if it is real."""

    def __init__(self, file, real):
        self.file, self.reads, self.closed = file, 0, 0
        if real:
            self.fileno, self.tell = file.fileno, file.tell

    def read(self, size):
        self.reads += 1
        return self.file.read(size)

    def close(self):
        self.closed += 1
        note("closed", times=self.closed, reads=self.reads)
        self.file.close()


def opened():
    return open(os.environ["FILE"], "rb")


def asked(environ, name, default=""):
    return parse_qs(environ["QUERY_STRING"]).get(name, [default])[0]


def respond(environ, start_response, file):
    """?offset= bytes are skipped, ?length= is the Content-Length, ?block= the size of the blocks."""
    if offset := asked(environ, "offset"):
        file.file.read(int(offset)) if asked(environ, "how") == "read" else file.file.seek(int(offset))
    length = [("Content-Length", asked(environ, "length"))] if asked(environ, "length") else []
    status = asked(environ, "status", "200 OK")
    start_response(status, [*([] if status.startswith("304") else BINARY), *length])
    sizes = [int(asked(environ, "block"))] if asked(environ, "block") else []
    return environ["wsgi.file_wrapper"](file, *sizes)


@app.route
def real(environ, start_response):
    return respond(environ, start_response, Watched(opened(), real=True))


@app.route
def memory(environ, start_response):
    with opened() as file:
        return respond(environ, start_response, Watched(io.BytesIO(file.read()), real=False))


@app.route
def lying(environ, start_response):
    """Its fileno() raises, as that of BytesIO does."""
    with opened() as file:
        return respond(environ, start_response, Watched(io.BytesIO(file.read()), real=True))


@app.route
def pipe(environ, start_response):
    """A descriptor that is no file."""
    reader, writer = socket.socketpair()
    writer.sendall(b"through a socket")
    writer.close()
    start_response("200 OK", BINARY)
    return environ["wsgi.file_wrapper"](reader.makefile("rb"))


@app.route
def bare(environ, start_response):
    """Without close()."""

    class Bare:
        read = io.BytesIO(b"bare").read

    start_response("200 OK", BINARY)
    return environ["wsgi.file_wrapper"](Bare())


@app.route
def hidden(environ, start_response):
    """The wrapper is there, but a middleware changes what comes out of it."""
    wrapper = environ["wsgi.file_wrapper"](Watched(opened(), real=True), 100_000)

    def changed():
        try:
            for block in wrapper:
                yield block.translate(bytes(range(255, -1, -1)))
        finally:
            wrapper.close()

    start_response("200 OK", BINARY)
    return changed()


@app.route
def written_before(environ, start_response):
    start_response("200 OK", BINARY)(b"written, ")
    return environ["wsgi.file_wrapper"](opened())


@app.route
def kept_open(environ, start_response):
    """Answers with a file, whose position the next request tells."""
    global kept
    if "tell" in environ["QUERY_STRING"]:
        return answer(start_response, kept.file.tell())
    kept = Watched(opened(), real=True)
    kept.file.seek(5)
    kept.close = lambda: None
    start_response("200 OK", BINARY)
    return environ["wsgi.file_wrapper"](kept)


@app.route
def wrapper_of(environ, start_response):
    """What a wrapper is to an app: an iterator of blocks, and an object of old iteration by index."""
    wrapper = environ["wsgi.file_wrapper"](io.BytesIO(b"abcdefg"), 3)
    first = [wrapper[0], list(wrapper)]
    second = environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 10_000))
    sizes = [len(block) for block in second]
    return answer(start_response, repr([*first, sizes]))


validated = validator(app)
