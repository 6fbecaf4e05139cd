"""Prints every line of Python that runs, as the setting `spew` asks for. For debugging only: it slows all down."""

import functools
import linecache
import sys
import threading


def begin():
    """Prints the lines that this thread runs from now on, and threads that Python starts."""
    threading.settrace(_trace)
    sys.settrace(_trace)


def on_any_thread(app):
    """The application, whose lines are printed whichever thread calls it."""

    @functools.wraps(app, updated=())
    def application(environ, start_response):
        sys.settrace(_trace)
        return app(environ, start_response)

    return application


def _trace(frame, event, _):
    if event == "line":
        module = frame.f_globals.get("__name__", "?")
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals)
        print(f"{module}:{frame.f_lineno}: {line.rstrip()}", flush=True)
    return _trace
