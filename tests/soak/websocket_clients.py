"""The clients of a soak with WebSockets, one process of them: python -m soak.websocket_clients HOST PORT SECONDS SEED KIND

Good clients keep a connection, send messages and compare every answer; any error is a failure. Bad ones vanish, stop reading, send
pings only, and break rules. A client that vanished is one that neither answers pings nor reads, and never says goodbye.
"""

import asyncio
import sys

import websockets
from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, UPGRADE, close, frame
from soak.clients import DEADLINE, HASTY, SLOW, Clients, Wire, Wrong, compare, print_outcome
from soak.content import SIZES
from soak.content import content

GOOD = 12
BROKEN = [
    frame(TEXT, b"x", mask=b""),
    frame(3),
    frame(PING, b"x" * 126),
    frame(CONTINUATION),
    frame(TEXT, b"\xff"),
    frame(CLOSE, b"\3"),
    frame(BINARY, b"x", reserved=7),
    close(1005),
    b"GET / HTTP/1.1\r\nhost: soak\r\n\r\n",
]


class Socket(Wire):
    """An upgraded connection."""

    async def upgrade(self, path, *headers, **options):
        await self.open(**options)
        lines = [f"GET {path} HTTP/1.1", "host: soak", *UPGRADE, *headers, "", ""]
        await self.send("\r\n".join(lines).encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise Wrong(head)
        return self

    async def read_frame(self):
        first, length = await self.reader.readexactly(2)
        if length >= 126:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        return first & 15, await self.reader.readexactly(length)

    async def read_message(self):
        """The next message; pings before it are answered."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode in (TEXT, BINARY):
                return payload
            if opcode == CLOSE:
                raise Wrong(f"closed: {payload!r}")
            if opcode == PING:
                await self.send(frame(PONG, payload))


class WebSockets(Clients):
    async def run(self, seconds):
        good = [self.good() for _ in range(GOOD)]
        hasty = [self.leave_within, self.broken, self.denied, self.goodbye_at_once, self.noise_after_goodbye]
        slow = [self.vanish, self.stop_reading, self.pings_only, self.stalled, self.half_a_message]
        bad = [self.bad(hasty) for _ in range(HASTY)] + [self.bad(slow) for _ in range(SLOW)]
        asyncio.get_running_loop().call_later(seconds, self.ending.set)
        await asyncio.gather(*good, *bad, self.library(), self.library())

    def wire(self):
        return Socket(self.address)

    def size(self):
        """Not the largest: whether many of them meet in memory would be chance, and hide what grows."""
        return self.random.choice(SIZES[:-1])

    # Good clients.

    async def good(self):
        kinds = [self.echo, self.fragments, self.burst, self.room]
        while not self.ending.is_set():
            kind = self.random.choice(kinds)
            wire = self.wire()
            try:
                await asyncio.wait_for(wire.upgrade("/rooms" if kind == self.room else "/echo"), DEADLINE)
                for _ in range(self.random.randint(1, 50)):
                    await asyncio.wait_for(kind(wire), DEADLINE)
                    self.answered[kind.__name__] += 1
                await wire.send(close(1000))
                while (await asyncio.wait_for(wire.read_frame(), DEADLINE))[0] != CLOSE:
                    pass
                self.answered["goodbye"] += 1
            except (Wrong, OSError, EOFError, asyncio.TimeoutError) as error:
                self.failures.append(f"{kind.__name__}: {error!r}"[:300])
            wire.close()

    async def echo(self, socket):
        body = self.body()
        await socket.send(frame(BINARY, body))
        compare(await socket.read_message(), body)

    async def fragments(self, socket):
        body = content(self.random.choice((0, 10, 3_000, 70_000)), self.random.randrange(251))
        middle = self.random.randint(0, len(body))
        await socket.send(frame(BINARY, body[:middle], last=False) + frame(PING, b"?"))
        await socket.send(frame(CONTINUATION, body[middle:]))
        compare(await socket.read_message(), body)

    async def burst(self, socket):
        bodies = [content(self.random.choice((0, 10, 3_000)), n) for n in range(self.random.randint(2, 60))]
        await socket.send(b"".join(frame(BINARY, body) for body in bodies))
        for body in bodies:
            compare(await socket.read_message(), body)

    async def room(self, socket):
        words = b"%d %d" % (id(socket), self.random.randrange(1 << 60))
        await socket.send(frame(TEXT, words))
        while await socket.read_message() != words:
            pass

    async def library(self):
        """The same by websockets, with compression."""
        host, port = self.address
        while not self.ending.is_set():
            try:
                async with websockets.connect(f"ws://{host}:{port}/echo", max_size=None) as ws:
                    for _ in range(20):
                        body = self.body()
                        await ws.send(body)
                        compare(await asyncio.wait_for(ws.recv(), DEADLINE), body)
                        self.answered["websockets"] += 1
            except (Wrong, OSError, asyncio.TimeoutError, websockets.WebSocketException) as error:
                self.failures.append(f"websockets: {error!r}"[:300])

    # Bad clients.

    def any_path(self):
        return self.random.choice(("/echo", "/endless", "/rooms", "/stall"))

    async def leave_within(self, socket):
        await socket.upgrade(self.any_path())
        sent = frame(BINARY, self.body())
        await socket.send(sent[: self.random.randrange(len(sent) + 1)])
        await self.pause(self.random.choice((0, 0.01, 0.1)))
        self.leave(socket)

    async def broken(self, socket):
        await socket.upgrade("/echo")
        await socket.send(self.random.choice(BROKEN) + frame(TEXT, b"not heard"))
        opcode, _ = await socket.read_frame()
        if opcode != CLOSE:
            raise Wrong(f"not closed, but {opcode}")
        await socket.reader.read()

    async def denied(self, socket):
        try:
            await socket.upgrade("/deny")
        except Wrong as denied:
            if b"403" in denied.args[0]:
                return
        raise Wrong("not denied")

    async def goodbye_at_once(self, socket):
        await socket.upgrade(self.any_path())
        await socket.send(close(1001))
        self.leave(socket)

    async def noise_after_goodbye(self, socket):
        await socket.upgrade("/echo")
        await socket.send(close(1000) + frame(TEXT, b"late") + b"\xff" * 10_000)
        await socket.reader.read()

    async def vanish(self, socket):
        """Says nothing any more until the server gives it up."""
        await socket.upgrade(self.any_path(), receive_buffer=4096)
        await socket.send(frame(TEXT, b"last words"))
        socket.writer.transport.pause_reading()
        await self.pause(self.random.choice((0.1, 1, 5, 15)))
        self.leave(socket)

    async def stop_reading(self, socket):
        await socket.upgrade("/endless", receive_buffer=4096)
        socket.writer.transport.pause_reading()
        await self.pause(self.random.choice((0.1, 1, 5)))
        self.leave(socket)

    async def pings_only(self, socket):
        """And reads no pong."""
        await socket.upgrade("/echo", receive_buffer=4096)
        socket.writer.transport.pause_reading()
        for _ in range(self.random.randrange(200)):
            await asyncio.wait_for(socket.send(frame(PING, b"x" * 125) * 100), 5)
        self.leave(socket)

    async def stalled(self, socket):
        """Says more than the application takes."""
        await socket.upgrade("/stall")
        try:
            for _ in range(100):
                await asyncio.wait_for(socket.send(frame(BINARY, content(self.random.choice((10, 4_000, 70_000))))), 0.5)
        except asyncio.TimeoutError:
            pass
        self.leave(socket)

    async def half_a_message(self, socket):
        await socket.upgrade("/echo")
        await socket.send(frame(BINARY, self.body(), last=False))
        await self.pause(self.random.choice((0.1, 1, 5)))
        self.leave(socket)


if __name__ == "__main__":
    print_outcome(WebSockets, *sys.argv[1:])
