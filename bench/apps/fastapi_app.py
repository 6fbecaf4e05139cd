"""A small FastAPI application: a path parameter, a query parameter and a model as JSON."""

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(openapi_url=None)


class Item(BaseModel):
    item_id: int
    name: str
    tags: list[str]
    in_stock: bool = True


@app.get("/items/{item_id}")
async def read_item(item_id: int, name: str) -> Item:
    return Item(item_id=item_id, name=name, tags=["a", "b"])


@app.get("/threads/{item_id}")
def read_item_in_a_thread(item_id: int, name: str) -> Item:
    """The same on anyio's thread pool, because it is no coroutine function."""
    return Item(item_id=item_id, name=name, tags=["a", "b"])
