"""WebSockets of a server within a program, on that program's own loop (`rgunicorn.Server`)."""

import asyncio

import pytest
import rgunicorn
import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def echo(scope, receive, send):
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    try:
        while (event := await receive())["type"] == "websocket.receive":
            await send(event | {"type": "websocket.send"})
    finally:
        ends.append(event)


ends = []


async def talk():
    ends.clear()
    async with rgunicorn.Server(echo, bind="127.0.0.1:0", asgi_lifespan="off") as server:
        url = f"ws://127.0.0.1:{server.port}"
        async with connect(url) as one, connect(url, max_size=None) as other:
            for message in "text", b"bytes", "ü" * 300_000:
                await asyncio.gather(one.send(message), other.send(message))
                assert await one.recv() == await other.recv() == message
            for number in range(100):
                await one.send(str(number))
            assert [await one.recv() for _ in range(100)] == [str(number) for number in range(100)]
            await one.close(1001, "enough")
            stopping = asyncio.ensure_future(server.stop())
            with pytest.raises(ConnectionClosed) as closed:
                await other.recv()
            assert closed.value.rcvd.code == 1012
            await stopping
    assert [(event["code"], event["reason"]) for event in ends] == [(1001, "enough"), (1012, "")]


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_messages_cross_and_a_stop_says_1012(loop):
    loop = loop()
    try:
        loop.run_until_complete(asyncio.wait_for(talk(), 30))
    finally:
        loop.close()
