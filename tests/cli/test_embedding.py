"""`rgunicorn.Server` and `rgunicorn.serve`: a server on a loop that another program runs, here this one."""

import ast
import asyncio
import contextvars
import gc
import inspect
import os
import re
import socket
import subprocess
import sys
import threading
from functools import wraps

import httpx
import pytest
import rgunicorn
import uvloop

pytestmark = pytest.mark.filterwarnings("error")
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
LOCAL = "127.0.0.1:0"
TIMEOUT = 15


def on_each_loop(test):
    """Runs a coroutine function as a test, on asyncio's own loop and on uvloop's."""

    @pytest.mark.parametrize("loop", LOOPS)
    @wraps(test)
    def run(loop, **fixtures):
        run_on(loop, test(**fixtures))

    own = inspect.signature(test).parameters.values()
    parameter = inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = inspect.Signature([*own, parameter])
    return run


def run_on(loop, coroutine):
    """As `asyncio.run`, which takes no loop before Python 3.12."""
    loop = LOOPS[loop]()
    try:
        return loop.run_until_complete(asyncio.wait_for(coroutine, 3 * TIMEOUT))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        assert not asyncio.all_tasks(loop), "the server left a task behind"
        loop.close()


async def hello(scope, receive, send):
    """Says hello. Without a lifespan."""
    assert scope["type"] == "http"
    await answer(send, b"hello")


async def answer(send, body, status=200):
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi_hello(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


class Gated:
    """Answers once it may, and tells how many requests wait for that."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.waiting = 0
        self.all_wait = asyncio.Event()
        self.expected = 1
        self.events = []

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            for name in "startup", "shutdown":
                self.events.append((await receive())["type"])
                await send({"type": f"lifespan.{name}.complete"})
            return
        self.waiting += 1
        if self.waiting == self.expected:
            self.all_wait.set()
        await self.gate.wait()
        await answer(send, b"late")


def client(**options):
    return httpx.AsyncClient(timeout=TIMEOUT, limits=httpx.Limits(max_connections=None), **options)


async def until(event):
    await asyncio.wait_for(event.wait(), TIMEOUT)


def is_refused(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@on_each_loop
async def test_an_asgi_application_answers_on_the_programs_own_loop():
    here = threading.get_ident()

    async def app(scope, receive, send):
        await answer(send, str(threading.get_ident() == here and asyncio.get_running_loop() is loop).encode())

    loop = asyncio.get_running_loop()
    async with rgunicorn.Server(app, bind=LOCAL, asgi_lifespan="off") as server, client() as http:
        assert server.addresses == [f"http://127.0.0.1:{server.port}"]
        for _ in range(20):
            assert (await http.get(server.addresses[0])).text == "True"
    assert is_refused(server.port)


@on_each_loop
async def test_many_requests_at_once_are_all_answered():
    async def app(scope, receive, send):
        await asyncio.sleep(0)
        await answer(send, scope["path"].encode())

    async with rgunicorn.Server(app, bind=LOCAL, asgi_lifespan="off") as server, client() as http:
        for _ in range(3):
            paths = [f"/{number}" for number in range(100)]
            answers = await asyncio.gather(*(http.get(server.addresses[0] + path) for path in paths))
            assert [answer.text for answer in answers] == paths


@on_each_loop
async def test_large_bodies_go_both_ways():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            event = await receive()
            more = event["more_body"]
            await send({"type": "http.response.body", "body": event["body"], "more_body": more})

    body = os.urandom(3_000_000)
    async with rgunicorn.Server(app, bind=LOCAL, asgi_lifespan="off") as server, client() as http:
        answers = await asyncio.gather(*(http.post(server.addresses[0], content=body) for _ in range(4)))
        assert all(answer.content == body for answer in answers)


@on_each_loop
async def test_a_wsgi_application_is_called_on_threads_and_the_loop_goes_on():
    called, go_on = [], threading.Event()

    def app(environ, start_response):
        called.append(threading.get_ident())
        assert go_on.wait(TIMEOUT)
        return wsgi_hello(environ, start_response)

    async with rgunicorn.Server(app, bind=LOCAL, threads=2) as server, client() as http:
        both = [asyncio.ensure_future(http.get(server.addresses[0])) for _ in range(2)]
        while len(called) < 2:
            await asyncio.sleep(0)  # as the loop can, while threads are in the application
        assert threading.get_ident() not in called
        go_on.set()
        assert [(await answer).text for answer in both] == ["hello", "hello"]


@on_each_loop
async def test_the_lifespan_runs_with_its_state_and_sees_the_callers_context():
    given = contextvars.ContextVar("given")
    given.set("from outside")
    seen = []

    async def app(scope, receive, send):
        if scope["type"] == "http":
            return await answer(send, f"{scope['state']['made']} {given.get()}".encode())
        seen.append((await receive())["type"])
        scope["state"]["made"] = "at startup"
        await send({"type": "lifespan.startup.complete"})
        seen.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    async with rgunicorn.Server(app, bind=LOCAL) as server, client() as http:
        assert (await http.get(server.addresses[0])).text == "at startup from outside"
    assert seen == ["lifespan.startup", "lifespan.shutdown"]


@on_each_loop
async def test_a_failed_startup_is_an_error_and_frees_the_address():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database here"})

    port = free_port()
    with pytest.raises(RuntimeError, match="no database here"):
        await rgunicorn.serve(app, bind=f"127.0.0.1:{port}")
    async with rgunicorn.Server(hello, bind=f"127.0.0.1:{port}"):
        pass


@on_each_loop
async def test_a_startup_that_is_cancelled_leaves_nothing_behind():
    begun = asyncio.Event()

    async def app(scope, receive, send):
        begun.set()
        await asyncio.Event().wait()

    serving = asyncio.ensure_future(rgunicorn.serve(app, bind=LOCAL))
    await until(begun)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    await asyncio.sleep(0)


@on_each_loop
async def test_an_address_in_use_is_an_oserror():
    async with rgunicorn.Server(hello, bind=LOCAL) as server:
        with pytest.raises(OSError, match="Connection in use") as refused:
            await rgunicorn.serve(hello, bind=f"127.0.0.1:{server.port}")
    assert isinstance(refused.value, OSError) and refused.value.errno == 98


@on_each_loop
async def test_cancellation_under_load_lets_every_request_finish():
    app = Gated()
    app.expected = 50
    server = rgunicorn.Server(app, bind=LOCAL)
    await server.start()
    serving = asyncio.ensure_future(hold(server))
    async with client() as http:
        answers = [asyncio.ensure_future(http.get(server.addresses[0])) for _ in range(app.expected)]
        await until(app.all_wait)
        serving.cancel()
        while not is_refused(server.port):
            await asyncio.sleep(0)
        assert not serving.done()
        app.gate.set()
        assert [(await answer).text for answer in answers] == ["late"] * app.expected
        with pytest.raises(asyncio.CancelledError):
            await serving
    assert app.events == ["lifespan.startup", "lifespan.shutdown"]


async def hold(server):
    """What `serve` does once the server has started."""
    try:
        await server.wait_closed()
    finally:
        await server.stop()


@on_each_loop
async def test_serve_ends_when_its_task_is_cancelled_and_finishes_what_began():
    app, port = Gated(), free_port()
    serving = asyncio.ensure_future(rgunicorn.serve(app, bind=f"127.0.0.1:{port}"))
    async with client(transport=httpx.AsyncHTTPTransport(retries=20)) as http:
        late = asyncio.ensure_future(http.get(f"http://127.0.0.1:{port}"))
        await until(app.all_wait)
        serving.cancel()
        await asyncio.sleep(0)
        app.gate.set()
        assert (await late).text == "late"
        with pytest.raises(asyncio.CancelledError):
            await serving


@on_each_loop
async def test_a_second_cancellation_closes_every_connection():
    app = Gated()
    server = rgunicorn.Server(app, bind=LOCAL)
    await server.start()
    serving = asyncio.ensure_future(hold(server))
    async with client() as http:
        never = asyncio.ensure_future(http.get(server.addresses[0]))
        await until(app.all_wait)
        serving.cancel()
        while not is_refused(server.port):
            await asyncio.sleep(0)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(httpx.TransportError):
            await never
        await server.stop()


@on_each_loop
async def test_an_event_stops_serve():
    stop, app, port = asyncio.Event(), Gated(), free_port()
    serving = asyncio.ensure_future(rgunicorn.serve(app, stop=stop, bind=f"127.0.0.1:{port}"))
    async with client(transport=httpx.AsyncHTTPTransport(retries=20)) as http:
        late = asyncio.ensure_future(http.get(f"http://127.0.0.1:{port}"))
        await until(app.all_wait)
        stop.set()
        app.gate.set()
        assert (await late).text == "late"
    await asyncio.wait_for(serving, TIMEOUT)
    assert app.events == ["lifespan.startup", "lifespan.shutdown"]


@on_each_loop
async def test_requests_that_do_not_end_are_cancelled_after_the_graceful_timeout():
    app = Gated()
    async with client() as http:
        async with rgunicorn.Server(app, bind=LOCAL, graceful_timeout=1) as server:
            never = asyncio.ensure_future(http.get(server.addresses[0]))
            await until(app.all_wait)
        assert (await asyncio.gather(never, return_exceptions=True))[0] is not None


@on_each_loop
async def test_two_servers_share_a_loop_and_end_apart():
    async with client() as http:
        async with rgunicorn.Server(hello, bind=LOCAL) as first:
            async with rgunicorn.Server(wsgi_hello, bind=LOCAL) as second:
                for server in first, second, first, second:
                    assert (await http.get(server.addresses[0])).text == "hello"
            assert is_refused(second.port)
            assert (await http.get(first.addresses[0])).text == "hello"


def test_threads_may_have_a_loop_and_a_server_each():
    meeting, failures = threading.Barrier(3, timeout=TIMEOUT), []

    async def main():
        async with rgunicorn.Server(hello, bind=LOCAL) as server, client() as http:
            meeting.wait()
            for _ in range(50):
                assert (await http.get(server.addresses[0])).text == "hello"

    def run():
        try:
            asyncio.run(main())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(meeting.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@on_each_loop
async def test_a_fork_of_the_program_ends_without_harm_to_its_connections():
    async with rgunicorn.Server(hello, bind=LOCAL) as server, client() as http:
        assert (await http.get(server.addresses[0])).text == "hello"
        child = os.fork()
        if child == 0:
            server._core = None  # as at the end of a program
            gc.collect()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert (await http.get(server.addresses[0])).text == "hello"


@on_each_loop
async def test_several_addresses_a_unix_socket_and_a_descriptor(tmp_path):
    path = tmp_path / "socket"
    with socket.create_server(("127.0.0.1", 0)) as given:
        bind = [LOCAL, f"unix:{path}", f"fd://{given.fileno()}"]
        async with rgunicorn.Server(hello, bind=bind) as server:
            assert server.addresses[1] == f"unix:{path}"
            assert server.addresses[2].endswith(f":{given.getsockname()[1]}")
            for address in server.addresses[0], server.addresses[2]:
                async with client() as http:
                    assert (await http.get(address)).text == "hello"
            async with client(transport=httpx.AsyncHTTPTransport(uds=str(path))) as http:
                assert (await http.get("http://localhost/")).text == "hello"
        assert not path.exists()
        assert given.getsockname()


@on_each_loop
async def test_an_exception_in_the_application_is_a_500_and_the_server_goes_on(capfd):
    async def app(scope, receive, send):
        if scope["path"] == "/wrong":
            raise ValueError("on purpose")
        await answer(send, b"right")

    async with rgunicorn.Server(app, bind=LOCAL, asgi_lifespan="off") as server, client() as http:
        assert (await http.get(server.addresses[0] + "/wrong")).status_code == 500
        assert (await http.get(server.addresses[0] + "/")).text == "right"


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_an_exception_for_the_whole_program_reaches_the_program(loop, kind):
    """Wherever in the application it is raised: before its first wait or after."""
    script = SCRIPT_THAT_ENDS.format(loop=loop, kind=kind.__name__)
    for waits in "0", "1":
        ended = subprocess.run([sys.executable, "-c", script, waits], capture_output=True, timeout=TIMEOUT * 2)
        assert ended.stdout.splitlines()[-1:] == [kind.__name__.encode()], ended


SCRIPT_THAT_ENDS = """
import asyncio, sys, uvloop, rgunicorn
async def app(scope, receive, send):
    for _ in range(int(sys.argv[1])):
        await asyncio.sleep(0)
    raise {kind}
async def main():
    server = rgunicorn.Server(app, bind="127.0.0.1:0", asgi_lifespan="off")
    await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")
    await asyncio.Event().wait()
loop = {{"asyncio": asyncio, "uvloop": uvloop}}["{loop}"].new_event_loop()
try:
    loop.run_until_complete(main())
except BaseException as error:
    print(type(error).__name__, flush=True)
import os
os._exit(0)
"""


def test_an_idle_server_leaves_the_loop_asleep():
    async def main():
        loop = asyncio.get_running_loop()
        async with rgunicorn.Server(hello, bind=LOCAL) as server:
            async with client() as http:
                assert (await http.get(server.addresses[0])).text == "hello"
            turns, take_turn = ["to begin with"], server._turns._take
            loop.add_reader(server._core.fileno(), lambda: (turns.append(1), take_turn()))
            while turns:
                turns.clear()
                await asyncio.sleep(1)  # longer than any timer of a server with connections

    asyncio.run(main())


def test_cells_of_a_notebook_may_start_and_stop_a_server():
    """A loop that runs already, and top-level await: each cell is a coroutine of its own."""
    cells = [
        "import httpx, rgunicorn\nserver = rgunicorn.Server(app, bind='127.0.0.1:0')\nawait server.start()",
        "async with httpx.AsyncClient() as http:\n    text = (await http.get(server.addresses[0])).text",
        "await server.stop()",
    ]
    namespace = {"app": hello}

    async def notebook():
        for cell in cells:
            code = compile(cell, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            await eval(code, namespace)

    asyncio.run(notebook())
    assert namespace["text"] == "hello"


def test_a_server_can_be_embedded_in_an_application_that_rgunicorn_serves(server, tmp_path):
    (tmp_path / "outer.py").write_text(OUTER)
    with server("outer:app", cwd=tmp_path) as s:
        for _ in range(3):
            assert s.get("/").body == b"from within"


OUTER = """
import asyncio, rgunicorn

async def inner(scope, receive, send):
    await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"11")]})
    await send({"type": "http.response.body", "body": b"from within"})

async def app(scope, receive, send):
    global server
    if scope["type"] == "lifespan":
        await receive()
        async with rgunicorn.Server(inner, bind="127.0.0.1:0", asgi_lifespan="off") as server:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n")
    body = (await reader.read()).partition(b"\\r\\n\\r\\n")[2]
    writer.close()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


@on_each_loop
async def test_the_access_log_is_written(tmp_path):
    log = tmp_path / "access.log"
    async with rgunicorn.Server(hello, bind=LOCAL, accesslog=str(log)) as server, client() as http:
        await http.get(server.addresses[0] + "/path")
    assert re.search(r'"GET /path HTTP/1.1" 200 5 ', log.read_text())


def test_settings_are_checked_before_anything_is_opened():
    rows = [
        ({"no_such_setting": 1}, TypeError, "no_such_setting"),
        ({"wokers": 1}, TypeError, "did you mean workers"),
        ({"keepalive": "soon"}, ValueError, "keepalive = 'soon': must be a whole number"),
        ({"keepalive": [1]}, TypeError, "keepalive"),
        ({"workers": 2, "post_fork": print}, TypeError, "have no meaning here: post_fork, workers"),
        ({"worker_class": "sync"}, ValueError, "worker_class"),
    ]
    for settings, kind, text in rows:
        with pytest.raises(kind, match=re.escape(text)):
            rgunicorn.Server(hello, **settings)


@on_each_loop
async def test_what_is_no_application_and_what_is_not_allowed_is_said_at_the_start():
    for app, settings, text in [
        ("a_module_that_is_not_there:app", {}, "a_module_that_is_not_there"),
        ("json:JSONDecodeErrors", {}, "JSONDecodeErrors"),
        (lambda: None, {}, "is not a WSGI application"),
        (hello, {"bind": "nowhere:99999"}, "nowhere:99999"),
    ]:
        with pytest.raises(ValueError, match=text):
            await rgunicorn.serve(app, **settings)


def test_without_a_running_loop_there_is_no_server():
    starting = rgunicorn.Server(hello, bind=LOCAL).start()
    with pytest.raises(RuntimeError, match="no running event loop"):
        starting.send(None)


@on_each_loop
async def test_a_server_starts_once_and_stops_any_number_of_times():
    server = rgunicorn.Server(hello, bind=LOCAL)
    await server.stop()
    await server.start()
    with pytest.raises(RuntimeError, match="once"):
        await server.start()
    await asyncio.gather(server.stop(), server.stop())
    await server.stop()
    await server.wait_closed()


@on_each_loop
async def test_no_thread_and_no_descriptor_is_left():
    async def round_trip(app):
        async with rgunicorn.Server(app, bind=LOCAL) as server, client() as http:
            assert (await http.get(server.addresses[0])).text == "hello"

    await round_trip(hello)
    await round_trip(wsgi_hello)
    before = left_open()
    for app in (hello, wsgi_hello) * 3:
        await round_trip(app)
    while left_open() != before:  # the pool's threads are told to go, and go a moment later
        await asyncio.sleep(0)


def left_open():
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
