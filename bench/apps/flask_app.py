"""A small Flask application: a path parameter, a query parameter and a dict as JSON."""

from flask import Flask, Response, request

app = Flask(__name__)
app.json.sort_keys = False  # type: ignore[attr-defined]
app.json.compact = True  # type: ignore[attr-defined]


@app.get("/items/<int:item_id>")
def read_item(item_id: int) -> Response:
    item = {"item_id": item_id, "name": request.args["name"], "tags": ["a", "b"], "in_stock": True}
    response = app.json.response(item)
    response.set_data(response.get_data().rstrip())
    return response
