"""Datagram endpoints under test: on our loop, and on asyncio's, which does the same."""

import asyncio
import socket
import sys

import pytest
from rgunicorn import eventloop

LOOPS = {"ours": eventloop.new_event_loop, "asyncio": asyncio.SelectorEventLoop}
SENDS_EMPTY = sys.version_info >= (3, 13)


def needs_pauses(loop):
    """asyncio's own transports of datagrams cannot pause before Python 3.11."""
    if sys.version_info < (3, 11) and not isinstance(loop, eventloop.EventLoop):
        pytest.skip("asyncio's own cannot pause before Python 3.11")


def run_briefly(loop, turns=3):
    async def wait():
        for _ in range(turns):
            await asyncio.sleep(0)

    loop.run_until_complete(wait())


class Protocol(asyncio.DatagramProtocol):
    """Remembers what it was told."""

    def __init__(self):
        self.told, self.received = [], []
        self.changed = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport
        self.note("made", transport)

    def datagram_received(self, data, address):
        assert type(data) is bytes
        self.received.append((data, address))
        self.changed.set()

    def error_received(self, error):
        self.note("error", error)

    def pause_writing(self):
        self.note("pause", None)

    def resume_writing(self):
        self.note("resume", None)

    def connection_lost(self, error):
        self.note("lost", error)

    def note(self, *event):
        self.told.append(event)
        self.changed.set()

    def events(self):
        return [name for name, _ in self.told]


def endpoint(loop, factory=Protocol, **arguments):
    async def make():
        return await loop.create_datagram_endpoint(factory, **arguments)

    return loop.run_until_complete(make())


def until(loop, protocol, condition):
    async def wait():
        while not condition():
            protocol.changed.clear()
            await protocol.changed.wait()

    loop.run_until_complete(asyncio.wait_for(wait(), 30))


def close(loop, *transports):
    for transport in transports:
        transport.abort()
    run_briefly(loop)


def bound(family=socket.AF_INET, address=("127.0.0.1", 0), kind=socket.socket):
    sock = kind(family, socket.SOCK_DGRAM)
    sock.settimeout(30)
    sock.bind(address)
    return sock
