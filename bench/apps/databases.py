"""An application that waits for databases: Redis by redis-py, PostgreSQL by asyncpg, each with its pool as it comes.

`/redis` makes ten round trips one after the other, `/select/N` one query. Only the database that is there is asked.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import redis.asyncio

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PLAIN_TEXT = (b"content-type", b"text/plain; charset=utf-8")
SELECT = "SELECT id, name FROM items WHERE id = $1"


class Databases:
    """The clients of this worker."""

    redis: Any = None
    postgres: Any = None


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    path = scope["path"]
    if path == "/redis":
        values = [await Databases.redis.get(f"item:{number}") for number in range(10)]
        body = b"".join(values)
    else:
        row = await Databases.postgres.fetchrow(SELECT, int(path.removeprefix("/select/")))
        body = f"{row['id']}: {row['name']}".encode()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [PLAIN_TEXT, length]})
    await send({"type": "http.response.body", "body": body})


async def lifespan(receive: Receive, send: Send) -> None:
    await receive()
    if url := os.environ.get("REDIS_URL"):
        # Beside the requests of a client that left, which go on, as many as there are connections.
        Databases.redis = redis.asyncio.Redis.from_url(url, max_connections=1000)
    if url := os.environ.get("DATABASE_URL"):
        Databases.postgres = await asyncpg.create_pool(url)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if Databases.redis is not None:
        await Databases.redis.aclose()
    if Databases.postgres is not None:
        await Databases.postgres.close()
    await send({"type": "lifespan.shutdown.complete"})
