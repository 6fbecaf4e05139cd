"""Libraries that applications wait with work on the loop of a worker, ours and asyncio's, with real servers."""

import asyncio
import socketserver
import ssl
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import WSMsgType, web

from bench.backends import POSTGRES_ITEMS, REDIS_ITEMS, backend, missing_programs

APPS = Path(__file__).parent / "apps"
LOOPS = {"rgunicorn": "rgunicorn", "asyncio": "StockLoop"}
SINCE_3_11 = pytest.mark.skipif(sys.version_info < (3, 11), reason="new in Python 3.11")


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def databases():
    """What the application is told of them: nothing of one that is not installed, or cannot run."""
    with ExitStack() as stack:
        variables = {}
        for kind in ("redis", "postgres"):
            if not missing_programs(kind):
                variables |= stack.enter_context(backend(kind)).variables
        yield variables


@pytest.fixture(scope="module", params=LOOPS)
def ask(server, databases, request):
    """A function that asks the site and checks on which loop it was answered."""
    with server("library_site:app", "--loop", request.param, cwd=APPS, env=databases) as s:
        with httpx.Client(base_url=s.url, timeout=60) as client:

            def get(path, **query):
                answer = client.get(path, params=query)
                assert answer.status_code == 200, answer.text
                assert answer.headers["x-loop"] == LOOPS[request.param]
                return answer

            yield get


@pytest.fixture
def redis(databases):
    if "REDIS_URL" not in databases:
        pytest.skip("redis-server is not installed: scripts/test installs it where it may")


@pytest.fixture
def postgres(databases):
    if "DATABASE_URL" not in databases:
        pytest.skip("PostgreSQL is not installed: scripts/test installs it where it may")


# Servers that the application asks


@pytest.fixture(scope="module")
def plain_site():
    with aiohttp_site() as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def secure_site(certificate):
    with aiohttp_site(server_context(certificate)) as port:
        yield f"localhost:{port}"


@pytest.fixture(params=["plain", "secure"])
def site(request, authority):
    """Its address, and what a client over TLS has to be told."""
    address = request.getfixturevalue(f"{request.param}_site")
    return address, {"authority": authority.file} if request.param == "secure" else {}


def server_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certfile, certificate.keyfile)
    return context


@contextmanager
def aiohttp_site(context=None):
    """aiohttp's server on a thread, and on asyncio's own loop. Gives the port."""
    loop = asyncio.SelectorEventLoop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def on_the_loop(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    async def begin():
        application = web.Application(client_max_size=1 << 24)
        application.add_routes(
            [
                web.get("/json", number),
                web.post("/echo", echo),
                web.get("/pieces", pieces),
                web.get("/never", never),
                web.get("/ws", echo_messages),
            ]
        )
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return runner

    runner = on_the_loop(begin())
    try:
        yield runner.addresses[0][1]
    finally:
        on_the_loop(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def number(request):
    return web.json_response({"n": int(request.query["n"])})


async def never(request):
    await asyncio.Event().wait()


async def echo(request):
    return web.Response(body=await request.read())


async def pieces(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(100):
        await answer.write(b"x" * 999)
    await answer.write_eof()
    return answer


async def echo_messages(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


@contextmanager
def echo_over_tls(certificate):
    """Gives the port. A client says in a line how many bytes will come, and gets them back."""
    context = server_context(certificate)

    class Echo(socketserver.StreamRequestHandler):
        def setup(self):
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle(self):
            self.wfile.write(self.rfile.read(int(self.rfile.readline())))
            assert self.rfile.read() == b""  # Who closes before the client says goodbye resets the connection.

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


# The tests

HTTP_ANSWERS = {"number": 7, "numbers": list(range(10)), "echoed": True, "pieces": 99_900, "never": "timed out"}


@pytest.mark.parametrize("client", ["aiohttp-client", "httpx-client"])
def test_an_http_client_asks_another_server(ask, site, client):
    address, trust = site
    scheme = "https" if trust else "http"
    for _ in range(2):  # What the first leaves behind must not hurt the next.
        assert ask(f"/{client}", url=f"{scheme}://{address}", **trust).json() == HTTP_ANSWERS


def test_httpx_speaks_http2_with_another_server(ask, server, authority, certificate):
    with server("library_site:app", *certificate.flags, "--http-protocols", "h2,h1", cwd=APPS) as other:
        url = f"https://localhost:{other.port}"
        assert ask("/httpx-over-http2", url=url, authority=authority.file).json() == [["HTTP/2", 404]]


def test_a_websocket_client_talks_to_another_server(ask, site):
    address, trust = site
    url = f"{'wss' if trust else 'ws'}://{address}"
    for _ in range(2):
        assert ask("/websockets-client", url=url, **trust).json() == {
            "heard": [True, True, True],
            "numbers": list(range(10)),
            "code": 1000,
        }
        url_of_aiohttp = url.replace("ws", "http", 1)
        assert ask("/aiohttp-websocket", url=url_of_aiohttp, **trust).json() == ["héllo", "bytes"]


def test_redis_py_gets_values_one_by_one_at_once_and_by_a_pipeline(ask, redis):
    for _ in range(2):
        assert ask("/redis-values").json() == [list(REDIS_ITEMS.values())] * 3


def test_redis_py_hears_messages_and_waits_no_longer_than_it_should(ask, redis):
    for _ in range(2):
        assert ask("/redis-messages").json() == {"heard": list("01234"), "nothing": None}


def test_asyncpg_gets_rows_by_a_pool_and_by_a_cursor(ask, postgres):
    for _ in range(2):
        assert ask("/asyncpg-rows").json() == {
            "row": [42, POSTGRES_ITEMS[42]],
            "ids": list(range(20)),
            "total": sum(POSTGRES_ITEMS),
            "big": 1_000_000,
        }


def test_asyncpg_interrupts_a_query(ask, postgres):
    assert ask("/asyncpg-interrupted").json() == ["timed out", "CancelledError", 1]


def test_asyncpg_hears_notifications(ask, postgres):
    assert ask("/asyncpg-notifications").json() == ["0", "1", "2"]


def test_streams_go_over_tls(ask, authority, certificate):
    with echo_over_tls(certificate) as port:
        for _ in range(3):
            answer = ask("/streams-over-tls", port=port, authority=authority.file).json()
            assert answer == {"version": "TLSv1.3", "same": True}


@SINCE_3_11
def test_a_stream_changes_to_tls(ask, authority, certificate):
    files = {"authority": authority.file, "certfile": certificate.certfile, "keyfile": certificate.keyfile}
    for _ in range(3):
        assert ask("/a-server-that-starts-tls", **files).json() == "SECRET\n"


@pytest.mark.parametrize(
    "name, expected",
    [
        ("anyio-threads", list(range(30))),
        ("anyio-scopes", ["shielded", True, True, False]),
        ("anyio-sockets", "HELLO"),
        ("anyio-process", "THROUGH A PIPE"),
        ("subprocess-streams", {"lines": [0, 1, 2, 3, 4], "rest": True, "errors": "no\n", "codes": [0, 3, -9]}),
    ],
)
def test_a_handler_may_use(ask, name, expected):
    for _ in range(3):
        assert ask(f"/{name}").json() == expected


def test_starlette_runs_a_background_task_on_a_thread(ask):
    for _ in range(3):
        assert ask("/with-background-task").json() == "answered"
        assert ask("/background-task-ran").json() is True


def test_starlette_streams_what_a_coroutine_or_a_thread_makes(ask):
    numbers = [str(number) for number in range(100)]
    for _ in range(3):
        assert ask("/streamed").text.split() == numbers
        assert ask("/streamed-from-a-thread").text.split() == [*numbers, "{False}"]
