"""The requests that are measured, and the one right answer to each."""

import random
from dataclasses import dataclass

BARE = "bench.apps.asgi:app"
FASTAPI = "bench.apps.fastapi_app:app"
FILES = "bench.apps.files:app"
WSGI = "bench.apps.wsgi:app"
FLASK = "bench.apps.flask_app:app"
DJANGO = "bench.apps.django_app:app"

TEN_KIB = b"x" * 10 * 1024
HUNDRED_KIB = b"x" * 100 * 1024
# No two parts of it are alike, so that a part sent twice or in the wrong place is noticed.
FILE = random.Random(50).randbytes(50 * 1024)
ITEM = b'{"item_id":42,"name":"spam","tags":["a","b"],"in_stock":true}'


@dataclass(frozen=True)
class Scenario:
    """One request, repeated by every connection for as long as a round lasts.

    `interface` is `asgi`, or how a WSGI application is called: `sync` or, on four threads, `threads`. `connections` is for scenarios that are about a number of connections; 0 leaves it to the command line.
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
        Scenario("django", "Django, JSON, its default middleware", DJANGO, "/items/42?name=spam", ITEM, interface="sync"),
        Scenario("threads_hello", "WSGI on 4 threads, 13 bytes", WSGI, "/", b"Hello, world!", interface="threads"),
        Scenario("threads_10k", "WSGI on 4 threads, a 10 KiB body", WSGI, "/10k", TEN_KIB, interface="threads"),
        Scenario(
            "threads_echo1k",
            "WSGI on 4 threads, POST of 1 KiB, read and sent back",
            *(WSGI, "/echo", b"x" * 1024, "POST", b"x" * 1024),
            interface="threads",
        ),
        Scenario("threads_slow", "WSGI on 4 threads, `time.sleep(0.05)`", WSGI, "/slow", b"slept", interface="threads"),
    ]
}
