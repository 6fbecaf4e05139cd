"""Apps that wait, hang, or tell which worker they run in."""

import os
import threading
import time

from wsgi_control import Routes, answer, note, wait_for_gate

app = Routes()


@app.route
def pid(environ, start_response):
    return answer(start_response, os.getpid())


@app.route
def gated(environ, start_response):
    note("begun", pid=os.getpid())
    wait_for_gate()
    return answer(start_response, os.getpid())


@app.route
def held(environ, start_response):
    """Several of these can be let go at once: the test keeps the gate file open until all have it."""
    with open(os.environ["GATE"]) as gate:
        note("holding")
        gate.read()
    return answer(start_response, os.getpid())


@app.route
def streaming_over_gate(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first "
    note("begun")
    wait_for_gate()
    yield b"second"


@app.route
def hang(environ, start_response):
    hang_in_user_code()


def hang_in_user_code():
    while True:
        time.sleep(60)


@app.route
def thread_works_between_requests(environ, start_response):
    """Starts a thread that outlives the request; it needs the interpreter while the server sleeps."""

    def work():
        for number in range(100):
            time.sleep(0)
        note("thread done")

    threading.Thread(target=work).start()
    return answer(start_response, b"started")


def checked(environ, start_response):
    """The WSGI twin of supervisor/apps/checked.py, for load.Load."""
    import hashlib
    import random

    kind, _, size = environ["PATH_INFO"].strip("/").partition("/")
    body = environ["wsgi.input"].read() if kind == "echo" else random.randbytes(int(size))
    headers = [("X-Sha256", hashlib.sha256(body).hexdigest()), ("X-Pid", str(os.getpid()))]
    headers.append(("X-Token", environ["HTTP_X_TOKEN"]))
    start_response("200 OK", headers if kind == "streamed" else [*headers, ("Content-Length", str(len(body)))])
    step = max(1, len(body) // 4)
    return (body[start : start + step] for start in range(0, len(body), step)) if kind == "streamed" else [body]
