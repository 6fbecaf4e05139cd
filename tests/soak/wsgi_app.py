"""What is soaked of WSGI: the paths of `soak.app`, and a count of what was not closed or not whole.

Every answer is an iterable with `close()`, which must be called exactly once whatever becomes of its client. A client
tells the length of a chunked body in `x-length`, so that a truncated one is known.

GET /tasks          answers that are not closed yet, this one included; each body that was truncated, and each answer
                    that was closed twice, counts as a thousand
"""

import atexit
import itertools
import json
import shutil
import tempfile
import threading
from pathlib import Path

from soak.content import SIZES, content

files = Path(tempfile.mkdtemp(prefix="rgunicorn-soak-"))
atexit.register(shutil.rmtree, files, ignore_errors=True)
for size in SIZES:
    (files / str(size)).write_bytes(content(size))

A_DEFECT = 1000
lock = threading.Lock()
unclosed = 0


def count(change):
    global unclosed
    with lock:
        unclosed += change


class Answer:
    """Blocks, or a file, and whether they were closed."""

    def __init__(self, blocks):
        self.blocks, self.is_closed = blocks, False
        count(1)

    def __iter__(self):
        return iter(self.blocks)

    def close(self):
        count(A_DEFECT if self.is_closed else -1)
        self.is_closed = True


class File:
    """A file that is counted as an answer until it is closed."""

    def __init__(self, path):
        self.file, self.answer = path.open("rb"), Answer(())
        self.read, self.fileno, self.tell = self.file.read, self.file.fileno, self.file.tell

    def close(self):
        self.file.close()
        self.answer.close()


def app(environ, start_response):
    path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
    if len(body) != int(environ.get("HTTP_X_LENGTH") or environ.get("CONTENT_LENGTH") or len(body)):
        count(A_DEFECT)
    if path == "/echo":
        return whole(start_response, body)
    if path == "/stream":
        start_response("200 OK", [])
        return Answer(body[start : start + 10_000] for start in range(0, len(body), 10_000))
    if path.startswith("/file/"):
        start_response("200 OK", [("content-length", path[6:])])
        return environ["wsgi.file_wrapper"](File(files / path[6:]))
    if path == "/endless":
        start_response("200 OK", [])
        return Answer(itertools.repeat(content(30_000)))
    if path == "/items":
        item = json.loads(body)
        answer = {"item": item, "length": len(item["tags"])}
        return whole(start_response, json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode())
    assert path == "/tasks"
    return whole(start_response, str(unclosed + 1).encode())


def whole(start_response, body):
    start_response("200 OK", [("content-length", str(len(body)))])
    return Answer([body])
