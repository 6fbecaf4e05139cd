"""A program that is its own server: gunicorn's documented custom application, with only the import changed.

    python examples/custom_application.py

Settings come from the program, not from a command line or a file. Try it: curl http://127.0.0.1:8080/
"""

import rgunicorn.app.base


def number_of_workers():
    return 2


def handler_app(environ, start_response):
    body = b"Works fine\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


class StandaloneApplication(rgunicorn.app.base.BaseApplication):
    """Serves an application that no module needs to hold under a name."""

    def __init__(self, app, options=None):
        self.options = options or {}
        self.application = app
        super().__init__()

    def load_config(self):
        config = {key: value for key, value in self.options.items() if key in self.cfg.settings and value is not None}
        for key, value in config.items():
            self.cfg.set(key.lower(), value)

    def load(self):
        return self.application


if __name__ == "__main__":
    options = {
        "bind": "%s:%s" % ("127.0.0.1", "8080"),
        "workers": number_of_workers(),
    }
    StandaloneApplication(handler_app, options).run()
