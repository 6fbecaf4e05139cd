"""Requests that last as long as the test wants, and workers that misbehave.

GET  /        the worker's pid
POST /talk    sends "started" after the first piece of the body, then echoes the rest
POST /listen  says on stderr that it waits, then answers when the whole body is there
GET  /never   sends "started" and never ends
GET  /block/sleep, /block/loop   holds the worker's only thread
GET  /exit/N  ends the worker with that code
"""

import asyncio
import os
import sys
import time


async def app(scope, receive, send):
    assert scope["type"] == "http"
    _, verb, *rest = scope["path"].split("/")
    await {
        "": pid,
        "talk": talk,
        "listen": listen,
        "never": never,
        "block": block,
        "exit": leave,
    }[verb](receive, send, *rest)


async def pid(receive, send):
    await answer(send, str(os.getpid()).encode())


async def talk(receive, send):
    message = await receive()
    await start(send)
    await send({"type": "http.response.body", "body": b"started", "more_body": True})
    while message["more_body"]:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        await send({"type": "http.response.body", "body": message["body"], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def listen(receive, send):
    print("listening to the body", file=sys.stderr, flush=True)
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    await answer(send, body)


async def never(receive, send):
    await start(send)
    await send({"type": "http.response.body", "body": b"started", "more_body": True})
    await asyncio.Event().wait()


async def block(receive, send, how):
    if how == "sleep":
        blocked_in_user_code()
    else:
        looping_in_user_code()


def blocked_in_user_code():
    time.sleep(3600)


def looping_in_user_code():
    while True:
        sum(range(100))


async def leave(receive, send, code):
    os._exit(int(code))


async def answer(send, body):
    await start(send, (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.body", "body": body})


async def start(send, *headers):
    headers = [*headers, (b"x-pid", str(os.getpid()).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
