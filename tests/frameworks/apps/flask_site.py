"""A Flask site. Served by tests/frameworks/test_flask.py."""

import asyncio
import hashlib
import os
import sys
from pathlib import Path

from flask import Flask, abort, g, redirect, request, send_file, session, stream_with_context, url_for

app = Flask(__name__)
app.secret_key = "not a secret"
FILE = Path(os.environ.get("FILE", __file__))


@app.before_request
def remember():
    assert not hasattr(g, "path"), "g is another request's"
    g.path = request.path


@app.after_request
def tell(response):
    response.headers["x-path"] = g.path
    return response


@app.get("/")
def index():
    return "hello from Flask"


@app.get("/users/<int:user_id>/<name>")
def user(user_id, name):
    return {"id": user_id, "name": name, "q": request.args.getlist("q"), "url": url_for("index", _external=True)}


@app.post("/json")
def json():
    return {"received": request.get_json()}


@app.post("/form")
def form():
    return {key: request.form.getlist(key) for key in request.form}


@app.post("/file")
def upload():
    document = request.files["document"]
    digest = hashlib.file_digest(document.stream, "sha256") if sys.version_info >= (3, 11) else hashed(document.stream)
    return {"name": document.filename, "size": document.stream.tell(), "sha256": digest.hexdigest()}


def hashed(stream):
    digest = hashlib.sha256()
    while block := stream.read(65536):
        digest.update(block)
    return digest


@app.put("/hash")
def hash_of_stream():
    """Reads the body as a stream, however long it is."""
    digest, size = hashlib.sha256(), 0
    while block := request.stream.read(65536):
        digest.update(block)
        size += len(block)
    return {"size": size, "sha256": digest.hexdigest()}


@app.get("/stream")
def stream():
    def lines():
        for number in range(100):
            yield f"{g.path} {number}\n"

    return stream_with_context(lines())


@app.get("/endless")
def endless():
    def events():
        try:
            while True:
                yield "data: more\n\n"
        finally:
            print("note: events closed", file=sys.stderr, flush=True)

    return events(), {"content-type": "text/event-stream"}


@app.get("/download")
def download():
    return send_file(FILE, download_name="offered name.bin", as_attachment=True, conditional=True)


@app.get("/visits")
def visits():
    session["visits"] = session.get("visits", 0) + 1
    return str(session["visits"])


@app.get("/away")
def away():
    return redirect(url_for("index"))


@app.get("/forbidden")
def forbidden():
    abort(403)


@app.errorhandler(403)
def refuse(error):
    return "you may not", 403


@app.get("/bug")
def bug():
    raise RuntimeError("a bug")


@app.get("/async")
async def in_a_loop():
    await asyncio.sleep(0)
    return "awaited"
