"""A FastAPI site that uses what FastAPI services use. Served by tests/frameworks/test_fastapi.py."""

import asyncio
import hashlib
import os
import resource
import threading
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, File, Form, Header, HTTPException, Query, Request, UploadFile
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field

closed: list[str] = []


@asynccontextmanager
async def lifespan(app: FastAPI):
    yield {"database": {"opened_by": os.getpid()}}
    if path := os.environ.get("LIFESPAN_END"):
        with open(path, "a") as file:
            file.write(f"{os.getpid()} shut down\n")


app = FastAPI(lifespan=lifespan)
app.add_middleware(CORSMiddleware, allow_origins=["https://example.org"])


class Dimensions(BaseModel):
    width: float = Field(gt=0)
    height: float = Field(gt=0)


class Item(BaseModel):
    name: str
    tags: set[str] = set()
    size: Dimensions | None = None


class Teapot(Exception):
    pass


@app.exception_handler(Teapot)
async def teapot(request: Request, error: Teapot) -> PlainTextResponse:
    return PlainTextResponse("I am a teapot", status_code=418)


@app.middleware("http")
async def count_the_answer(request: Request, call_next):
    response = await call_next(request)
    response.headers["x-middleware"] = f"{request.method} {request.url.path}"
    return response


@app.get("/items/{item_id}")
async def read_item(
    item_id: int, q: Annotated[str | None, Query(max_length=5)] = None, tag: Annotated[list[str], Query()] = []
):
    return {"item_id": item_id, "q": q, "tags": tag}


@app.get("/files/{path:path}")
async def read_path(path: str):
    return {"path": path}


@app.post("/items", status_code=201)
async def create_item(item: Item) -> Item:
    return item


@app.put("/items/{item_id}")
async def replace_item(item_id: int, item: Item):
    return {"item_id": item_id, **item.model_dump(mode="json")}


@app.delete("/items/{item_id}", status_code=204)
async def delete_item(item_id: int) -> None:
    return None


@app.post("/login")
async def login(username: Annotated[str, Form()], password: Annotated[str, Form(min_length=3)]):
    return {"username": username, "length": len(password)}


@app.post("/upload")
async def upload(document: Annotated[UploadFile, File()], note: Annotated[str, Form()] = ""):
    """Starlette has spooled the file to disk by now; read it back in pieces."""
    digest, size = hashlib.sha256(), 0
    while chunk := await document.read(256 * 1024):
        digest.update(chunk)
        size += len(chunk)
    return {"name": document.filename, "size": size, "sha256": digest.hexdigest(), "note": note}


@app.put("/hash")
async def hash_body(request: Request):
    digest, size, largest = hashlib.sha256(), 0, 0
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
        largest = max(largest, len(chunk))
    return {"size": size, "sha256": digest.hexdigest(), "largest_chunk": largest}


@app.get("/memory")
async def memory() -> int:
    """The most memory this worker has ever held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@app.get("/teapot")
async def raise_a_handled_error():
    raise Teapot


@app.get("/missing")
async def raise_an_http_error():
    raise HTTPException(404, detail="no such thing", headers={"x-reason": "test"})


@app.get("/bug")
async def raise_an_unhandled_error():
    raise RuntimeError("a bug in the endpoint")


@app.get("/cookies")
async def cookies(request: Request):
    response = JSONResponse(request.cookies)
    response.set_cookie("a", "1", httponly=True)
    response.set_cookie("b", "2")
    return response


@app.get("/headers")
async def headers(x_token: Annotated[list[str], Header()]):
    return x_token


async def resource_of_the_request():
    try:
        yield "open"
    finally:
        closed.append("closed")


@app.get("/dependency")
async def dependency(value: Annotated[str, Depends(resource_of_the_request)]):
    return {"value": value, "closed": len(closed)}


def blocking_dependency() -> int:
    return threading.get_native_id()


@app.get("/threads")
def thread_of_a_plain_function(dependency: Annotated[int, Depends(blocking_dependency)]):
    return {"endpoint": threading.get_native_id(), "dependency": dependency, "main": os.getpid()}


@app.get("/rendezvous")
def wait_for_one_another():
    """Returns once as many requests are here as MEETING asks for: they must run at the same time."""
    meeting.wait(timeout=30)
    return threading.get_native_id()


meeting = threading.Barrier(int(os.environ.get("MEETING", "1")))


@app.get("/state")
async def state(request: Request):
    return {"opened_by": request.state.database["opened_by"], "pid": os.getpid()}


released = asyncio.Event()
noted = asyncio.Event()
notes: list[str] = []


async def note(text: str):
    await released.wait()
    notes.append(text)
    noted.set()


@app.post("/note/{text}")
async def note_later(text: str, background: BackgroundTasks, request: Request):
    """Answers at once; the note is taken when /release has been called."""
    background.add_task(note, text)
    return request.client.port


@app.post("/release")
async def release(request: Request):
    released.set()
    return request.client.port


@app.get("/notes")
async def read_notes() -> list[str]:
    await noted.wait()
    return notes


@app.get("/stream")
async def stream(count: int):
    async def lines():
        for number in range(count):
            yield f"{number}\n"

    return StreamingResponse(lines(), media_type="text/plain")


@app.get("/stream-blocking")
def stream_blocking(count: int):
    return StreamingResponse((f"{number}\n" for number in range(count)), media_type="text/plain")
