"""A bare WSGI application: what a server costs when the application does next to nothing."""

import time
from collections.abc import Callable, Iterable
from typing import Any

TEN_KIB = b"x" * 10 * 1024


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/10k":
        body = TEN_KIB
    elif path == "/echo":
        body = environ["wsgi.input"].read()
    elif path == "/slow":
        time.sleep(0.05)
        body = b"slept"
    else:
        body = b"Hello, world!"
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
