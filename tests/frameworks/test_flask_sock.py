"""WebSockets of a Flask site, by Flask-Sock: it takes `gunicorn.socket` and speaks for itself."""

import asyncio

import httpx
import websockets

SITE, WORKER_CLASS = "flask_sock_site:app", "gthread"


def test_messages_are_echoed_until_the_client_closes(site):

    async def talk():
        async with websockets.connect(f"{url}/echo") as one, websockets.connect(f"{url}/echo") as other:
            for text in "one", "ü" * 5000:
                await one.send(text)
                await other.send(b"\0" + text.encode())
                assert (await one.recv(), await other.recv()) == (text, b"\0" + text.encode())

    with site("--threads", "3") as (server, client):
        url = server.url.replace("http", "ws", 1)
        asyncio.run(talk())
        assert client.get("/").text == "plain"


def test_a_plain_request_for_a_websocket_is_refused(client):
    assert httpx.get(f"{client.base_url}/echo").status_code == 400
