"""A Flask application: JSON, an upload, and an answer that is made while it is sent.

Start it from the repository's folder and try it:

    rgunicorn --threads 4 -w 2 examples.flask_app:app
    curl http://127.0.0.1:8000/hello/world
    curl --data-binary @README.md http://127.0.0.1:8000/digest
    curl -N http://127.0.0.1:8000/countdown/3
"""

import hashlib
import time

from flask import Flask, request

app = Flask(__name__)


@app.get("/hello/<name>")
def hello(name):
    return {"hello": name}


@app.post("/digest")
def digest():
    """The upload is all there when this is called, in memory or in a file."""
    found = hashlib.sha256()
    while block := request.stream.read(65536):
        found.update(block)
    return {"sha256": found.hexdigest()}


@app.get("/countdown/<int:start>")
def countdown(start):
    """Each line goes out as it is yielded; `?every=SECONDS` sets the pace."""
    every = float(request.args.get("every", 1))

    def lines():
        for number in range(start, 0, -1):
            yield f"{number}\n"
            time.sleep(every)
        yield "done\n"

    return lines(), {"content-type": "text/plain; charset=utf-8"}
