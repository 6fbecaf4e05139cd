"""What Autobahn's suite talks to: every message comes back as it was."""


async def app(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        answer = {"text": text} if text is not None else {"bytes": message["bytes"]}
        await send({"type": "websocket.send", **answer})
