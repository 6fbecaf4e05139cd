"""WebSockets as the documentation of each framework shows them. Served by tests/frameworks/test_websockets.py."""

import socketio
from fastapi import Depends, FastAPI, Query, WebSocket, WebSocketDisconnect, WebSocketException, status
from quart import Quart, websocket
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

# FastAPI: a room, a dependency and a denial.

fastapi_app = FastAPI()
room: list[WebSocket] = []


async def token(token: str | None = Query(default=None)) -> str:
    if token is None:
        raise WebSocketException(code=status.WS_1008_POLICY_VIOLATION)
    return token


@fastapi_app.websocket("/room/{name}")
async def talk(websocket: WebSocket, name: str, token: str = Depends(token)):
    await websocket.accept()
    room.append(websocket)
    try:
        while True:
            words = await websocket.receive_text()
            for member in room:
                await member.send_json({"from": name, "token": token, "words": words})
    except WebSocketDisconnect as left:
        room.remove(websocket)
        for member in room:
            await member.send_json({"left": name, "code": left.code, "reason": left.reason})


@fastapi_app.websocket("/denied")
async def denied(websocket: WebSocket):
    raise HTTPException(status_code=418, detail="short and stout")


# Starlette: the endpoint class.


class Echo(WebSocketEndpoint):
    encoding = "json"

    async def on_connect(self, websocket):
        await websocket.accept(subprotocol="echo" if "echo" in websocket.scope["subprotocols"] else None)

    async def on_receive(self, websocket, data):
        await websocket.send_json({"echo": data})


async def denial(websocket):
    await websocket.send_denial_response(PlainTextResponse("not today", 401))


async def iterating(websocket):
    await websocket.accept()
    async for data in websocket.iter_bytes():
        await websocket.send_bytes(data[::-1])


async def plain(request):
    return PlainTextResponse("plain")


starlette_app = Starlette(
    routes=[
        Route("/", plain),
        WebSocketRoute("/echo", Echo),
        WebSocketRoute("/denial", denial),
        WebSocketRoute("/iterating", iterating),
    ]
)

# Quart: one function for each connection.

quart_app = Quart(__name__)


@quart_app.websocket("/echo")
async def quart_echo():
    await websocket.accept(headers={"x-own": "1"})
    while True:
        await websocket.send(await websocket.receive())


# python-socketio: polling, then an upgrade.

events = socketio.AsyncServer(async_mode="asgi")
socketio_app = socketio.ASGIApp(events)


@events.event
async def connect(sid, environ, auth):
    await events.enter_room(sid, "everybody")


@events.event
async def say(sid, words):
    await events.emit("said", {"words": words}, room="everybody")
    return "thanks"
