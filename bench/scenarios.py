"""The requests that are measured, and the one right answer to each."""

import random
from dataclasses import dataclass
from typing import Any

from bench.backends import POSTGRES_ITEMS, REDIS_ITEMS

BARE = "bench.apps.asgi:app"
FASTAPI = "bench.apps.fastapi_app:app"
FILES = "bench.apps.files:app"
DATABASES = "bench.apps.databases:app"
WSGI = "bench.apps.wsgi:app"
FLASK = "bench.apps.flask_app:app"
DJANGO = "bench.apps.django_app:app"
WEBSOCKET = "bench.apps.websocket:app"

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

    `interface` is `asgi`, `websocket`, or how a WSGI application is called: `sync` or, on four threads, `threads`.
    `connections` is for scenarios that are about a number of connections; 0 leaves it to the command line. `protocol` is
    one of PROTOCOLS; with HTTP/2, `streams` requests are in flight on each connection. `load` is what ws-load is told,
    which makes the load of WebSocket scenarios and checks every answer. `backend` is the database that the application
    asks, one of backends.py.
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
    load: tuple[str, ...] = ()
    backend: str = ""

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


def echo(name: str, what: str, size: int, *options: str) -> Scenario:
    load = ("echo", "--size", str(size), *options)
    return Scenario(name, what, WEBSOCKET, "/echo", b"", connections=100, interface="websocket", load=load)


def broadcast(name: str, what: str, size: int, *options: str) -> Scenario:
    load = ("broadcast", "--size", str(size), *options)
    return Scenario(name, what, WEBSOCKET, "/broadcast", b"", connections=1000, interface="websocket", load=load)


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
        Scenario(
            "redis10",
            "ten `await`s of a Redis GET, one after the other, by redis-py",
            *(DATABASES, "/redis", "".join(REDIS_ITEMS.values()).encode()),
            backend="redis",
        ),
        Scenario(
            "asyncpg1",
            "one SELECT, by asyncpg's pool",
            *(DATABASES, "/select/42", f"42: {POSTGRES_ITEMS[42]}".encode()),
            backend="postgres",
        ),
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
        echo("ws_text64", "WebSocket, text of 64 bytes and back, 100 connections", 64),
        echo("ws_binary64", "the same with bytes", 64, "--kind", "binary"),
        echo("ws_text1k", "WebSocket, text of 1 KiB and back", 1024),
        echo("ws_binary1k", "the same with bytes", 1024, "--kind", "binary"),
        echo("ws_text64k", "WebSocket, text of 64 KiB and back", 65536),
        echo("ws_binary64k", "the same with bytes", 65536, "--kind", "binary"),
        echo("ws_binary1m", "the same with 1 MiB", 1 << 20, "--kind", "binary"),
        echo("ws_deflate64", "WebSocket, text of 64 bytes and back, compression agreed on", 64, "--deflate"),
        echo("ws_deflate1k", "the same with 1 KiB", 1024, "--deflate"),
        echo("ws_deflate64k", "the same with 64 KiB", 65536, "--deflate"),
        broadcast("ws_broadcast", "WebSocket, text of 64 bytes from one to 1,000; counted are deliveries", 64),
        broadcast("ws_broadcast1k", "the same with 1 KiB", 1024),
        broadcast("ws_broadcast_deflate", "the same with 1 KiB, compressed", 1024, "--deflate"),
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
WEBSOCKET_SCENARIOS = [name for name, scenario in SCENARIOS.items() if scenario.interface == "websocket"]
DEFLATE_SCENARIOS = [name for name in WEBSOCKET_SCENARIOS if "deflate" in name]
