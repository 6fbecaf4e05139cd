"""The smallest application: the same answer to every request, no framework.

Start it from the repository's folder and try it:

    rgunicorn -k asgi examples.hello_asgi:app
    curl http://127.0.0.1:8000/
"""

BODY = b"Hello from rgunicorn!\n"


async def app(scope, receive, send):
    assert scope["type"] == "http", "this application has no lifespan and no WebSockets"
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(BODY)).encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": BODY})
