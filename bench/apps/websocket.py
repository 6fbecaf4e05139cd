"""WebSocket endpoints: `/echo` sends back what it hears, `/broadcast` sends it to all that are connected to it.

`bench/ws-load` holds the clients.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from bench.apps.asgi import lifespan

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

room: set[Send] = set()


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    if scope["type"] != "websocket":
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        return await send({"type": "http.response.body"})
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/broadcast":
        return await broadcast(receive, send)
    return await echo(receive, send)


async def echo(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        await send(answer_to(message))


async def broadcast(receive: Receive, send: Send) -> None:
    room.add(send)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            answer = answer_to(message)
            for other in list(room):
                await other(answer)
    finally:
        room.discard(send)


def answer_to(message: Message) -> Message:
    """The same again. A server may leave out the key that has no value, or say None."""
    text = message.get("text")
    if text is not None:
        return {"type": "websocket.send", "text": text}
    return {"type": "websocket.send", "bytes": message["bytes"]}
