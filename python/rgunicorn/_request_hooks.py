"""`pre_request` and `post_request`: what is called around each request, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from rgunicorn._hooks import Worker


class RequestHooks:
    """The request hooks of one worker. Rust calls `before` and `after`, WSGI's or ASGI's."""

    def __init__(self, worker: Worker, pre: Callable[..., Any] | None, post: Callable[..., Any] | None) -> None:
        self._worker = worker
        self._pre = pre
        self._post = post

    def before_wsgi(self, request: Request, environ: dict[str, Any]) -> None:
        request.body = environ["wsgi.input"]
        given = list(request.headers)
        self._before(request)
        if request.headers != given:
            _change_fields(environ, given, request.headers)

    def before_asgi(self, request: Request) -> None:
        request.path = unquote(request.path)
        self._before(request)

    def _before(self, request: Request) -> None:
        if self._pre is not None:
            self._pre(self._worker, request)
        self._worker.nr += 1

    def after_wsgi(
        self, request: Request, environ: dict[str, Any], status: str | None, headers: Iterable[Any], sent: int
    ) -> None:
        """`status` is None where the server answered in the application's place."""
        if status is None:
            status, headers = _FAILED, []
        self._after(request, environ, Response(status, int(status[:3]), list(headers), sent))

    def after_taken_over(self, request: Request, environ: dict[str, Any], *answer: Any) -> None:
        """The application wrote to the client's socket itself: what it answered is not known."""
        self._after(request, environ, Response(None, None, [], 0))

    def after_asgi(self, request: Request, status: int | None, headers: list[tuple[str, str]], sent: int) -> None:
        """`status` is None where there was nobody left to answer."""
        code = status or int(HTTPStatus.INTERNAL_SERVER_ERROR)
        self._after(request, request.as_environ(), Response(code, code, headers, sent))

    def _after(self, request: Request, environ: dict[str, Any], response: Response) -> None:
        if self._post is None:
            return
        try:
            self._post(self._worker, request, environ, response)
        except Exception:
            self._worker.log.exception("Exception in post_request hook")


def log_request(worker: Worker, req: Request) -> None:
    """The `pre_request` hook of a configuration without one, where debug lines are wanted: gunicorn's."""
    worker.log.debug("%s %s", req.method, req.path)


_FAILED = "500 Internal Server Error"


class Request:
    """A request as hooks see it, with gunicorn's names. Hooks may keep things of their own on it."""

    def __init__(
        self,
        method: str,
        uri: str,
        path: str,
        query: str,
        version: tuple[int, int],
        headers: list[tuple[str, str]],
        scheme: str,
        remote_addr: tuple[str, int] | str,
    ) -> None:
        self.method = method
        self.uri = uri
        self.path = path
        self.query = query
        self.fragment = ""
        self.version = version
        self.headers = headers
        """Pairs of a NAME in capitals and a value."""
        self.scheme = scheme
        self.remote_addr = remote_addr
        """Host and port of the client; an empty text on a unix socket."""
        self.body: Any = None
        """What the application reads the body from, where it is WSGI."""

    @property
    def peer_addr(self) -> tuple[str, int] | str:
        return self.remote_addr

    def as_environ(self) -> dict[str, Any]:
        """What an ASGI application has no environ for: gunicorn's short form of one."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "RAW_URI": self.uri,
            "PATH_INFO": self.path,
            "QUERY_STRING": self.query,
            "SERVER_PROTOCOL": "HTTP/%d.%d" % self.version,
            "REMOTE_ADDR": self.remote_addr[0] if self.remote_addr else "-",
        }
        environ.update(("HTTP_" + name.replace("-", "_"), value) for name, value in self.headers)
        return environ


class Response:
    """An answer as hooks see it, with gunicorn's names."""

    def __init__(
        self, status: str | int | None, status_code: int | None, headers: list[tuple[str, str]], sent: int
    ) -> None:
        self.status = status
        """`200 OK` for WSGI, the number for ASGI, as in gunicorn."""
        self.status_code = status_code
        self.headers = headers
        self.sent = sent
        """Bytes of the body that the application gave."""


def _change_fields(environ: dict[str, Any], before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    """Has `environ` say what a hook made of the header fields, and no more than that."""
    was, now = _by_key(before), _by_key(after)
    for key in was.keys() | now.keys():
        if key not in now:
            environ.pop(key, None)
        elif now[key] != was.get(key):
            environ[key] = now[key]


def _by_key(headers: list[tuple[str, str]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        separator = "; " if key == "HTTP_COOKIE" else ","
        fields[key] = f"{fields[key]}{separator}{value}" if key in fields else value
    return fields
