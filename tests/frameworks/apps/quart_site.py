"""A Quart site. Served by tests/frameworks/test_quart.py."""

import asyncio
import hashlib
import os
from pathlib import Path

from quart import Quart, abort, g, jsonify, redirect, request, session, stream_with_context, url_for

app = Quart(__name__)
app.secret_key = "not a secret"
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024 * 1024
done = asyncio.Event()
closed = asyncio.Event()


@app.before_serving
async def start():
    app.opened = os.getpid()


@app.after_serving
async def stop():
    if path := os.environ.get("LIFESPAN_END"):
        Path(path).write_text("after_serving ran\n")


@app.before_request
async def remember():
    assert not hasattr(g, "path"), "g is another request's"
    g.path = request.path


@app.after_request
async def tell(response):
    response.headers["x-path"] = g.path
    return response


@app.get("/")
async def index():
    return "hello from Quart"


@app.get("/users/<int:user_id>/<name>")
async def user(user_id, name):
    return {"id": user_id, "name": name, "q": request.args.getlist("q"), "url": url_for("index")}


@app.post("/json")
async def json():
    return jsonify(received=await request.get_json())


@app.post("/form")
async def form():
    return {key: values for key, values in (await request.form).lists()}


@app.post("/file")
async def file():
    document = (await request.files)["document"]
    content = document.read()
    return {"name": document.filename, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@app.put("/hash")
async def hash_body():
    digest, size = hashlib.sha256(), 0
    async for piece in request.body:
        digest.update(piece)
        size += len(piece)
    return {"size": size, "sha256": digest.hexdigest()}


@app.get("/stream")
async def stream():
    @stream_with_context
    async def pieces():
        for number in range(100):
            yield f"{request.path} {number}\n".encode()

    return pieces(), 200, {"content-type": "text/plain"}


@app.get("/endless")
async def endless():
    async def pieces():
        try:
            while True:
                yield b"data: more\n\n"
                await asyncio.sleep(0.005)
        finally:
            closed.set()

    response = await app.make_response((pieces(), {"content-type": "text/event-stream"}))
    response.timeout = None
    return response


@app.get("/closed")
async def wait_until_closed():
    await asyncio.wait_for(closed.wait(), 30)
    return "closed"


@app.post("/background")
async def background():
    async def work():
        done.set()

    app.add_background_task(work)
    return "accepted", 202


@app.get("/background")
async def wait_for_background():
    await asyncio.wait_for(done.wait(), 30)
    return "done"


@app.get("/blocking")
def blocking():
    return "from a thread"


@app.get("/visits")
async def visits():
    session["visits"] = session.get("visits", 0) + 1
    return str(session["visits"])


@app.get("/away")
async def away():
    return redirect(url_for("index"))


@app.get("/forbidden")
async def forbidden():
    abort(403)


@app.errorhandler(403)
async def explain(error):
    return "you may not", 403


@app.get("/bug")
async def bug():
    raise RuntimeError("a bug in the view")


@app.get("/opened")
async def opened():
    return {"opened": app.opened, "pid": os.getpid()}
