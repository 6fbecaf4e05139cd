"""A WebSocket client that shows a test the very frames the server sent, and sends whatever it is told to.

It checks what RFC 6455 asks of a server's frames: not masked, the shortest length. It answers nothing by itself.
"""

import base64
import hashlib
import os
import struct
from typing import NamedTuple

from client import Client, ProtocolError

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = base64.b64encode(hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
UPGRADE = ("connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13", f"sec-websocket-key: {KEY}")


class Frame(NamedTuple):
    opcode: int
    payload: bytes
    last: bool = True
    reserved: int = 0

    @property
    def code(self):
        """Of a close frame; None where it has none."""
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else None

    @property
    def reason(self):
        return self.payload[2:].decode()


def frame(opcode, payload=b"", last=True, reserved=0, mask=None):
    """A client's frame: masked, unless the mask is empty."""
    mask = os.urandom(4) if mask is None else mask
    first = last << 7 | reserved << 4 | opcode
    masked = bool(mask) << 7
    if len(payload) < 126:
        head = struct.pack("!BB", first, masked | len(payload))
    elif len(payload) < 1 << 16:
        head = struct.pack("!BBH", first, masked | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, masked | 127, len(payload))
    return head + mask + (apply(mask, payload) if mask else payload)


def apply(mask, payload):
    length = len(payload)
    repeated = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")


def text(words, **options):
    return frame(TEXT, words.encode(), **options)


def close(code=None, reason=b""):
    return frame(CLOSE, (struct.pack("!H", code) if code else b"") + reason)


class Talk:
    """What is said over whatever has `read_bytes` and `send`."""

    def read_frame(self):
        """The next frame, or None at the end of the connection."""
        head = self.read_bytes(2)
        if not head:
            return None
        first, length = head
        if length & 0x80:
            raise ProtocolError("a server masks no frame")
        least = 0
        if length >= 126:
            size, least = (2, 126) if length == 126 else (8, 1 << 16)
            length = int.from_bytes(self.read_bytes(size), "big")
        if length < least:
            raise ProtocolError("a length in more bytes than it needs")
        payload = self.read_bytes(length)
        if len(payload) < length:
            raise ProtocolError("the connection ended within a frame")
        return Frame(first & 15, payload, bool(first >> 7), first >> 4 & 7)

    def read_message(self):
        message = self.read_frame()
        assert message is not None and message.opcode in (TEXT, BINARY), message
        return message.payload.decode() if message.opcode == TEXT else message.payload

    def say(self, words):
        self.send(text(words))

    def expect_close(self, code, reason=None):
        """Reads a close frame, and with it the end of the connection."""
        goodbye = self.read_frame()
        assert goodbye is not None and (goodbye.opcode, goodbye.code) == (CLOSE, code), goodbye
        if reason is not None:
            assert goodbye.reason == reason
        return goodbye

    def expect_end(self):
        assert self.read_frame() is None


class RawSocket(Talk, Client):
    """One connection, upgraded unless told otherwise. Use it as a context manager."""

    def __init__(self, server, path="/", *headers, upgrade=UPGRADE, begin=True):
        super().__init__((server.host, server.port))
        self.get(path, *upgrade, *headers)
        if begin:
            self.accepted()

    def accepted(self):
        """The head of the 101."""
        self.response = self.read_one_head()
        assert self.response.status == 101, self.response.head
        assert self.response.get("upgrade") == b"websocket"
        assert self.response.get("connection") == b"upgrade"
        assert self.response.get("sec-websocket-accept") == ACCEPT
        assert self.response.get("content-length") is None
        return self.response
