"""A small FastAPI service: validation, an `async def` and a `def` endpoint, work after the response.

Start it from the repository's folder and try it:

    pip install fastapi
    rgunicorn -k asgi examples.fastapi_app:app
    curl http://127.0.0.1:8000/items/7?q=tea
    curl http://127.0.0.1:8000/orders -H 'content-type: application/json' -d '{"item": 7, "amount": 2}'
"""

import logging

from fastapi import BackgroundTasks, FastAPI
from pydantic import BaseModel, PositiveInt

app = FastAPI(title="Orders")
logger = logging.getLogger(__name__)


class Order(BaseModel):
    item: int
    amount: PositiveInt


@app.get("/items/{item_id}")
async def read_item(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    """Runs on the worker's event loop."""
    return {"item": item_id, "q": q}


@app.get("/total")
def total(amount: int, price: float) -> dict[str, float]:
    """A plain function: runs on a thread, so it may block."""
    return {"total": amount * price}


@app.post("/orders", status_code=201)
async def create_order(order: Order, background: BackgroundTasks) -> Order:
    background.add_task(logger.info, "order for %d x item %d", order.amount, order.item)
    return order
