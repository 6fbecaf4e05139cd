"""What handlers do with the event loop: asyncio, anyio, threads, processes, sockets. One route per thing."""

import asyncio
import concurrent.futures
import os
import socket
import sys
import threading
from contextlib import asynccontextmanager

import anyio
import anyio.from_thread
import anyio.to_thread
import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

routes = []


def route(function):
    """Serves what `function` returns as JSON, under its name."""

    async def endpoint(request):
        return JSONResponse(await function(request.query_params))

    routes.append(Route("/" + function.__name__.replace("_", "-"), endpoint))
    return function


# Tasks and cancellation


@route
async def current_task(_):
    task = asyncio.current_task()
    return {"is_task": type(task).__name__ == "Task", "loop": task.get_loop() is asyncio.get_running_loop()}


@route
async def timeout(_):
    """asyncio.timeout() needs a current task that can be cancelled, already in the first step."""
    try:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    except TimeoutError:
        return {"timed_out": True, "cancelling": asyncio.current_task().cancelling()}


@route
async def timeout_not_reached(_):
    async with asyncio.timeout(30):
        return {"value": await asyncio.sleep(0, "done")}


@route
async def wait_for(_):
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    except asyncio.TimeoutError:
        return "timed out"


@route
async def task_group(_):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(0.001 * number, number)) for number in (3, 1, 2)]
    return [task.result() for task in tasks]


@route
async def task_group_failing(_):
    ended = []

    async def wait_for_ever():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("sibling cancelled")

    async def fail():
        raise LookupError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(wait_for_ever())
            await asyncio.sleep(0)
            group.create_task(fail())
    except BaseExceptionGroup as group:  # noqa: F821 (from Python 3.11 on)
        return ended + [type(error).__name__ for error in group.exceptions]


@route
async def gather(_):
    async def value(number):
        await asyncio.sleep(0)
        return number

    return await asyncio.gather(*(value(number) for number in range(100)))


@route
async def cancel(_):
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    return type(result).__name__


@route
async def producer_consumer(_):
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=3)

    async def produce():
        for number in range(50):
            await queue.put(number)

    producer = asyncio.create_task(produce())
    received = [await queue.get() for _ in range(50)]
    await producer
    return received == list(range(50))


# anyio


@route
async def anyio_task_group(_):
    results = []

    async def work(number):
        await anyio.sleep(0.001 * number)
        results.append(number)

    async with anyio.create_task_group() as group:
        for number in (3, 1, 2):
            group.start_soon(work, number)
    return sorted(results)


@route
async def anyio_cancel_scope(_):
    with anyio.move_on_after(0.01) as scope:
        await anyio.sleep_forever()
    return scope.cancelled_caught


@route
async def anyio_fail_after(_):
    try:
        with anyio.fail_after(0.01):
            await anyio.sleep_forever()
    except TimeoutError:
        return "timed out"


@route
async def anyio_group_cancelled(_):
    ended = []

    async def wait_for_ever():
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    async with anyio.create_task_group() as group:
        for _number in range(5):
            group.start_soon(wait_for_ever)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    return len(ended)


@route
async def anyio_streams(_):
    send, receive = anyio.create_memory_object_stream(0)

    async def produce():
        async with send:
            for number in range(10):
                await send.send(number)

    async with anyio.create_task_group() as group:
        group.start_soon(produce)
        return [item async for item in receive]


@route
async def anyio_from_thread(_):
    def work():
        return anyio.from_thread.run(asyncio.sleep, 0, "from the loop")

    return await anyio.to_thread.run_sync(work)


# Threads and processes


@route
async def threadpool(_):
    """Starlette's and anyio's threads: one after another they are one thread."""
    return await run_in_threadpool(threading.get_native_id)


@route
async def threadpool_many(_):
    idents = set()
    async with anyio.create_task_group() as group:
        for _number in range(200):
            group.start_soon(anyio.to_thread.run_sync, lambda: idents.add(threading.get_native_id()))
    return len(idents)


@route
async def executor(_):
    return await asyncio.get_running_loop().run_in_executor(None, sum, range(10))


@route
async def own_executor(_):
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="own") as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, lambda: threading.current_thread().name)


@route
async def call_soon_threadsafe(_):
    """A thread that is not asyncio's wakes the loop while it has nothing else to do."""
    loop, future = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
    threading.Thread(target=lambda: loop.call_soon_threadsafe(future.set_result, "woken")).start()
    return await future


@route
async def run_coroutine_threadsafe(_):
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    results = []

    def thread():
        results.append(asyncio.run_coroutine_threadsafe(asyncio.sleep(0.001, "slept"), loop).result(30))
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=thread).start()
    await done.wait()
    return results


@route
async def subprocess_exec(_):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import sys; print(sys.stdin.read().upper()); sys.exit(7)",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _nothing = await child.communicate(b"through a pipe")
    return {"output": output.decode().strip(), "code": child.returncode}


@route
async def subprocesses_at_once(_):
    async def run(number):
        child = await asyncio.create_subprocess_shell(f"exit {number}")
        return await child.wait()

    return await asyncio.gather(*(run(number) for number in range(8)))


@route
async def subprocess_killed(_):
    child = await asyncio.create_subprocess_exec("sleep", "60")
    child.kill()
    return await child.wait()


# Timers and callbacks


@route
async def timers_in_order(_):
    loop, order, done = asyncio.get_running_loop(), [], asyncio.Event()
    start = loop.time()
    loop.call_at(start + 0.012, done.set)
    for number in (3, 1, 2):
        loop.call_later(0.003 * number, order.append, number)
    loop.call_later(0.001, order.append, "cancelled").cancel()
    await done.wait()
    resolution = 0.001 if type(loop).__module__ == "uvloop" else 0  # It counts milliseconds.
    return {"order": order, "early": loop.time() < start + 0.012 - resolution}


@route
async def zero_sleeps(query):
    for _number in range(int(query.get("count", "1000"))):
        await asyncio.sleep(0)
    return "done"


# Sockets


@route
async def echo_over_tcp(query):
    """A client of another server, through asyncio's streams."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(query["port"]))
    payload = bytes(range(256)) * 4096  # 1 MiB: more than fits into socket buffers at once.
    writer.write(payload)
    writer.write_eof()
    received = await reader.read(-1)
    writer.close()
    await writer.wait_closed()
    return received == payload


@route
async def server_inside(_):
    """The application may listen, too."""

    async def shout(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(shout, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\n")
        answer = await reader.readline()
        writer.close()
        return answer.decode()


@route
async def unix_socket_pair(_):
    """Many small messages: a reader must be told again when bytes are left behind."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        await loop.sock_sendall(theirs, b"0123456789")
        return [(await loop.sock_recv(ours, 1)).decode() for _number in range(10)]


@route
async def level_triggered_reader(_):
    """add_reader() calls until everything is read, one byte per call."""
    loop, done, read = asyncio.get_running_loop(), asyncio.Event(), []
    out, into = os.pipe()
    os.write(into, b"abcdef")

    def readable():
        read.append(os.read(out, 1).decode())
        if len(read) == 6:
            done.set()

    loop.add_reader(out, readable)
    await done.wait()
    loop.remove_reader(out)
    os.close(out)
    os.close(into)
    return read


@route
async def datagrams(_):
    received = asyncio.get_running_loop().create_future()

    class Receiver(asyncio.DatagramProtocol):
        def datagram_received(self, data, address):
            received.set_result(data.decode())

    loop = asyncio.get_running_loop()
    transport, _protocol = await loop.create_datagram_endpoint(Receiver, local_addr=("127.0.0.1", 0))
    sender, _protocol = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=transport.get_extra_info("sockname")
    )
    sender.sendto(b"datagram")
    answer = await received
    sender.close()
    transport.close()
    return answer


@route
async def resolve(_):
    found = await asyncio.get_running_loop().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    return {address[0] for *_rest, address in found} <= {"127.0.0.1", "::1"}


@route
async def fetch(query):
    """An HTTP client inside a handler, over one connection of its own."""
    async with httpx.AsyncClient() as client:
        answers = [await client.get(query["url"]) for _number in range(3)]
    return [answer.json() for answer in answers]


@route
async def fetch_at_once(query):
    async with app.state.client as client:
        answers = await asyncio.gather(*(client.get(query["url"]) for _number in range(20)))
    app.state.client = httpx.AsyncClient()
    return [answer.json() for answer in answers]


@route
async def number(_):
    await asyncio.sleep(0)
    return 42


async def relay(request):
    """Streams another answer through, piece by piece."""
    client = httpx.AsyncClient()
    upstream = await client.send(client.build_request("GET", request.query_params["url"]), stream=True)

    async def pieces():
        async for piece in upstream.aiter_raw():
            yield piece
        await upstream.aclose()
        await client.aclose()

    return StreamingResponse(pieces(), media_type="text/plain")


async def lines(request):
    async def generate():
        for line in range(1000):
            yield f"{line}\n"
            if line % 100 == 0:
                await asyncio.sleep(0)

    return StreamingResponse(generate(), media_type="text/plain")


async def hello(request):
    return PlainTextResponse("hello")


@asynccontextmanager
async def lifespan(app):
    app.state.client = httpx.AsyncClient()
    yield
    await app.state.client.aclose()


app = Starlette(
    routes=[*routes, Route("/relay", relay), Route("/lines", lines), Route("/hello", hello)], lifespan=lifespan
)
