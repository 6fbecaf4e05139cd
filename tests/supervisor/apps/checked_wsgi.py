"""The same as checked.py, as a WSGI application."""

import hashlib
import os
import random
import time

VERSION = 1


def app(environ, start_response):
    kind, _, size = environ["PATH_INFO"].strip("/").partition("/")
    body = environ["wsgi.input"].read() if kind == "echo" else random.randbytes(int(size))
    if kind == "awaited":
        time.sleep(0.002)
    headers = [
        ("x-sha256", hashlib.sha256(body).hexdigest()),
        ("x-pid", str(os.getpid())),
        ("x-token", environ["HTTP_X_TOKEN"]),
        ("x-version", str(VERSION)),
    ]
    if kind != "streamed":
        start_response("200 OK", [*headers, ("content-length", str(len(body)))])
        return [body]
    start_response("200 OK", headers)
    step = max(1, len(body) // 4)
    return (body[start : start + step] for start in range(0, len(body), step))
