"""The requests that are measured, and the one right answer to each."""

import random
from dataclasses import dataclass

BARE = "bench.apps.asgi:app"
FASTAPI = "bench.apps.fastapi_app:app"
FILES = "bench.apps.files:app"
WSGI = "bench.apps.wsgi:app"
FLASK = "bench.apps.flask_app:app"
DJANGO = "bench.apps.django_app:app"
WEBSOCKET = "bench.apps.websocket:app"

TEN_KIB = b"x" * 10 * 1024
HUNDRED_KIB = b"x" * 100 * 1024
# No two parts of it are alike, so that a part sent twice or in the wrong place is noticed.
FILE = random.Random(50).randbytes(50 * 1024)
ITEM = b'{"item_id":42,"name":"spam","tags":["a","b"],"in_stock":true}'


@dataclass(frozen=True)
class Scenario:
    """One request, repeated by every connection for as long as a round lasts.

    `interface` is `asgi`, `websocket`, or how a WSGI application is called: `sync` or, on four threads, `threads`.
    `connections` is for scenarios that are about a number of connections; 0 leaves it to the command line. `load` is
    what ws-load is told, which makes the load of WebSocket scenarios and checks every answer.
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
    load: tuple[str, ...] = ()


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
        echo("ws_text64", "WebSocket, text of 64 bytes and back, 100 connections", 64),
        echo("ws_binary64", "the same with bytes", 64, "--kind", "binary"),
        echo("ws_text1k", "WebSocket, text of 1 KiB and back", 1024),
        echo("ws_binary1k", "the same with bytes", 1024, "--kind", "binary"),
        echo("ws_text64k", "WebSocket, text of 64 KiB and back", 65536),
        echo("ws_binary64k", "the same with bytes", 65536, "--kind", "binary"),
        echo("ws_deflate64", "WebSocket, text of 64 bytes and back, compression agreed on", 64, "--deflate"),
        echo("ws_deflate1k", "the same with 1 KiB", 1024, "--deflate"),
        echo("ws_deflate64k", "the same with 64 KiB", 65536, "--deflate"),
        broadcast("ws_broadcast", "WebSocket, text of 64 bytes from one to 1,000; counted are deliveries", 64),
        broadcast("ws_broadcast1k", "the same with 1 KiB", 1024),
        broadcast("ws_broadcast_deflate", "the same with 1 KiB, compressed", 1024, "--deflate"),
    ]
}
WEBSOCKET_SCENARIOS = [name for name, scenario in SCENARIOS.items() if scenario.interface == "websocket"]
DEFLATE_SCENARIOS = [name for name in WEBSOCKET_SCENARIOS if "deflate" in name]
