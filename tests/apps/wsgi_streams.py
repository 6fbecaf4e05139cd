"""What WSGI applications do over HTTP/2, one behaviour for each path."""

import json
import threading

BARRIER = threading.Barrier(4)


def app(environ, start_response):
    name, _, argument = environ["PATH_INFO"][1:].partition("/")
    status, body = "200 OK", b""
    if name == "environ":
        body = json.dumps({key: value for key, value in environ.items() if isinstance(value, str)}).encode()
    elif name == "echo":
        body = environ["wsgi.input"].read()
    elif name == "blocks":
        start_response(status, [("Content-Type", "text/plain")])
        return (b"b" * 65536 for _ in range(int(argument)))
    elif name == "file":
        start_response(status, [("Content-Type", "text/plain")])
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    elif name == "socket":
        try:
            environ["gunicorn.socket"].fileno()
        except OSError:
            body = b"refused"
    elif name == "meet":
        BARRIER.wait(15)
        body = b"met"
    start_response(status, [("Content-Type", "text/plain")])
    return [body]
