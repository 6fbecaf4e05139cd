"""Writes down every call and answers each with what it wrote. GET /ledger tears the page off."""

import json

from control import http_only, read_body, respond

page = []


@http_only
async def app(scope, receive, send):
    if scope["path"] == "/ledger":
        taken, page[:] = list(page), [call for call in page if call["open"]]
        return await respond(send, json.dumps(taken).encode())
    call = entry(scope)
    page.append(call)
    try:
        call["body"] = (await read_body(receive)).decode("latin-1")
        await respond(send, json.dumps(call).encode())
    except AssertionError:
        pass  # the body broke off: it stays None
    finally:
        call["open"] = False


def entry(scope):
    def fields(name):
        return [value.decode("latin-1") for field, value in scope["headers"] if field == name]

    query = scope["query_string"]
    return {
        "method": scope["method"],
        "path": (scope["raw_path"] + (b"?" + query if query else b"")).decode(),
        "hosts": fields(b"host"),
        "ids": fields(b"x-request-id"),
        "client_port": scope["client"][1],
        "body": None,
        "open": True,
    }
