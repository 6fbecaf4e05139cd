"""Applications that use ASGI's extensions to HTTP."""

import asyncio
import os
import tempfile
from pathlib import Path

from control import http_only, note

LINK = b"</style.css>; rel=preload; as=style"


def start(*headers, status=200, **more):
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(data=b"", more_body=False):
    return {"type": "http.response.body", "body": data, "more_body": more_body}


def length(number):
    return (b"content-length", str(number).encode())


@http_only
async def announced(scope, receive, send):
    names = sorted(scope["extensions"])
    scope["extensions"].clear()  # its own: the next request has them all the same
    await send(start())
    await send(body(",".join(names).encode()))


# Early hints.


def hints(*links):
    return {"type": "http.response.early_hint", "links": links}


@http_only
async def hints_before_start(scope, receive, send):
    await send(hints(LINK, b"</app.js>; rel=preload; as=script"))
    await send(start())
    await send(body(b"answer"))


@http_only
async def hints_after_start(scope, receive, send):
    await send(start())
    await send(hints(LINK))
    await send(body(b"answer"))


@http_only
async def hints_while_it_waits(scope, receive, send):
    await send(hints(LINK))
    await receive()  # the client sends its body once it has the hints
    await send(start())
    await send(body(b"answer"))


@http_only
async def hints_too_late(scope, receive, send):
    await send(start())
    await send(body(b"first", True))
    await receive()
    await send(hints(LINK))
    await send(body(b" second"))


@http_only
async def bad_hints(scope, receive, send):
    for links in [[b"a\r\nset-cookie: b"], ["text"], None]:
        try:
            await send({"type": "http.response.early_hint", "links": links})
        except (TypeError, ValueError) as error:
            note("refused", kind=type(error).__name__)
    try:
        await send({"type": "http.response.early_hint"})
    except ValueError:
        note("refused", kind="nothing")
    await send(start())
    await send(body(b"answer"))
    try:
        await send(hints(LINK))
    except RuntimeError:
        note("refused", kind="late")


# Trailers.


def trailers(*headers, more=False):
    return {"type": "http.response.trailers", "headers": list(headers), "more_trailers": more}


@http_only
async def with_trailers(scope, receive, send):
    headers = [length(6)] if scope["path"] == "/sized" else []
    await send(start(*headers, trailers=True))
    await send(body(b"answer"))
    await send(trailers((b"x-checksum", b"abc"), more=True))
    await send(trailers((b"x-count", b"6")))
    note("done")


@http_only
async def late_trailers(scope, receive, send):
    await send(start(trailers=True))
    await send(body(b"answer"))
    await receive()  # the client sends its body once it has the response's
    await send(trailers((b"x-checksum", b"abc")))


@http_only
async def without_its_trailers(scope, receive, send):
    await send(start(trailers=True))
    await send(body(b"answer"))


@http_only
async def bad_trailers(scope, receive, send):
    async def refused(name, message):
        try:
            await send(message)
        except (RuntimeError, ValueError) as error:
            note(name, kind=type(error).__name__)

    await refused("first", trailers())
    await send(start(trailers=True))
    await refused("before the body", trailers())
    await send(body(b"answer"))
    await refused("a second body", body(b"more"))
    await refused("framing", trailers((b"Content-Length", b"3")))
    await refused("injection", trailers((b"x", b"a\r\nb: c")))
    await send(trailers((b"x-checksum", b"abc")))
    await refused("after the last", trailers())


@http_only
async def unpromised_trailers(scope, receive, send):
    await send(start())
    await send(body(b"answer", True))
    try:
        await send(trailers((b"x", b"y")))
    except RuntimeError:
        note("refused")
    await send(body(b""))


# Files.

FILES = Path(tempfile.mkdtemp(prefix="rgunicorn-files-"))


def content(size):
    return bytes(index * 31 % 251 for index in range(min(size, 65536))) * (size // 65536 + 1)


def file(size):
    path = FILES / f"{size}.bin"
    if not path.exists():
        path.write_bytes(content(size)[:size])
    return path


@http_only
async def path_send(scope, receive, send):
    size = int(scope["path"].strip("/"))
    headers = [length(size)] if scope["query_string"] != b"bare" else []
    await send(start(*headers))
    await send({"type": "http.response.pathsend", "path": str(file(size))})
    note("sent")


@http_only
async def path_that_grew(scope, receive, send):
    await send(start(length(100_000)))
    await send({"type": "http.response.pathsend", "path": str(file(200_000))})


@http_only
async def path_that_shrank(scope, receive, send):
    await send(start(length(100_001)))
    await send({"type": "http.response.pathsend", "path": str(file(100_000))})


@http_only
async def cut_while_sent(scope, receive, send):
    path = FILES / "cut.bin"
    if scope["path"] == "/where":
        await send(start())
        return await send(body(str(path).encode()))
    path.write_bytes(bytes(50_000_000))
    await send(start(length(50_000_000)))
    try:
        await send({"type": "http.response.pathsend", "path": str(path)})
    except OSError:
        note("told")


@http_only
async def broken_off_and_cut(scope, receive, send):
    """Fails while much of a file waits for the client, which then becomes shorter."""
    path = FILES / "cut.bin"
    path.touch()
    os.truncate(path, 1 << 30)
    await send(start())
    with open(path, "rb") as stream:
        send({"type": "http.response.zerocopysend", "file": stream, "more_body": True})
    asyncio.get_running_loop().call_soon(os.truncate, path, 0)
    raise RuntimeError("in the middle")


@http_only
async def bad_path(scope, receive, send):
    os.mkfifo(FILES / "fifo") if not (FILES / "fifo").exists() else None
    paths = {"/missing": FILES / "nothing", "/directory": FILES, "/fifo": FILES / "fifo", "/number": None}
    path = paths[scope["path"]]
    await send(start())
    await send({"type": "http.response.pathsend", "path": path and str(path)})


@http_only
async def path_after_body(scope, receive, send):
    await send(start())
    await send(body(b"a part", True))
    try:
        await send({"type": "http.response.pathsend", "path": str(file(10))})
    except RuntimeError:
        note("refused")
    await send(body(b""))
    try:
        await send({"type": "http.response.pathsend", "path": str(file(10))})
    except RuntimeError:
        note("refused again")


@http_only
async def zero_copy(scope, receive, send):
    with open(file(300_000), "rb") as stream:
        await send(start())
        await send(body(b"<", True))
        stream.seek(100_000, os.SEEK_SET)
        part = {"type": "http.response.zerocopysend", "file": stream, "more_body": True}
        await send({**part, "count": 50})
        await send({**part, "count": 100_000})  # goes on where the last one ended
        note("position", at=os.lseek(stream.fileno(), 0, os.SEEK_CUR))
        await send(body(b"|", True))
        await send({**part, "offset": 299_990, "count": 1000})
        await send({**part, "offset": 400_000})
        await send({**part, "offset": 0, "count": 20_000, "more_body": False})
    note("closed", closed=stream.closed)


@http_only
async def zero_copy_of_a_number(scope, receive, send):
    await send(start())
    for given in [{}, {"file": 5}, {"file": None}]:
        try:
            await send({"type": "http.response.zerocopysend", **given})
        except (AttributeError, ValueError) as error:
            note("refused", kind=type(error).__name__)
    with open(file(100), "rb") as stream:
        for wrong in [{"offset": -1}, {"count": "x"}]:
            try:
                await send({"type": "http.response.zerocopysend", "file": stream, **wrong})
            except ValueError as error:
                note("refused", kind=str(error))
    await send(body(b"answer"))


# Debug information.


@http_only
async def debug(scope, receive, send):
    offered = "http.response.debug" in scope["extensions"]
    if offered:
        await send({"type": "http.response.debug", "info": {"template": object(), "context": {"secret": 1}}})
    await send(start())
    await send(body(b"offered" if offered else b"not offered"))
