"""What applications wait for, by the libraries they use: one route per thing. Each answer names the class of the loop.

REDIS_URL and DATABASE_URL name the databases, where there are some; a query names the other servers.
"""

import asyncio
import hashlib
import os
import ssl
import sys
import threading
from contextlib import asynccontextmanager

import aiohttp
import anyio
import anyio.from_thread
import anyio.to_thread
import asyncpg
import httpx
import redis.asyncio
import websockets
from rgunicorn import eventloop
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

BIG = hashlib.sha256(b"big").digest() * 40_000  # 1.2 MiB: more than fits into socket buffers at once.

routes = []


def headers():
    loop = asyncio.get_running_loop()
    return {"x-loop": "rgunicorn" if isinstance(loop, eventloop.EventLoop) else type(loop).__name__}


def route(function):
    """Serves what `function` returns as JSON, under its name."""

    async def endpoint(request):
        return JSONResponse(await function(request.query_params), headers=headers())

    routes.append(Route("/" + function.__name__.replace("_", "-"), endpoint))
    return function


def trusting(query):
    return ssl.create_default_context(cafile=query["authority"]) if "authority" in query else None


# HTTP


@route
async def aiohttp_client(query):
    """A request of its own, ten at once, a body up, one down in pieces, and a time-out."""
    connector = aiohttp.TCPConnector(ssl=trusting(query) or True)
    async with aiohttp.ClientSession(query["url"], connector=connector) as session:
        async with session.get("/json", params={"n": "7"}) as answer:
            number = (await answer.json())["n"]
        numbers = await asyncio.gather(*(aiohttp_number(session, n) for n in range(10)))
        async with session.post("/echo", data=BIG) as answer:
            echoed = await answer.read() == BIG
        async with session.get("/pieces") as answer:
            pieces = len(b"".join([piece async for piece in answer.content.iter_chunked(1000)]))
        try:
            async with session.get("/never", timeout=aiohttp.ClientTimeout(total=0.05)) as answer:
                ended = answer.status
        except asyncio.TimeoutError:
            ended = "timed out"
    return {"number": number, "numbers": numbers, "echoed": echoed, "pieces": pieces, "never": ended}


async def aiohttp_number(session, n):
    async with session.get("/json", params={"n": str(n)}) as answer:
        return (await answer.json())["n"]


@route
async def httpx_client(query):
    async with httpx.AsyncClient(base_url=query["url"], verify=trusting(query) or True) as client:
        number = (await client.get("/json", params={"n": "7"})).json()["n"]
        answers = await asyncio.gather(*(client.get("/json", params={"n": str(n)}) for n in range(10)))
        echoed = (await client.post("/echo", content=BIG)).content == BIG
        async with client.stream("GET", "/pieces") as answer:
            pieces = sum([len(piece) async for piece in answer.aiter_bytes()])
        try:
            await client.get("/never", timeout=0.05)
            ended = "answered"
        except httpx.ReadTimeout:
            ended = "timed out"
    numbers = [answer.json()["n"] for answer in answers]
    return {"number": number, "numbers": numbers, "echoed": echoed, "pieces": pieces, "never": ended}


@route
async def httpx_over_http2(query):
    async with httpx.AsyncClient(http2=True, verify=trusting(query)) as client:
        answers = await asyncio.gather(*(client.get(f"{query['url']}/{n}") for n in range(20)))
    return sorted({(answer.http_version, answer.status_code) for answer in answers})


# WebSockets


@route
async def websockets_client(query):
    heard = []
    async with websockets.connect(f"{query['url']}/ws", ssl=trusting(query), max_size=None) as socket:
        for message in ("héllo", b"bytes", "x" * 100_000):
            await socket.send(message)
            heard.append(await socket.recv() == message)
        await (await socket.ping())
        await asyncio.gather(*(socket.send(str(number)) for number in range(10)))
        numbers = sorted([int(await socket.recv()) for _ in range(10)])
    return {"heard": heard, "numbers": numbers, "code": socket.close_code}


@route
async def aiohttp_websocket(query):
    context = trusting(query)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{query['url']}/ws", ssl=context or True) as socket:
            await socket.send_str("héllo")
            heard = (await socket.receive()).data
            await socket.send_bytes(b"bytes")
            return [heard, (await socket.receive()).data.decode()]


# Databases


@asynccontextmanager
async def redis_client():
    client = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    try:
        yield client
    finally:
        await client.aclose()


@route
async def redis_values(_):
    async with redis_client() as client:
        one_by_one = [await client.get(f"item:{number}") for number in range(10)]
        at_once = await asyncio.gather(*(client.get(f"item:{number}") for number in range(10)))
        async with client.pipeline() as pipe:
            for number in range(10):
                pipe.get(f"item:{number}")
            piped = await pipe.execute()
    return [one_by_one, at_once, piped]


@route
async def redis_messages(_):
    """A subscriber that waits, and one that gives up waiting."""
    async with redis_client() as client, client.pubsub() as channel:
        await channel.subscribe("news")
        heard = []

        async def listen():
            async for message in channel.listen():
                if message["type"] == "message":
                    heard.append(message["data"])
                    if len(heard) == 5:
                        return

        listener = asyncio.create_task(listen())
        while await client.publish("news", "0") == 0:
            await asyncio.sleep(0)
        for number in range(1, 5):
            await client.publish("news", str(number))
        await asyncio.wait_for(listener, 30)
        nothing = await client.blpop(["nobody pushes"], timeout=0.05)
    return {"heard": heard, "nothing": nothing}


@route
async def asyncpg_rows(_):
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=4) as pool:
        row = await pool.fetchrow("SELECT id, name FROM items WHERE id = $1", 42)
        ids = await asyncio.gather(*(pool.fetchval("SELECT id FROM items WHERE id = $1", n) for n in range(20)))
        async with pool.acquire() as connection, connection.transaction():
            cursor = connection.cursor("SELECT id FROM items ORDER BY id", prefetch=7)
            total = sum([row["id"] async for row in cursor])
        big = await pool.fetchval("SELECT repeat('x', 1000000)")
    return {"row": [row["id"], row["name"]], "ids": ids, "total": total, "big": len(big)}


@route
async def asyncpg_interrupted(_):
    """A query that is cancelled leaves a connection that can be used."""
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        ended = []
        try:
            await connection.fetchval("SELECT pg_sleep(60)", timeout=0.1)
        except asyncio.TimeoutError:
            ended.append("timed out")
        query = asyncio.create_task(connection.fetchval("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.01)
        query.cancel()
        (error,) = await asyncio.gather(query, return_exceptions=True)
        return [*ended, type(error).__name__, await connection.fetchval("SELECT 1")]
    finally:
        await connection.close()


@route
async def asyncpg_notifications(_):
    listener, speaker = [await asyncpg.connect(os.environ["DATABASE_URL"]) for _ in range(2)]
    heard = asyncio.Queue()
    await listener.add_listener("news", lambda connection, pid, channel, payload: heard.put_nowait(payload))
    for number in range(3):
        await speaker.execute(f"NOTIFY news, '{number}'")
    messages = [await asyncio.wait_for(heard.get(), 30) for _ in range(3)]
    await listener.close()
    await speaker.close()
    return messages


# TLS by streams


@route
async def streams_over_tls(query):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(query["port"]), ssl=trusting(query))
    version = writer.get_extra_info("ssl_object").version()
    writer.write(b"%d\n" % len(BIG))
    half = len(BIG) // 2
    writer.writelines([BIG[:half], BIG[half:]])
    await writer.drain()
    received = await reader.readexactly(len(BIG))
    writer.close()
    await writer.wait_closed()
    return {"version": version, "same": received == BIG}


@route
async def a_server_that_starts_tls(query):
    """A server of the application's own, which changes to TLS in the middle of a connection."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(query["certfile"], query["keyfile"])

    async def answer(reader, writer):
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go\n")
        await writer.drain()
        await writer.start_tls(server_context)
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"go\n"
        await writer.start_tls(trusting(query), server_hostname="localhost")
        writer.write(b"secret\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
    return line.decode()


# anyio


@route
async def anyio_threads(_):
    """Threads that call back into the loop, each of its own accord."""

    def work(number):
        anyio.from_thread.run_sync(lambda: None)
        return anyio.from_thread.run(anyio.sleep, 0) or number

    results = []

    async def run(number):
        results.append(await anyio.to_thread.run_sync(work, number))

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(run, number)
    return sorted(results)


@route
async def anyio_scopes(_):
    """A scope that is cancelled from outside, a shield within it, and a deadline that is moved."""
    events = []

    async def work(scope):
        with scope:
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.01)
                    events.append("shielded")

    scope = anyio.CancelScope()
    async with anyio.create_task_group() as group:
        group.start_soon(work, scope)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
    events.append(scope.cancelled_caught)
    with anyio.move_on_after(60) as moved:
        moved.deadline = anyio.current_time() + 0.01
        await anyio.sleep_forever()
    events.append(moved.cancelled_caught)
    with anyio.move_on_after(60) as unneeded:
        await anyio.sleep(0)
    return [*events, unneeded.cancelled_caught]


@route
async def anyio_sockets(_):
    async def shout(client):
        async with client:
            await client.send((await client.receive()).upper())

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, shout)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with await anyio.connect_tcp("127.0.0.1", port) as client:
            await client.send(b"hello")
            answer = await client.receive()
        group.cancel_scope.cancel()
    return answer.decode()


@route
async def anyio_process(_):
    done = await anyio.run_process([sys.executable, "-c", "print(input().upper())"], input=b"through a pipe\n")
    return done.stdout.decode().strip()


# Subprocesses


@route
async def subprocess_streams(_):
    """A child that is spoken to line by line, one that fails, and one that is killed."""
    pipe = asyncio.subprocess.PIPE
    cat = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
    lines = []
    for number in range(5):
        cat.stdin.write(b"%d\n" % number)
        lines.append(int(await cat.stdout.readline()))
    cat.stdin.write(BIG)
    cat.stdin.close()
    rest = await cat.stdout.read()
    failing = await asyncio.create_subprocess_shell("echo no >&2; exit 3", stderr=pipe)
    _, errors = await failing.communicate()
    sleeping = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        await asyncio.wait_for(sleeping.wait(), 0.05)
    except asyncio.TimeoutError:
        sleeping.kill()
    codes = [await cat.wait(), failing.returncode, await sleeping.wait()]
    return {"lines": lines, "rest": rest == BIG, "errors": errors.decode(), "codes": codes}


# Starlette

background = asyncio.Event()


async def with_background_task(request):
    def on_a_thread():
        anyio.from_thread.run_sync(background.set)

    return JSONResponse("answered", background=BackgroundTask(on_a_thread), headers=headers())


@route
async def background_task_ran(_):
    await asyncio.wait_for(background.wait(), 30)
    background.clear()
    return True


async def streamed(request):
    async def pieces():
        for number in range(100):
            await asyncio.sleep(0 if number % 10 else 0.001)
            yield f"{number}\n"

    return StreamingResponse(pieces(), headers=headers())


async def streamed_from_a_thread(request):
    """A plain generator, each of whose steps Starlette takes on a thread."""
    threads = set()

    def pieces():
        for number in range(100):
            threads.add(threading.get_ident() == threading.main_thread().ident)
            yield f"{number}\n"
        yield f"{threads}\n"

    return StreamingResponse(iterate_in_threadpool(pieces()), headers=headers())


app = Starlette(
    routes=[
        *routes,
        Route("/with-background-task", with_background_task),
        Route("/streamed", streamed),
        Route("/streamed-from-a-thread", streamed_from_a_thread),
    ]
)
