"""WebSockets of the usual frameworks, seen through real clients."""

import asyncio
import json
import shutil
import socket
import subprocess
import threading
import time

import pytest
import socketio
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

REDIS = shutil.which("redis-server")


def url(server, path):
    return server.url.replace("http", "ws", 1) + path


# FastAPI


def test_fastapi_members_of_a_room_hear_each_other_and_who_left(start_site):
    with start_site("websocket_sites:fastapi_app") as (s, _):
        with connect(url(s, "/room/ann?token=t")) as ann, connect(url(s, "/room/bob?token=u")) as bob:
            ann.send("héllo")
            for member in ann, bob:
                assert json.loads(member.recv()) == {"from": "ann", "token": "t", "words": "héllo"}
            ann.close(3000, "bye")
            assert json.loads(bob.recv()) == {"left": "ann", "code": 3000, "reason": "bye"}


def test_fastapi_a_dependency_may_deny(start_site):
    with start_site("websocket_sites:fastapi_app") as (s, _):
        with pytest.raises(InvalidStatus) as denied:
            connect(url(s, "/room/ann"))
        assert denied.value.response.status_code == 403


def test_fastapi_an_http_exception_is_the_answer(start_site):
    with start_site("websocket_sites:fastapi_app") as (s, _):
        with pytest.raises(InvalidStatus) as denied:
            connect(url(s, "/denied"))
        response = denied.value.response
        assert (response.status_code, json.loads(response.body)) == (418, {"detail": "short and stout"})


# Starlette


def test_starlette_an_endpoint_speaks_json_and_a_subprotocol(start_site):
    with start_site("websocket_sites:starlette_app") as (s, client):
        with connect(url(s, "/echo"), subprotocols=["other", "echo"]) as ws:
            assert ws.subprotocol == "echo"
            ws.send('{"a": [1]}')
            assert json.loads(ws.recv()) == {"echo": {"a": [1]}}
            ws.send("no JSON")
            with pytest.raises(ConnectionClosed) as closed:
                ws.recv()
            assert closed.value.rcvd.code == 1003
        assert client.get("/").text == "plain"
        s.expect_errors()


def test_starlette_a_denial_response_is_the_answer(start_site):
    with start_site("websocket_sites:starlette_app") as (s, _):
        for path, status, body in ("/denial", 401, b"not today"), ("/nowhere", 403, b""):
            with pytest.raises(InvalidStatus) as denied:
                connect(url(s, path))
            assert (denied.value.response.status_code, denied.value.response.body) == (status, body)


def test_starlette_iterates_over_messages_until_the_client_leaves(start_site):
    with start_site("websocket_sites:starlette_app") as (s, _), connect(url(s, "/iterating")) as ws:
        ws.send(b"abc")
        assert ws.recv() == b"cba"


# Quart


def test_quart_echoes_until_its_task_is_told_to_end(start_site):
    with start_site("websocket_sites:quart_app") as (s, _), connect(url(s, "/echo")) as ws:
        assert ws.response.headers["x-own"] == "1"
        for message in "text", b"bytes":
            ws.send(message)
            assert ws.recv() == message


# python-socketio


def test_socketio_upgrades_from_polling_and_answers(start_site):
    async def talk(address):
        async with socketio.AsyncSimpleClient() as one, socketio.AsyncSimpleClient() as other:
            await one.connect(address)
            await other.connect(address)
            assert one.transport == other.transport == "websocket"
            assert await one.call("say", "hello") == "thanks"
            for client in one, other:
                assert await client.receive(timeout=10) == ["said", {"words": "hello"}]

    with start_site("websocket_sites:socketio_app") as (s, _):
        asyncio.run(talk(s.url))


# Django Channels


@pytest.fixture
def redis(tmp_path):
    if REDIS is None:
        pytest.skip("redis-server is not installed: scripts/test installs it where it may")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert any("Ready to accept connections" in line for line in process.stdout)
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield {"REDIS": str(port)}
    finally:
        process.terminate()
        process.wait()


def test_channels_members_of_a_room_on_two_workers_hear_each_other(start_site, redis):
    with start_site("channels_site:app", env=redis, workers=2) as (s, client):
        # When consumers of one process leave together, channels_redis may lose the cancellation of a receive, under
        # uvicorn too. The application then ends with redis-py's time-out of 5 s, which is not the server's to hide.
        s.expect_errors()
        assert client.get("/").text == "plain"
        pids = set(s.worker_pids())
        deadline = time.monotonic() + 30
        seen = set()
        members = []
        # Until both workers have a member: the kernel decides who accepts.
        while seen != pids and time.monotonic() < deadline:
            ws = connect(url(s, "/room/one"))
            ws.send(json.dumps({"words": "who?"}))
            seen.add(json.loads(ws.recv(timeout=10))["from"])
            members.append(ws)
        assert seen == pids
        with connect(url(s, "/room/one")) as speaker, connect(url(s, "/room/two")) as stranger:
            speaker.send(json.dumps({"words": "héllo"}))
            heard_by = set()
            for ws in [*members, speaker]:
                while (heard := json.loads(ws.recv(timeout=10)))["words"] != "héllo":
                    pass
                heard_by.add(heard["from"])
            assert heard_by == pids
            stranger.send(json.dumps({"words": "alone"}))
            assert json.loads(stranger.recv(timeout=10))["words"] == "alone"
        for ws in members:
            ws.close()


def test_channels_a_consumer_on_threads_echoes_and_closes(start_site, redis):
    with start_site("channels_site:app", env=redis) as (s, _), connect(url(s, "/sync")) as ws:
        for message in "text", b"bytes", "bye":
            ws.send(message)
            assert ws.recv(timeout=10) == message
        with pytest.raises(ConnectionClosed) as closed:
            ws.recv(timeout=10)
        assert closed.value.rcvd.code == 3001
