"""Shows what an ASGI application is told and what it answers, at log level `trace`."""

import itertools

from rgunicorn._rgunicorn import log_trace


def traced(app):
    """The application, with every message of every call written to the log, bodies and headers by their size."""
    numbers = itertools.count(1)

    async def application(scope, receive, send):
        call = f"{_client(scope)}ASGI [{next(numbers)}]"

        async def logged_receive():
            message = await receive()
            log_trace(f"{call} Receive {_shortened(message)}")
            return message

        async def logged_send(message):
            log_trace(f"{call} Send {_shortened(message)}")
            await send(message)

        log_trace(f"{call} Started scope={_shortened(scope)}")
        try:
            result = await app(scope, logged_receive, logged_send)
        except BaseException as error:
            log_trace(f"{call} Raised {type(error).__name__}")
            raise
        log_trace(f"{call} Completed")
        return result

    return application


def _client(scope):
    client = scope.get("client")
    return f"{client[0]}:{client[1]} - " if client else ""


def _shortened(message):
    """Bodies may be long, and headers hold what belongs in no log."""
    if not isinstance(message, dict):
        return repr(message)
    return {key: _size(key, value) for key, value in message.items()}


def _size(key, value):
    if key in ("body", "bytes") and isinstance(value, (bytes, bytearray, memoryview)):
        return _Unquoted(f"<{len(value)} bytes>")
    if key == "text" and isinstance(value, str):
        return _Unquoted(f"<{len(value)} characters>")
    if key == "headers" and isinstance(value, (list, tuple)):
        return _Unquoted(f"<{len(value)} headers>")
    return value


class _Unquoted(str):
    __slots__ = ()
    __repr__ = str.__str__
