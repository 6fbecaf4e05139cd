"""Speaks to its client past the server, over `gunicorn.socket`."""

import copy

from wsgi_control import answer


def app(environ, start_response):
    taken = environ["gunicorn.socket"]
    if environ["PATH_INFO"] == "/shout":
        taken.sendall(b"who is there?\n")
        name = taken.makefile("rb").readline()
        taken.sendall(name.upper())
        if environ["QUERY_STRING"] == "stop":
            raise StopIteration
        return []
    if environ["PATH_INFO"] == "/late":
        try:
            write = start_response("200 OK", [])
            write(b"begun, ")
            taken.sendall(b"never")
        except OSError as error:
            return [str(error).encode()]
    copy.copy(environ)
    return answer(start_response, repr(type(taken).__name__))
