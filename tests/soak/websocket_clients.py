"""The clients of a soak with WebSockets, one process of them: python -m soak.websocket_clients HOST PORT SECONDS SEED KIND

Good clients keep a connection, send messages and compare every answer; any error is a failure. Bad ones vanish, stop reading, send
pings only, and break rules. A client that vanished is one that neither answers pings nor reads, and never says goodbye. Some of each
kind speak HTTP/1.1, others HTTP/2, and all of them over TLS with the kind websocket-tls.
"""

import asyncio
import ssl
import sys

import websockets
from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, UPGRADE, close, frame
from soak.clients import DEADLINE, HASTY, SLOW, Clients, Wire, Wrong, compare, print_outcome
from soak.content import SIZES, content
from soak.websocket_streams import Http2

GOOD = 12
HTTP2 = 0.4  # so many of all connections
GIVEN_UP = 15.0  # seconds after which a client that vanished must have been noticed, by pings or by a full socket
FLOOD = 30_000  # pings, more than anybody may send at once
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


class StreamSocket(Socket):
    """A WebSocket on a stream of HTTP/2, mostly the only one of its connection."""

    connection = None

    async def upgrade(self, path, **options):
        await self.open(**options)
        self.connection = Http2(self.reader, self.writer)
        return await self.begin(path)

    async def begin(self, path):
        self.stream, self.reader = await self.connection.ask(path)
        return self

    def beside(self):
        """One more on the same connection."""
        other = StreamSocket(self.address)
        other.connection, other.writer = self.connection, self.writer
        return other

    async def send(self, data):
        await self.connection.send(self.stream, data)

    def close(self):
        if self.connection:
            self.connection.close()
        super().close()


class WebSockets(Clients):
    def __init__(self, address, seed, worker_class):
        super().__init__(address, seed, worker_class)
        self.is_secure = worker_class == "websocket-tls"

    async def run(self, seconds):
        good = [self.good() for _ in range(GOOD)]
        hasty = [
            self.leave_within,
            self.broken,
            self.denied,
            self.goodbye_at_once,
            self.noise_after_goodbye,
            self.flood,
        ]
        slow = [self.vanish, self.vanish_for_good, self.stop_reading, self.pings_only, self.pings_and_pongs]
        slow += [self.stalled, self.half_a_message]
        bad = [self.bad(hasty) for _ in range(HASTY)] + [self.bad(slow) for _ in range(SLOW)]
        asyncio.get_running_loop().call_later(seconds, self.ending.set)
        await asyncio.gather(*good, *bad, self.library(), self.library(), self.several(), self.several())

    def wire(self):
        if self.random.random() < HTTP2:
            return StreamSocket(self.address, **self.security("h2"))
        return Socket(self.address, **self.security("http/1.1"))

    def security(self, protocol):
        """Whoever sent which bytes is looked at here, not who signed what."""
        if not self.is_secure:
            return {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        return {"ssl": context, "server_hostname": "localhost"}

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

    async def several(self):
        """Beside each other on one connection, whose other streams come and go."""
        while not self.ending.is_set():
            first = StreamSocket(self.address, **self.security("h2"))
            try:
                await asyncio.wait_for(first.upgrade("/echo"), DEADLINE)
                for _ in range(10):
                    beside = [self.burst_beside(first) for _ in range(4)]
                    await asyncio.wait_for(asyncio.gather(self.burst(first), *beside), DEADLINE)
                    self.answered["several"] += len(beside) + 1
            except (Wrong, OSError, EOFError, asyncio.TimeoutError) as error:
                self.failures.append(f"several: {error!r}"[:300])
            first.close()

    async def burst_beside(self, first):
        other = await first.beside().begin("/echo")
        await self.burst(other)
        await other.send(close(1000))
        while (await other.read_frame())[0] != CLOSE:
            pass

    async def library(self):
        """The same by websockets, with compression."""
        host, port = self.address
        secured = self.security("http/1.1")
        scheme = "wss" if secured else "ws"
        while not self.ending.is_set():
            try:
                async with websockets.connect(f"{scheme}://{host}:{port}/echo", max_size=None, **secured) as ws:
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
        while (said := await socket.read_frame())[0] == PING:
            pass
        if said[0] != CLOSE:
            raise Wrong(f"not closed, but {said!r}")
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

    async def vanish_for_good(self, socket):
        """The same, until it has been given up: then everything that was sent, and the end, can be read."""
        await socket.upgrade(self.any_path(), receive_buffer=4096)
        await socket.send(frame(TEXT, b"last words"))
        socket.writer.transport.pause_reading()
        await asyncio.sleep(GIVEN_UP)
        socket.writer.transport.resume_reading()
        await socket.reader.read()

    async def flood(self, socket):
        """Pings without end, which are to be its end."""
        await socket.upgrade("/echo")
        sending = asyncio.ensure_future(socket.send(frame(PING) * FLOOD))
        try:
            while (said := await socket.read_frame())[0] in (PING, PONG):
                pass
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        if said[0] != CLOSE or said[1][:2] != (1008).to_bytes(2, "big"):
            raise Wrong(f"not closed for a flood, but {said!r}")

    async def pings_and_pongs(self, socket):
        """Says nothing else for longer than silence would be borne."""
        await socket.upgrade("/echo")
        for number in range(20):
            await socket.send(frame(PING, b"%d" % number))
            while (said := await socket.read_frame()) != (PONG, b"%d" % number):
                if said[0] != PING:
                    raise Wrong(f"no pong, but {said!r}")
            await self.pause(0.5)
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
        try:
            for _ in range(self.random.randrange(200)):
                await asyncio.wait_for(socket.send(frame(PING, b"x" * 125) * 100), 5)
        except asyncio.TimeoutError:
            pass  # over HTTP/2 it has not read that it may send more
        self.leave(socket)

    async def stalled(self, socket):
        """Says more than the application takes."""
        await socket.upgrade("/stall")
        try:
            for _ in range(100):
                await asyncio.wait_for(
                    socket.send(frame(BINARY, content(self.random.choice((10, 4_000, 70_000))))), 0.5
                )
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
