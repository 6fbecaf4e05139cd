"""Shows the environ of a request."""

from wsgiref.validate import validator

from wsgi_control import answer, note


def app(environ, start_response):
    """Plain values as they are, of objects the type; `leak` is what an earlier request left."""
    shown = {
        key: value if isinstance(value, (str, bool, int, tuple)) else type(value) for key, value in environ.items()
    }
    shown |= {"type": type(environ), "leak": environ.get("leak")}
    environ["leak"] = "left behind"
    del environ["PATH_INFO"]
    return answer(
        start_response,
        repr({key: value if type(value) is not type else value.__name__ for key, value in shown.items()}),
    )


validated = validator(app)


def called(environ, start_response):
    note("called")
    return answer(start_response, b"called")


def errors(environ, start_response):
    """Writes to wsgi.errors all that PEP 3333 allows."""
    stream = environ["wsgi.errors"]
    stream.write("written\n")
    stream.writelines(["line one\n", "line twö\n"])
    print("printed", file=stream)
    stream.flush()
    return answer(start_response, b"")


def thread(environ, start_response):
    """Which thread calls the app, iterates and closes; whether an event loop runs in it."""
    import asyncio
    import threading

    seen = [threading.get_ident()]

    class Body:
        def __iter__(self):
            seen.append(threading.get_ident())
            yield repr(len(set(seen))).encode()

        def close(self):
            seen.append(threading.get_ident())
            note("threads", count=len(set(seen)), main=seen[0] == threading.main_thread().ident)

    async def work():
        await asyncio.sleep(0)
        return "ran"

    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Asyncio", asyncio.run(work()))])
    return Body()


validated_errors, validated_thread = validator(errors), validator(thread)
