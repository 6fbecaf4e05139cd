"""The requests that are measured, and the one right answer to each."""

import random
from dataclasses import dataclass
from typing import Any

BARE = "bench.apps.asgi:app"
FASTAPI = "bench.apps.fastapi_app:app"
FILES = "bench.apps.files:app"
WSGI = "bench.apps.wsgi:app"
FLASK = "bench.apps.flask_app:app"
DJANGO = "bench.apps.django_app:app"

HELLO = b"Hello, world!"
TEN_KIB = b"x" * 10 * 1024
HUNDRED_KIB = b"x" * 100 * 1024
# No two parts of it are alike, so that a part sent twice or in the wrong place is noticed.
FILE = random.Random(50).randbytes(50 * 1024)
ITEM = b'{"item_id":42,"name":"spam","tags":["a","b"],"in_stock":true}'


PROTOCOLS = {
    "h1": "HTTP/1.1",
    "https": "HTTP/1.1 over TLS",
    "h2": "HTTP/2 over TLS",
    "h2c": "HTTP/2 in clear text, with prior knowledge",
    "handshake": "a TLS connection for each request, with a full handshake",
    "rsa": "the same with a certificate for RSA of 2,048 bits instead of P-256",
    "resume": "the same, resumed with the ticket of the connection before",
}


@dataclass(frozen=True)
class Scenario:
    """One request, repeated by every connection for as long as a round lasts.

    `interface` is `asgi`, or how a WSGI application is called: `sync` or, on four threads, `threads`. `connections` is
    for scenarios that are about a number of connections; 0 leaves it to the command line. `protocol` is one of
    PROTOCOLS; with HTTP/2, `streams` requests are in flight on each connection.
    """

    name: str
    what: str
    app: str
    path: str
    answer: bytes
    method: str = "GET"
    body: bytes = b""
    connections: int = 0
    interface: str = "asgi"
    protocol: str = "h1"
    streams: int = 1

    @property
    def scheme(self) -> str:
        return "http" if self.protocol in ("h1", "h2c") else "https"

    @property
    def is_http2(self) -> bool:
        return self.protocol in ("h2", "h2c")


def http2(
    name: str, what: str, path: str, answer: bytes, method: str = "GET", body: bytes = b"", **more: Any
) -> Scenario:
    """32 requests in flight on each of 8 connections, unless a scenario says otherwise."""
    settings = {"app": BARE, "connections": 8, "streams": 32, "protocol": "h2", **more}
    return Scenario(name, what, settings.pop("app"), path, answer, method, body, **settings)


SCENARIOS = {
    scenario.name: scenario
    for scenario in [
        Scenario("hello", "13 bytes, no await that waits", BARE, "/", b"Hello, world!"),
        Scenario("hello1000", "the same over 1,000 connections", BARE, "/", b"Hello, world!", connections=1000),
        Scenario("body10k", "a 10 KiB body", BARE, "/10k", TEN_KIB),
        Scenario("echo1k", "POST of 1 KiB, read and sent back", BARE, "/echo", b"x" * 1024, "POST", b"x" * 1024),
        Scenario("yield", "one `await asyncio.sleep(0)`", BARE, "/yield", b"yielded"),
        Scenario("sleep10ms", "one `await asyncio.sleep(0.01)`", BARE, "/sleep", b"slept"),
        Scenario("stream", "100 KiB down, in 10 chunks of 10 KiB", BARE, "/stream", HUNDRED_KIB),
        Scenario(
            "upload100k",
            "100 KiB up and down: a POST, sent back in the parts in which it arrives",
            *(BARE, "/upload", HUNDRED_KIB, "POST", HUNDRED_KIB),
        ),
        Scenario("file50k", "Starlette's `FileResponse` of 50 KiB", FILES, "/file", FILE),
        Scenario("fastapi_json", "FastAPI `async def`, model as JSON", FASTAPI, "/items/42?name=spam", ITEM),
        Scenario(
            "fastapi_json1000",
            "the same over 1,000 connections",
            *(FASTAPI, "/items/42?name=spam", ITEM),
            connections=1000,
        ),
        Scenario("fastapi_def", "FastAPI `def`, on the thread pool", FASTAPI, "/threads/42?name=spam", ITEM),
        Scenario("wsgi_hello", "WSGI, 13 bytes", WSGI, "/", b"Hello, world!", interface="sync"),
        Scenario("wsgi_10k", "WSGI, a 10 KiB body", WSGI, "/10k", TEN_KIB, interface="sync"),
        Scenario(
            "wsgi_echo1k",
            "WSGI, POST of 1 KiB, read and sent back",
            *(WSGI, "/echo", b"x" * 1024, "POST", b"x" * 1024),
            interface="sync",
        ),
        Scenario("flask", "Flask, JSON", FLASK, "/items/42?name=spam", ITEM, interface="sync"),
        Scenario(
            "django", "Django, JSON, its default middleware", DJANGO, "/items/42?name=spam", ITEM, interface="sync"
        ),
        Scenario("threads_hello", "WSGI on 4 threads, 13 bytes", WSGI, "/", b"Hello, world!", interface="threads"),
        Scenario("threads_10k", "WSGI on 4 threads, a 10 KiB body", WSGI, "/10k", TEN_KIB, interface="threads"),
        Scenario(
            "threads_echo1k",
            "WSGI on 4 threads, POST of 1 KiB, read and sent back",
            *(WSGI, "/echo", b"x" * 1024, "POST", b"x" * 1024),
            interface="threads",
        ),
        Scenario("threads_slow", "WSGI on 4 threads, `time.sleep(0.05)`", WSGI, "/slow", b"slept", interface="threads"),
        Scenario("https_hello", "HTTPS/1.1, 13 bytes", BARE, "/", HELLO, protocol="https"),
        Scenario("https_10k", "HTTPS/1.1, a 10 KiB body", BARE, "/10k", TEN_KIB, protocol="https"),
        Scenario("tls_full", "a full TLS handshake and one request", BARE, "/", HELLO, protocol="handshake"),
        Scenario("tls_full_rsa", "the same with RSA", BARE, "/", HELLO, protocol="rsa"),
        Scenario("tls_resumed", "a resumed TLS handshake and one request", BARE, "/", HELLO, protocol="resume"),
        http2("h2_hello", "HTTP/2 over TLS, 13 bytes", "/", HELLO),
        http2("h2c_hello", "HTTP/2 in clear text, 13 bytes", "/", HELLO, protocol="h2c"),
        http2("h2_10k", "HTTP/2, a 10 KiB body", "/10k", TEN_KIB),
        http2("h2_stream", "HTTP/2, 100 KiB down in 10 chunks", "/stream", HUNDRED_KIB, streams=8),
        http2("h2_upload100k", "HTTP/2, 100 KiB up and down", "/upload", HUNDRED_KIB, "POST", HUNDRED_KIB, streams=8),
        http2("h2_streams10k", "10,000 streams at once over 100 connections", "/", HELLO, connections=100, streams=100),
        http2("h2_wsgi", "WSGI over HTTP/2, 13 bytes", "/", HELLO, app=WSGI, interface="sync"),
        http2("h2_threads", "WSGI on 4 threads over HTTP/2, 13 bytes", "/", HELLO, app=WSGI, interface="threads"),
    ]
}
