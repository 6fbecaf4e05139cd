"""The requests that are measured, and the one right answer to each."""

from dataclasses import dataclass

BARE = "bench.apps.asgi:app"
FASTAPI = "bench.apps.fastapi_app:app"

TEN_KIB = b"x" * 10 * 1024
ITEM = b'{"item_id":42,"name":"spam","tags":["a","b"],"in_stock":true}'


@dataclass(frozen=True)
class Scenario:
    """One request, repeated by every connection for as long as a round lasts."""

    name: str
    what: str
    app: str
    path: str
    answer: bytes
    method: str = "GET"
    body: bytes = b""


SCENARIOS = {
    scenario.name: scenario
    for scenario in [
        Scenario("hello", "13 bytes, no await that waits", BARE, "/", b"Hello, world!"),
        Scenario("body10k", "a 10 KiB body", BARE, "/10k", TEN_KIB),
        Scenario("echo1k", "POST of 1 KiB, read and sent back", BARE, "/echo", b"x" * 1024, "POST", b"x" * 1024),
        Scenario("yield", "one `await asyncio.sleep(0)`", BARE, "/yield", b"yielded"),
        Scenario("sleep10ms", "one `await asyncio.sleep(0.01)`", BARE, "/sleep", b"slept"),
        Scenario("stream", "10 chunks of 10 KiB", BARE, "/stream", TEN_KIB * 10),
        Scenario("fastapi_json", "FastAPI `async def`, model as JSON", FASTAPI, "/items/42?name=spam", ITEM),
        Scenario("fastapi_def", "FastAPI `def`, on the thread pool", FASTAPI, "/threads/42?name=spam", ITEM),
    ]
}
