"""The clients of a soak, one process of them: python -m soak.clients HOST PORT SECONDS SEED WORKER_CLASS

Good clients keep a connection, send one request after another and compare every answer byte for byte; any error is a
failure. Bad clients do each what no client should, on a connection of their own. Prints a JSON object when all are gone.
"""

import asyncio
import json
import random
import re
import socket
import struct
import sys
from collections import Counter

import httpx
from smuggling import probes
from soak.content import SIZES, content

GOOD, HASTY, SLOW = 16, 8, 24
DEADLINE = 60.0
CHUNKED = "transfer-encoding: chunked"
REFUSED = [probe.sent for probe in probes().values() if not probe.calls and not probe.unfinished]
ITEMS = [{"name": f"item {n}", "tags": ["a", "ü"] * n, "price": n / 4} for n in range(5)]


class Wrong(Exception):
    """Not the answer to what was asked."""


class Wire:
    """One connection."""

    def __init__(self, address, **security):
        self.address = address
        self.security = security  # as asyncio.open_connection has it
        self.reader = self.writer = None

    async def open(self, receive_buffer=None):
        wire = socket.socket()
        if receive_buffer:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        wire.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(wire, self.address)
            self.reader, self.writer = await asyncio.open_connection(sock=wire, limit=1 << 20, **self.security)
        except BaseException:
            wire.close()
            raise
        return self

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def read_answer(self):
        """Head in lower case, and body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200 "):
            raise Wrong(head)
        if b"\r\ntransfer-encoding: chunked\r\n" not in head:
            length = head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
            return head, await self.reader.readexactly(int(length))
        parts = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append((await self.reader.readexactly(size + 2))[:-2])
        if await self.reader.readexactly(2) != b"\r\n":
            raise Wrong("the last chunk has no end")
        return head, b"".join(parts)

    async def expect(self, body):
        _, found = await self.read_answer()
        compare(found, body)

    def close(self):
        if self.writer:
            self.writer.close()

    def leave(self, how):
        """By a FIN, or by a RST."""
        if how == "reset":
            wire = self.writer.get_extra_info("socket")
            if not wire:
                return  # over TLS: the server was first
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
        else:
            self.writer.close()


def compare(found, expected):
    if found != expected:
        raise Wrong(f"{len(found)} bytes {found[:40]!r} for {len(expected)} bytes {expected[:40]!r}")


def request(method, path, body=None, *fields):
    length = [] if body is None else [f"content-length: {len(body)}"]
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: soak", *length, *fields, "", ""]).encode() + (body or b"")


def chunks(body, random):
    """`body` in chunks of any size, without the last one."""
    start = 0
    while start < len(body):
        size = min(random.choice((1, 100, 5_000, 50_000)), len(body) - start)
        yield b"%x\r\n%s\r\n" % (size, body[start : start + size])
        start += size


def json_body(item):
    return json.dumps(item).encode()


def total_of(item):
    """What FastAPI answers to an item, to the byte."""
    answer = {"item": item, "length": len(item["tags"])}
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


class Clients:
    def __init__(self, address, seed, worker_class):
        self.address = address
        # One that does not read holds up everybody else in a sync worker, until it is given up.
        self.endless = 0.02 if worker_class == "sync" else 0.5
        self.random = random.Random(seed)
        self.answered, self.provoked, self.failures = Counter(), Counter(), []
        self.ending = asyncio.Event()

    async def run(self, seconds):
        good = [self.good() for _ in range(GOOD)]
        hasty = [self.leave_while_sending, self.leave_while_reading, self.half_closed, self.malformed]
        slow = [self.half_a_request, self.stop_reading]
        bad = [self.bad(hasty) for _ in range(HASTY)] + [self.bad(slow) for _ in range(SLOW)]
        asyncio.get_running_loop().call_later(seconds, self.ending.set)
        await asyncio.gather(*good, *bad, self.library())

    def wire(self):
        return Wire(self.address)

    def size(self):
        return self.random.choice(SIZES)

    def body(self):
        return content(self.size(), self.random.randrange(251))

    async def pause(self, seconds):
        """Until the time has passed or the soak ends."""
        try:
            await asyncio.wait_for(self.ending.wait(), seconds)
        except asyncio.TimeoutError:
            pass

    # Good clients.

    async def good(self):
        kinds = [self.echo, self.stream, self.file, self.item, self.pipeline]
        wire = None
        while not self.ending.is_set():
            kind = self.random.choice(kinds)
            try:
                wire = wire or await Wire(self.address).open()
                await asyncio.wait_for(kind(wire), DEADLINE)
                self.answered[kind.__name__] += 1
                done = self.random.random() < 0.02
            except (Wrong, OSError, EOFError, ValueError, asyncio.TimeoutError) as error:
                self.failures.append(f"{kind.__name__}: {error!r}"[:300])
                done = True
            if done and wire:
                wire.close()
                wire = None
        if wire:
            wire.close()

    async def echo(self, wire):
        body = self.body()
        await wire.send(request("POST", "/echo", body))
        await wire.expect(body)

    async def stream(self, wire):
        """Both ways at once: the answer begins before the body has ended."""
        body = self.body()
        await wire.send(request("POST", "/stream", None, CHUNKED, f"x-length: {len(body)}"))
        answer = asyncio.ensure_future(wire.expect(body))
        try:
            for chunk in chunks(body, self.random):
                await wire.send(chunk)
            await wire.send(b"0\r\n\r\n")
            await answer
        finally:
            answer.cancel()

    async def file(self, wire):
        size = self.size()
        await wire.send(request("GET", f"/file/{size}"))
        await wire.expect(content(size))

    async def item(self, wire):
        item = self.random.choice(ITEMS)
        await wire.send(request("POST", "/items", json_body(item), "content-type: application/json"))
        await wire.expect(total_of(item))

    async def pipeline(self, wire):
        bodies = [content(self.random.choice((0, 10, 3_000)), n) for n in range(self.random.randint(2, 12))]
        await wire.send(b"".join(request("POST", "/echo", body) for body in bodies))
        for body in bodies:
            await wire.expect(body)

    async def library(self):
        """The same by httpx."""
        host, port = self.address
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=DEADLINE) as client:
            while not self.ending.is_set():
                body, item = self.body(), self.random.choice(ITEMS)
                try:
                    compare((await client.post("/echo", content=body)).content, body)
                    compare((await client.post("/stream", content=in_parts(body))).content, body)
                    compare((await client.post("/items", json=item)).content, total_of(item))
                    self.answered["httpx"] += 3
                except (Wrong, httpx.HTTPError) as error:
                    self.failures.append(f"httpx: {error!r}"[:300])

    # Bad clients.

    async def bad(self, kinds):
        while not self.ending.is_set():
            kind = self.random.choice(kinds)
            wire = self.wire()
            try:
                await asyncio.wait_for(kind(wire), DEADLINE)
            except Wrong as error:
                self.failures.append(f"{kind.__name__}: {error!r}"[:300])
            except asyncio.TimeoutError:
                self.failures.append(f"{kind.__name__}: not over in {DEADLINE} s")
            except (OSError, EOFError):
                pass  # the server may end such a connection at any time
            self.provoked[kind.__name__] += 1
            wire.close()

    def any_request(self):
        """A whole request of any kind."""
        body = self.body()
        return self.random.choice(
            [
                request("POST", "/echo", body),
                request("POST", "/stream", body),
                request("POST", "/echo", None, CHUNKED, f"x-length: {len(body)}")
                + b"".join(chunks(body, self.random))
                + b"0\r\n\r\n",
                request("POST", "/items", json_body(ITEMS[4]), "content-type: application/json"),
                request("GET", f"/file/{self.size()}"),
                request("POST", "/echo", b"x") * 30,
            ]
        )

    def cut(self, sent):
        """The beginning of `sent`, with the cut in the head as often as in the body."""
        head = sent.index(b"\r\n\r\n") + 4
        return sent[: self.random.randrange(1, head if self.random.random() < 0.5 else len(sent))]

    def leave(self, wire):
        wire.leave(self.random.choice(("close", "reset")))

    async def leave_while_sending(self, wire):
        await wire.open()
        await wire.send(self.cut(self.any_request()))
        await self.pause(self.random.choice((0, 0.01, 0.1)))
        self.leave(wire)

    async def leave_while_reading(self, wire):
        await wire.open()
        await wire.send(self.random.choice([self.any_request(), request("GET", "/endless")]))
        for _ in range(self.random.randrange(30)):
            try:
                await asyncio.wait_for(wire.reader.read(self.random.choice((1, 1_000, 100_000))), 0.1)
            except asyncio.TimeoutError:
                break  # that was all of the answer
        self.leave(wire)

    async def half_a_request(self, wire):
        """Long enough, at times, for the server to end it."""
        await wire.open()
        await wire.send(self.cut(self.any_request()))
        await self.pause(self.random.choice((0.1, 1, 5, 35)))
        self.leave(wire)

    async def half_closed(self, wire):
        await wire.open()
        await wire.send(self.any_request())
        wire.writer.write_eof()
        while await wire.reader.read(100_000):
            pass

    async def stop_reading(self, wire):
        await wire.open(receive_buffer=4096)
        path = "/endless" if self.random.random() < self.endless else f"/file/{SIZES[-1]}"
        await wire.send(request("GET", path))
        await wire.reader.readuntil(b"\r\n\r\n")
        wire.writer.transport.pause_reading()
        await self.pause(self.random.choice((0.1, 1, 5, 15)))
        if path == "/endless":
            return self.leave(wire)
        wire.writer.transport.resume_reading()
        compare(await wire.reader.readexactly(SIZES[-1]), content(SIZES[-1]))

    async def malformed(self, wire):
        await wire.open()
        sent = self.random.choice(REFUSED)
        await wire.send(self.random.choice([b"", request("POST", "/echo", b"x")]) + sent)
        answer = await wire.reader.read()
        statuses = re.findall(rb"HTTP/1\.1 (\d)", answer)
        if statuses and statuses[-1] not in (b"4", b"5"):
            raise Wrong(f"{sent!r} was answered {answer!r}")


async def in_parts(body):
    for start in range(0, len(body), 40_000):
        yield body[start : start + 40_000]


def print_outcome(kind, host, port, seconds, seed, worker_class):
    async def run():
        clients = kind((host, int(port)), seed, worker_class)
        await clients.run(float(seconds))
        return clients

    clients = asyncio.run(run())
    print(json.dumps({name: getattr(clients, name) for name in ("answered", "provoked", "failures")}))


if __name__ == "__main__":
    print_outcome(Clients, *sys.argv[1:])
