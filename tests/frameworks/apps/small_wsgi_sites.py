"""The same small site in Bottle, Falcon and Pyramid. Served by tests/frameworks/test_small_wsgi.py."""

import bottle
import falcon
from pyramid.config import Configurator
from pyramid.response import Response

# Bottle

in_bottle = bottle.Bottle()


@in_bottle.get("/hello/<name>")
def hello(name):
    return {"hello": name, "q": bottle.request.query.q}


@in_bottle.post("/echo")
def echo():
    bottle.response.content_type = "application/octet-stream"
    return bottle.request.body.read()


@in_bottle.get("/stream")
def stream():
    yield "one "
    yield "two"


@in_bottle.get("/bug")
def bug():
    raise RuntimeError("a bug")


# Falcon


class Hello:
    def on_get(self, request, response, name):
        response.media = {"hello": name, "q": request.get_param("q", default="")}


class Echo:
    def on_post(self, request, response):
        response.content_type = "application/octet-stream"
        response.data = request.bounded_stream.read()


class Stream:
    def on_get(self, request, response):
        response.content_type = "text/plain"
        response.stream = iter([b"one ", b"two"])


class Bug:
    def on_get(self, request, response):
        raise RuntimeError("a bug")


in_falcon = falcon.App()
in_falcon.add_route("/hello/{name}", Hello())
in_falcon.add_route("/echo", Echo())
in_falcon.add_route("/stream", Stream())
in_falcon.add_route("/bug", Bug())

# Pyramid


def pyramid_hello(request):
    return {"hello": request.matchdict["name"], "q": request.params.get("q", "")}


def pyramid_echo(request):
    return Response(request.body, content_type="application/octet-stream")


def pyramid_stream(request):
    return Response(app_iter=iter([b"one ", b"two"]), content_type="text/plain")


def pyramid_bug(request):
    raise RuntimeError("a bug")


def made_by_pyramid():
    with Configurator() as config:
        for name, view, pattern in (
            ("hello", pyramid_hello, "/hello/{name}"),
            ("echo", pyramid_echo, "/echo"),
            ("stream", pyramid_stream, "/stream"),
            ("bug", pyramid_bug, "/bug"),
        ):
            config.add_route(name, pattern)
            config.add_view(view, route_name=name, renderer="json" if name == "hello" else None)
        return config.make_wsgi_app()


in_pyramid = made_by_pyramid()
