"""Every program in examples/ starts with the command its docstring shows, and does what it says."""

import hashlib
import json
import re
import shlex
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from command import Serving, environment, kill_all
from websockets.sync.client import connect

ROOT = Path(__file__).parents[1]
ALL = sorted((ROOT / "examples").glob("*.py"))
PROGRAMS = [path for path in ALL if "    python examples/" in path.read_text()]
EXAMPLES = [path for path in ALL if path not in PROGRAMS]


def command_of(example: Path) -> list[str]:
    """The words of the `rgunicorn ...` line in the docstring."""
    line = re.search(r"^    rgunicorn (.+)$", example.read_text(), re.M)
    assert line, f"{example.name} does not show how to start it"
    return shlex.split(line[1])


@pytest.fixture
def example(server):
    """Starts examples/NAME.py from the repository's folder, with the flags its docstring shows."""

    def start(name: str):
        *flags, target = command_of(ROOT / "examples" / f"{name}.py")
        workers = int(flags[flags.index("-w") + 1]) if "-w" in flags else 1
        if "--threads" in flags:
            threads = flags[flags.index("--threads") + 1]
            return server(target, "--threads", threads, workers=workers, cwd=ROOT, worker_class="gthread")
        return server(target, workers=workers, cwd=ROOT)

    return start


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_shows_a_command_that_names_it(path):
    *flags, target = command_of(path)
    assert flags[:2] == ["-k", "asgi"] or flags[0] == "--threads"
    assert target == f"examples.{path.stem}:app"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_started_by_a_test(path):
    assert f'example("{path.stem}")' in Path(__file__).read_text()


@pytest.fixture
def program():
    """Runs examples/NAME.py, which its docstring shows as a program of its own."""

    @contextmanager
    def start(name):
        path = ROOT / "examples" / f"{name}.py"
        assert f"    python examples/{name}.py\n" in path.read_text()
        process = subprocess.Popen(
            [sys.executable, path],
            cwd=ROOT,
            env=environment({}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            yield Serving(process)
        finally:
            kill_all(process)

    return start


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_is_started_by_a_test(path):
    assert f'program("{path.stem}")' in Path(__file__).read_text()


def test_custom_application_is_its_own_server(program):
    with program("custom_application") as s:
        assert httpx.get(s.url).text == "Works fine\n"
        s.wait_for_line("Booting worker", count=2)
        assert s.stop().code == 0


def test_embedded_serves_what_its_own_loop_measures_until_ctrl_c(program):
    with program("embedded") as s:
        url = s.stdout.wait_for(r"The thermometer is at (http://\S+)", 30)[1]
        with httpx.Client() as client:
            first = client.get(url).json()["measured"]
            while client.get(url).json()["measured"] == first:
                pass
        ended = s.stop(signal.SIGINT)
        assert (ended.code, ended.stdout.splitlines()[-1]) == (0, "Good bye.")


def test_hello_asgi_answers_every_path_alike(example):
    with example("hello_asgi") as s:
        for path in "/", "/any/path":
            answer = httpx.get(s.url + path)
            assert (answer.status_code, answer.text) == (200, "Hello from rgunicorn!\n")


def test_fastapi_app_validates_and_answers(example):
    with example("fastapi_app") as s, httpx.Client(base_url=s.url) as client:
        assert client.get("/items/7?q=tea").json() == {"item": 7, "q": "tea"}
        assert client.get("/items/seven").status_code == 422
        assert client.get("/total?amount=3&price=1.5").json() == {"total": 4.5}
        order = client.post("/orders", json={"item": 7, "amount": 2})
        assert (order.status_code, order.json()) == (201, {"item": 7, "amount": 2})
        assert client.post("/orders", json={"item": 7, "amount": 0}).status_code == 422


def test_chat_tells_everybody_in_a_room_who_is_there_and_what_is_said(example):
    with example("chat") as s:
        url = s.url.replace("http", "ws", 1) + "/rooms/kitchen?name="
        assert "new WebSocket" in httpx.get(s.url + "/kitchen").text
        with connect(url + "ann") as ann:
            assert json.loads(ann.recv()) == {"joined": "ann", "members": 1}
            with connect(url + "bob") as bob:
                assert json.loads(bob.recv()) == json.loads(ann.recv()) == {"joined": "bob", "members": 2}
                bob.send("hello")
                assert json.loads(bob.recv()) == json.loads(ann.recv()) == {"name": "bob", "words": "hello"}
            assert json.loads(ann.recv()) == {"left": "bob", "members": 1}


def test_starlette_streaming_sends_events_until_the_client_leaves(example):
    with example("starlette_streaming") as s:
        with httpx.stream("GET", s.url + "/ticks?every=0.001") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            events = answer.iter_lines()
            seen = [line for _, line in zip(range(9), events) if line]
        assert seen == ["id: 1", "data: tick 1", "id: 2", "data: tick 2", "id: 3", "data: tick 3"]


def test_lifespan_shares_its_state_with_every_request_of_a_worker(example):
    with example("lifespan") as s, httpx.Client(base_url=s.url) as client:
        answers = [client.get("/").text for _ in range(3)]  # one connection, so one worker
        assert [re.match(r"request (\d+) of worker", answer)[1] for answer in answers] == ["1", "2", "3"]


def test_flask_app_greets_digests_and_streams(example):
    with example("flask_app") as s, httpx.Client(base_url=s.url) as client:
        assert client.get("/hello/world").json() == {"hello": "world"}
        upload = bytes(range(256)) * 4096
        assert client.post("/digest", content=upload).json() == {"sha256": hashlib.sha256(upload).hexdigest()}
        assert client.get("/countdown/3?every=0").text == "3\n2\n1\ndone\n"
