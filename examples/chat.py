"""Chat rooms in a browser with Starlette: who is in a room hears what is said there.

Start it from the repository's folder, open the page in two windows and say something:

    pip install starlette
    rgunicorn -k asgi examples.chat:app
    xdg-open http://127.0.0.1:8000/kitchen

Members live in the worker's memory, so there is one worker. With more of them, each hears of the others through a broker
such as Redis, as Django Channels does it.
"""

import asyncio
from collections import defaultdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

rooms: defaultdict[str, set[WebSocket]] = defaultdict(set)


async def broadcast(room: str, message: dict):
    """Tells everybody in a room. One who reads slowly makes nobody else wait."""
    members = [member.send_json(message) for member in rooms[room]]
    await asyncio.gather(*members, return_exceptions=True)


async def chat(websocket: WebSocket):
    room = websocket.path_params["room"]
    name = websocket.query_params.get("name", "somebody")
    await websocket.accept()
    rooms[room].add(websocket)
    await broadcast(room, {"joined": name, "members": len(rooms[room])})
    try:
        while True:
            await broadcast(room, {"name": name, "words": await websocket.receive_text()})
    except WebSocketDisconnect:
        pass
    finally:
        rooms[room].discard(websocket)
        await broadcast(room, {"left": name, "members": len(rooms[room])})


async def page(request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Chat</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
  ol { list-style: none; padding: 0 }
  .news { color: gray; font-style: italic }
  form { display: flex; gap: .5rem }
  input { flex: 1; font: inherit }
</style>
<h1></h1>
<ol></ol>
<form><input autofocus autocomplete="off" placeholder="Say something"><button>Say it</button></form>
<script>
  const room = decodeURIComponent(location.pathname.slice(1))
  const name = new URLSearchParams(location.search).get("name") || "guest " + Math.floor(Math.random() * 1000)
  const list = document.querySelector("ol"), input = document.querySelector("input")
  document.querySelector("h1").textContent = room
  let socket

  function show(text, kind = "") {
    const line = document.createElement("li")
    line.textContent = text
    line.className = kind
    list.append(line)
  }

  function connect() {
    const url = new URL("/rooms/" + encodeURIComponent(room) + "?name=" + encodeURIComponent(name), location)
    url.protocol = url.protocol.replace("http", "ws")
    socket = new WebSocket(url)
    socket.onmessage = ({ data }) => {
      const said = JSON.parse(data)
      if (said.words !== undefined) show(said.name + ": " + said.words)
      else show((said.joined || said.left) + (said.joined ? " joined" : " left") + ", " + said.members + " here", "news")
    }
    // 1012 is a server that begins anew: others may take over at once.
    socket.onclose = ({ code }) => {
      show("disconnected (" + code + ")", "news")
      setTimeout(connect, code === 1012 ? 100 : 2000)
    }
  }

  document.querySelector("form").onsubmit = event => {
    event.preventDefault()
    if (input.value) socket.send(input.value)
    input.value = ""
  }
  connect()
</script>
"""

app = Starlette(routes=[WebSocketRoute("/rooms/{room}", chat), Route("/{room}", page)])
