"""A Flask site with a WebSocket."""

from flask import Flask
from flask_sock import Sock

app = Flask(__name__)
sock = Sock(app)


@app.get("/")
def plain():
    return "plain"


@sock.route("/echo")
def echo(ws):
    while True:
        ws.send(ws.receive())
