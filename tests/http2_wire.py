"""A strict HTTP/2 client that can be as honest or as hostile as a test needs.

What it sends is up to the test: whole requests, single frames, or bytes. What it receives is checked: every frame of
the server must be one that RFC 9113 lets a server send at this point, within the windows and sizes that this client has
granted, or a `ProtocolError` names the section. Every wait has a deadline.
"""

import os
import re
import select
import socket
import ssl
import struct
import time
from collections import deque
from dataclasses import dataclass, field

from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import ExtensionFrame, Frame

DEADLINE = float(os.environ.get("HTTP2_DEADLINE", "10"))
# Finds out where a server uses the generic codes that RFC 9113 section 5.4 permits.
EXACT_CODES = bool(os.environ.get("HTTP2_EXACT_CODES"))
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY_FLAG = 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = (
    range(1, 7)
)
ENABLE_CONNECT_PROTOCOL = 8

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = range(4)
SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = range(4, 10)
CONNECT_ERROR, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED = range(10, 14)
CODES = [
    *["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED"],
    *["FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM"],
    *["INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"],
]

DEFAULT_WINDOW = 65_535
LARGEST_WINDOW = 2**31 - 1
SMALLEST_FRAME_LIMIT = 2**14
LARGEST_FRAME_LIMIT = 2**24 - 1
OPEN_WINDOW = 2**30

FIELD_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
FIELD_VALUE = re.compile(rb"(?![ \t])[^\x00\r\n]*(?<![ \t])")
CONNECTION_SPECIFIC = {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te"}


class ProtocolError(AssertionError):
    """The server broke HTTP/2, or did not do what the test waits for."""


class Ended(ProtocolError):
    """The server closed the connection."""


@dataclass
class Received:
    """One frame of the server; a field section with its CONTINUATION frames is one HEADERS frame."""

    type: int
    stream: int
    flags: int = 0
    data: bytes = b""
    headers: list = field(default_factory=list)  # of (name, value), both bytes
    code: int = 0
    last_stream: int = 0
    settings: dict = field(default_factory=dict)
    size: int = 0  # of the payload, padding included
    promised: int = 0

    @property
    def ends_stream(self):
        return self.type in (DATA, HEADERS) and bool(self.flags & END_STREAM)

    @property
    def is_ack(self):
        return self.type in (SETTINGS, PING) and bool(self.flags & ACK)

    def __str__(self):
        name = frame_name(self.type)
        detail = {
            RST_STREAM: code_name(self.code),
            GOAWAY: f"{code_name(self.code)}, last stream {self.last_stream}, {self.data!r}",
            HEADERS: f"{self.headers}",
            DATA: f"{len(self.data)} bytes",
        }.get(self.type, "")
        return f"{name}(stream {self.stream}, flags {self.flags:#x}{', ' if detail else ''}{detail})"


@dataclass
class Response:
    stream: int
    status: int = 0
    headers: list = field(default_factory=list)
    body: bytes = b""
    trailers: list = field(default_factory=list)
    interim: list = field(default_factory=list)  # of header lists
    complete: bool = False
    reset: int | None = None  # the code of a RST_STREAM

    def all(self, name):
        return [value for key, value in self.headers if key == name]

    def get(self, name):
        values = self.all(name)
        assert len(values) < 2, f"{name} is there {len(values)} times: {self.headers}"
        return values[0] if values else None


def code_name(code):
    return CODES[code] if code < len(CODES) else hex(code)


def frame_name(number):
    names = "DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION".split()
    return names[number] if number < len(names) else f"frame {number:#x}"


# Frames as bytes. Nothing is checked: wrong ones are what hostile tests are made of.


def frame(type, flags=0, stream=0, payload=b""):
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", type, flags, stream) + payload


def data(stream, payload=b"", flags=0, padding=None):
    if padding is None:
        return frame(DATA, flags, stream, payload)
    return frame(DATA, flags | PADDED, stream, bytes([padding]) + payload + bytes(padding))


def settings(*pairs, flags=0, stream=0):
    return frame(SETTINGS, flags, stream, b"".join(struct.pack("!HI", *pair) for pair in pairs))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack("!I", increment))


def rst_stream(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack("!I", code))


def ping(payload=b"\x00" * 8, flags=0, stream=0):
    return frame(PING, flags, stream, payload)


def goaway(last_stream=0, code=NO_ERROR, debug=b"", stream=0):
    return frame(GOAWAY, 0, stream, struct.pack("!II", last_stream, code) + debug)


def priority(stream, depends_on=0, weight=15, exclusive=False):
    return frame(PRIORITY, 0, stream, priority_fields(depends_on, weight, exclusive))


def priority_fields(depends_on=0, weight=15, exclusive=False):
    return struct.pack("!IB", depends_on | exclusive << 31, weight)


def literal(name, value, first=0x00):
    """One field line of HPACK without Huffman code: `first` is 0x00 (not indexed), 0x10 (never) or 0x40 (indexed)."""
    return bytes([first]) + string(name) + string(value)


def string(text, huffman=False):
    return integer(len(text), 7, 0x80 if huffman else 0) + text


def integer(value, prefix, first=0):
    """RFC 7541 section 5.1."""
    limit = 2**prefix - 1
    if value < limit:
        return bytes([first | value])
    out, value = [first | limit], value - limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def get(path="/", *more, authority="test", scheme="http"):
    return [(":method", "GET"), (":scheme", scheme), (":authority", authority), (":path", path), *more]


def post(path="/echo", *more, **pseudo):
    return [(":method", "POST"), *get(path, *more, **pseudo)[1:]]


class Wire:
    """Bytes both ways over a plain or a TLS connection. Never blocks on one way while the other could go on.

    TLS is kept apart from the socket, so that what the server sent last can be read after it has cut the connection.
    """

    def __init__(self, sock, tls=None, deadline=DEADLINE):
        sock.setblocking(False)
        self.socket = sock
        self.tls = tls and Tls(*tls)
        self.deadline = deadline
        self.ended = False
        self.was_reset = False
        self.received = bytearray()

    def handshake(self):
        end = time.monotonic() + self.deadline
        while not self.tls.shakes_hands():
            self._send_raw(self.tls.to_send())
            self._wait(end, writing=False)
            if not self._read() and self.ended:
                raise ConnectionResetError("the connection ended within the TLS handshake")
        self._send_raw(self.tls.to_send())

    def send(self, payload):
        """Sends all, and reads what comes meanwhile. Bytes that the server no longer takes are dropped."""
        return self._send_raw(self.tls.encrypt(payload) if self.tls else payload)

    def _send_raw(self, payload):
        view, end = memoryview(bytes(payload)), time.monotonic() + self.deadline
        while view and not self.ended:
            try:
                view = view[self.socket.send(view) :]
                end = time.monotonic() + self.deadline
            except BlockingIOError:
                self._wait(end, writing=True)
            except OSError:
                # What it had sent before can still be read.
                break
        return not view

    def send_without_reading(self, payload, patience):
        """How many bytes went out before the server took nothing more for `patience` seconds, or cut the connection."""
        view = memoryview(bytes(self.tls.encrypt(payload) if self.tls else payload))
        total = len(view)
        while view:
            try:
                view = view[self.socket.send(view) :]
            except BlockingIOError:
                if not select.select([], [self.socket], [], patience)[1]:
                    break
            except OSError:
                break
        return total - len(view)

    def fill(self, deadline=None):
        """Reads what there is; waits for at least a byte. False at the end."""
        end = time.monotonic() + (self.deadline if deadline is None else deadline)
        while not self.ended:
            if self._read():
                return True
            if not self.ended:
                self._wait(end, writing=False)
        return False

    def _wait(self, end, writing):
        remaining = end - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        readable, writable, _ = select.select([self.socket], [self.socket] if writing else [], [], remaining)
        if not readable and not writable:
            raise TimeoutError
        if readable and writing:
            self._read()

    def _read(self):
        """Whether bytes of HTTP/2 came."""
        try:
            part = self.socket.recv(262144)
        except BlockingIOError:
            return False
        except OSError:
            self.was_reset, part = True, b""
        self.ended = not part
        if self.tls and part:
            part, closed = self.tls.decrypt(part)
            self.ended = closed
        self.received += part
        return bool(part)

    def close(self):
        self.socket.close()


class Tls:
    """The client's side of TLS, from bytes to bytes."""

    def __init__(self, context, server_name):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self.incoming, self.outgoing, server_hostname=server_name)

    def shakes_hands(self):
        """Whether the handshake is over."""
        try:
            self.session.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def to_send(self):
        return self.outgoing.read()

    def encrypt(self, payload):
        if payload:
            self.session.write(bytes(payload))
        return self.outgoing.read()

    def decrypt(self, part):
        """The plain bytes, and whether the server has closed."""
        self.incoming.write(part)
        plain = bytearray()
        if not self.session.version():
            return b"", False
        try:
            while piece := self.session.read(262144):
                plain += piece
        except ssl.SSLWantReadError:
            return bytes(plain), False
        except ssl.SSLZeroReturnError:
            pass
        return bytes(plain), True


class Http2Client:
    """One connection. Use it as a context manager; call `start()` or send what you like instead.

    With `grants_window`, every DATA frame is answered with as much new window as it used.
    """

    def __init__(self, wire, scheme="http"):
        self.wire = wire
        self.scheme = scheme
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.decoder.max_header_list_size = 2**24
        self.server_settings = {}
        self.next_stream = 1
        self.grants_window = True
        self.acknowledges_settings = True
        self.unread = deque()
        self.seen = []  # every frame of the server, for the message of a failure
        self.rules = Rules()
        self._pings = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.wire.close()

    # Sending.

    def start(self, *pairs):
        """Exchanges prefaces; afterwards both sides' first SETTINGS are acknowledged."""
        self.send(PREFACE + self.own_settings(*pairs))
        self.read_until(lambda it: it.type == SETTINGS and not it.is_ack, "the server's SETTINGS")
        self.read_until(lambda it: it.type == SETTINGS and it.is_ack, "the acknowledgement of SETTINGS")
        return self

    def own_settings(self, *pairs):
        """A SETTINGS frame whose values hold for what the server sends from its acknowledgement on."""
        self.rules.propose(pairs)
        return settings(*pairs)

    def change_settings(self, *pairs):
        """Sends SETTINGS and waits until the server has applied them."""
        self.send(self.own_settings(*pairs))
        self.read_until(lambda it: it.type == SETTINGS and it.is_ack, "the acknowledgement of SETTINGS")

    def send(self, payload):
        return self.wire.send(payload)

    def open_window(self, stream=0, increment=OPEN_WINDOW):
        self.rules.grant(stream, increment)
        self.send(window_update(stream, increment))

    def block(self, headers):
        """An HPACK field block, which changes the encoder's table."""
        return self.encoder.encode(headers)

    def headers(self, stream, headers, flags=END_STREAM | END_HEADERS):
        """A HEADERS frame as bytes. Opens the stream for the rules, as soon as it is made."""
        self.rules.open(stream)
        self.next_stream = max(self.next_stream, stream + 2)
        return frame(HEADERS, flags, stream, self.block(headers))

    def fresh_stream(self):
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        return stream

    def request(self, headers=None, body=None, stream=None, trailers=None):
        """Sends a request of its own stream, within the windows of the server. Returns the stream."""
        stream = stream or self.fresh_stream()
        headers = headers or self.get()
        last = body is None and not trailers
        self.send(self.headers(stream, headers, END_HEADERS | (END_STREAM if last else 0)))
        if body is not None:
            self.send_body(stream, body, END_STREAM if not trailers else 0)
        if trailers:
            self.send(self.headers(stream, trailers))
        return stream

    def send_body(self, stream, body, flags=END_STREAM, piece=SMALLEST_FRAME_LIMIT):
        """DATA frames, as the server's windows permit."""
        offset = 0
        while True:
            room = len(body) - offset
            while room and not (allowed := self.rules.may_send(stream, min(room, piece))):
                self.receive()
            part = body[offset : offset + (allowed if room else 0)]
            offset += len(part)
            last = offset == len(body)
            self.rules.sent(stream, len(part))
            self.send(data(stream, part, flags if last else 0))
            if last:
                return

    def get(self, path="/", *more, **pseudo):
        return get(path, *more, **{"scheme": self.scheme, **pseudo})

    def post(self, path="/echo", *more, **pseudo):
        return post(path, *more, **{"scheme": self.scheme, **pseudo})

    # Receiving.

    def receive(self, deadline=None):
        """The next frame of the server, checked. Raises `Ended` at the end of the connection."""
        if self.unread:
            return self.unread.popleft()
        return self._receive_from_wire(deadline)

    def _receive_from_wire(self, deadline=None):
        first = self._receive_frame(deadline)
        received = self._with_continuations(first)
        self.seen.append(received)
        self.rules.check(received)
        self._answer(received)
        return received

    def read_until(self, wanted, what, keep=False):
        """The first frame that is wanted; frames before it are dropped, or kept for later."""
        kept = []
        while True:
            try:
                received = self.receive()
            except (TimeoutError, Ended) as error:
                raise ProtocolError(f"{what} did not come: {error or 'time is up'}; {self.story()}") from None
            if wanted(received):
                self.unread.extendleft(reversed(kept))
                return received
            if keep:
                kept.append(received)

    def read_response(self, stream, head_only=False):
        """The response on a stream, up to its end or a RST_STREAM. Frames of other streams stay unread."""
        response = Response(stream)
        while not response.complete and response.reset is None:
            received = self.read_until(
                lambda it: it.stream == stream or it.type == GOAWAY and it.code,
                f"a response on stream {stream}",
                keep=True,
            )
            if received.type == GOAWAY:
                raise ProtocolError(f"{received} instead of a response; {self.story()}")
            self._add(response, received)
            if head_only and response.status:
                break
        return response

    def exchange(self, headers=None, body=None, **more):
        """Sends a request and returns the response."""
        return self.read_response(self.request(headers, body, **more))

    def barrier(self):
        """Waits until the server has read all that was sent so far. Returns the frames that came meanwhile."""
        self._pings += 1
        payload = b"barrier" + bytes([self._pings % 256])
        self.send(ping(payload))
        before = []
        while True:
            try:
                received = self.receive()
            except (TimeoutError, Ended) as error:
                raise ProtocolError(f"PING was not answered: {error or 'time is up'}; {self.story()}") from None
            if received.type == PING and received.is_ack and received.data == payload:
                return before
            before.append(received)

    def story(self):
        return "received: " + ("; ".join(map(str, self.seen[-12:])) or "nothing")

    # What tests expect.

    def expect_still_serving(self):
        """The connection is alive: one more request is answered."""
        response = self.exchange()
        assert response.status == 200, (response, self.story())

    def expect_connection_error(self, *codes, goaway_may_be_missing=False):
        """GOAWAY with one of these codes, then the end of the connection (RFC 9113 section 5.4.1)."""
        received = self._outcome(lambda it: it.type == GOAWAY and it.code != NO_ERROR)
        if received is None:
            assert goaway_may_be_missing, f"the connection ended without GOAWAY; {self.story()}"
            return None
        self._check_code(received, codes)
        self.expect_end()
        return received

    def expect_stream_error(self, stream, *codes, also=None):
        """RST_STREAM with one of these codes, after which other streams go on, or the same as a connection error.

        RFC 9113 section 5.4.1: "an endpoint MAY choose to treat a stream error as a connection error". `also` says
        which other frame on this stream will do.
        """

        def ends(it):
            fatal = it.type == GOAWAY and it.code != NO_ERROR
            return fatal or it.stream == stream and (it.type == RST_STREAM or bool(also and also(it)))

        received = self._outcome(ends)
        assert received, f"the connection ended without GOAWAY; {self.story()}"
        if received.type in (RST_STREAM, GOAWAY):
            self._check_code(received, codes)
        if received.type == GOAWAY:
            self.expect_end()
        else:
            self.expect_still_serving()
        return received

    def expect_malformed(self, stream):
        """Stream error PROTOCOL_ERROR; an error response before it is permitted (RFC 9113 section 8.1.1)."""

        def refusal(it):
            return it.type == HEADERS and dict(it.headers).get(b":status", b"")[:1] == b"4"

        return self.expect_stream_error(stream, PROTOCOL_ERROR, also=refusal)

    def expect_end(self):
        """The server closes the connection; what it still sends is dropped."""
        while True:
            try:
                self._receive_from_wire()
            except Ended:
                return
            except TimeoutError:
                raise ProtocolError(f"the connection was not closed (section 5.4.1); {self.story()}") from None

    def _outcome(self, wanted):
        while True:
            try:
                received = self.receive()
            except Ended:
                return None
            except TimeoutError:
                raise ProtocolError(f"no error was reported; {self.story()}") from None
            if wanted(received):
                return received

    def _check_code(self, received, codes):
        """Section 5.4: a generic code "can always be used in place of more specific error codes"."""
        generic = () if EXACT_CODES else (PROTOCOL_ERROR, INTERNAL_ERROR)
        if received.code not in (*codes, *generic):
            wanted = " or ".join(map(code_name, codes))
            raise ProtocolError(f"expected {wanted}, got {received}; {self.story()}")

    # Frames.

    def _receive_frame(self, deadline):
        head = self._take(9, deadline)
        length = int.from_bytes(head[:3], "big")
        self.rules.check_size(length)
        payload = self._take(length, deadline)
        try:
            parsed, _ = Frame.parse_frame_header(memoryview(head))
            parsed.parse_body(memoryview(payload))
        except HyperframeError as error:
            raise ProtocolError(f"a frame that cannot be parsed: {head.hex()} {payload[:64].hex()}: {error}") from error
        return self._received(parsed, head, payload)

    def _received(self, parsed, head, payload):
        flags, stream = head[4], parsed.stream_id
        if int.from_bytes(head[5:], "big") >> 31:
            raise ProtocolError(f"section 4.1: the reserved bit is set: {head.hex()}")
        received = Received(parsed.type if not isinstance(parsed, ExtensionFrame) else head[3], stream, flags)
        received.size = len(payload)
        kind = received.type
        if kind in (DATA, HEADERS, CONTINUATION, PUSH_PROMISE):
            received.data = parsed.data
        if kind == PUSH_PROMISE:
            received.promised = parsed.promised_stream_id
        elif kind == PING:
            received.data = bytes(parsed.opaque_data)
        elif kind == SETTINGS:
            received.settings = dict(parsed.settings)
        elif kind == RST_STREAM:
            received.code = parsed.error_code
        elif kind == GOAWAY:
            received.code, received.last_stream = parsed.error_code, parsed.last_stream_id
            received.data = parsed.additional_data
        elif kind == WINDOW_UPDATE:
            received.code = parsed.window_increment
        return received

    def _with_continuations(self, first):
        if first.type == CONTINUATION:
            raise ProtocolError("section 6.10: CONTINUATION without HEADERS")
        if first.type not in (HEADERS, PUSH_PROMISE):
            return first
        last = first
        while not last.flags & END_HEADERS:
            last = self._receive_frame(None)
            if (last.type, last.stream) != (CONTINUATION, first.stream):
                raise ProtocolError(f"section 6.2: {last} inside a field block")
            first.data += last.data
        try:
            first.headers = [(bytes(name), bytes(value)) for name, value in self.decoder.decode(first.data, raw=True)]
        except HPACKError as error:
            raise ProtocolError(f"section 4.3: a field block that cannot be decoded: {error!r}") from error
        return first

    def _take(self, count, deadline):
        while len(self.wire.received) < count:
            if not self.wire.fill(deadline):
                rest = bytes(self.wire.received)
                raise Ended(
                    f"the connection {'was reset' if self.wire.was_reset else 'ended'}"
                    + (f" within a frame: {rest[:40]!r}" if rest else "")
                )
        taken = bytes(self.wire.received[:count])
        del self.wire.received[:count]
        return taken

    def _answer(self, received):
        """What an honest client owes the server."""
        if received.type == SETTINGS and not received.is_ack:
            self.server_settings.update(received.settings)
            if INITIAL_WINDOW_SIZE in received.settings:
                self.rules.server_window(received.settings[INITIAL_WINDOW_SIZE])
            if HEADER_TABLE_SIZE in received.settings:
                self.encoder.header_table_size = min(4096, received.settings[HEADER_TABLE_SIZE])
            if self.acknowledges_settings:
                self.send(settings(flags=ACK))
        elif received.type == PING and not received.is_ack:
            self.send(ping(received.data, ACK))
        elif received.type == DATA and received.size and self.grants_window:
            self.open_window(0, received.size)
            if not received.ends_stream:
                self.open_window(received.stream, received.size)

    def _add(self, response, received):
        if received.type == RST_STREAM:
            response.reset = received.code
        elif received.type == HEADERS:
            status = dict(received.headers).get(b":status")
            if status is None:
                response.trailers = received.headers
            elif status[:1] == b"1":
                response.interim.append(received.headers)
            else:
                response.status = int(status)
                response.headers = [pair for pair in received.headers if not pair[0].startswith(b":")]
        elif received.type == DATA:
            response.body += received.data
        response.complete = response.complete or received.ends_stream


class Rules:
    """What the server may send now. Each breach names the section of RFC 9113 that it breaks."""

    def __init__(self):
        self.proposed = deque()
        self.settings = {INITIAL_WINDOW_SIZE: DEFAULT_WINDOW, MAX_FRAME_SIZE: SMALLEST_FRAME_LIMIT, ENABLE_PUSH: 1}
        self.window = DEFAULT_WINDOW
        self.windows = {}  # by stream, what the server may still send
        self.states = {}  # by stream, of the server's side: "open", "answering", "ended"
        self.began = False
        self.last_goaway = 2**31
        self.own_window = DEFAULT_WINDOW
        self.own_initial = DEFAULT_WINDOW
        self.own_windows = {}  # by stream, what we may still send
        self.highest_promise = 0
        self.highest_opened = 0

    # What the client does.

    def propose(self, pairs):
        self.proposed.append(pairs)

    def open(self, stream):
        self.highest_opened = max(self.highest_opened, stream)
        self.states.setdefault(stream, "open")
        # A lowered value counts for the server only from its acknowledgement on.
        self.windows.setdefault(stream, self.settings[INITIAL_WINDOW_SIZE])
        self.own_windows.setdefault(stream, self.own_initial)

    def grant(self, stream, increment):
        if stream:
            self.windows[stream] = self.windows.get(stream, 0) + increment
        else:
            self.window += increment

    def may_send(self, stream, wanted):
        return max(0, min(wanted, self.own_window, self.own_windows.get(stream, 0)))

    def sent(self, stream, count):
        self.own_window -= count
        self.own_windows[stream] = self.own_windows.get(stream, self.own_initial) - count

    def server_window(self, size):
        change, self.own_initial = size - self.own_initial, size
        self.own_windows = {stream: window + change for stream, window in self.own_windows.items()}

    # What the server does.

    def check_size(self, length):
        limit = max(
            self.settings[MAX_FRAME_SIZE],
            *(value for pairs in self.proposed for key, value in pairs if key == MAX_FRAME_SIZE),
            0,
        )
        self.require(length <= limit, "4.2", f"a frame of {length} bytes, where {limit} are permitted")

    def check(self, it):
        self.require(self.began or it.type == SETTINGS and not it.is_ack, "3.4", f"the first frame is {it}")
        self.began = True
        checks = {
            DATA: self.check_data,
            HEADERS: self.check_headers,
            RST_STREAM: self.check_reset,
            SETTINGS: self.check_settings,
            PUSH_PROMISE: self.check_promise,
            GOAWAY: self.check_goaway,
            WINDOW_UPDATE: self.check_window_update,
        }
        checks.get(it.type, lambda _: None)(it)

    def require(self, right, section, what):
        if not right:
            raise ProtocolError(f"RFC 9113 section {section}: {what}")

    def check_data(self, it):
        self.require(
            self.states.get(it.stream) == "answering", "5.1", f"{it} in state {self.states.get(it.stream, 'idle')}"
        )
        self.window -= it.size
        self.windows[it.stream] -= it.size
        self.require(
            not it.size or self.window >= 0, "6.9.1", f"{it} is more than the connection's window by {-self.window}"
        )
        left = self.windows[it.stream]
        self.require(not it.size or left >= 0, "6.9.1", f"{it} is more than the stream's window by {-left}")
        self.end_if_last(it)

    def check_headers(self, it):
        state = self.states.get(it.stream)
        self.require(state in ("open", "answering"), "5.1", f"{it} in state {state or 'idle'}")
        check_fields(it.headers, self.require)
        pseudo = [name for name, _ in it.headers if name.startswith(b":")]
        if state == "answering":
            self.require(not pseudo and it.ends_stream, "8.1", f"{it} after the head of the response")
        else:
            self.require(pseudo == [b":status"], "8.3.2", f"a response with the pseudo-header fields {pseudo}")
            status = it.headers[0][1]
            self.require(re.fullmatch(rb"[1-5][0-9][0-9]", status), "8.3.2", f":status {status!r}")
            self.require(status != b"101", "8.6", "status 101")
            interim = status.startswith(b"1")
            self.require(not (interim and it.ends_stream), "8.1", "an interim response that ends the stream")
            if not interim:
                self.states[it.stream] = "answering"
        self.end_if_last(it)

    def end_if_last(self, it):
        if it.ends_stream:
            self.states[it.stream] = "ended"

    def check_reset(self, it):
        # After a complete answer RST_STREAM with NO_ERROR asks for the end of the request (8.1); STREAM_CLOSED tells of
        # frames that came too late (5.1).
        skipped = it.stream % 2 and it.stream < self.highest_opened
        self.require(it.stream in self.states or skipped, "6.4", f"{it} on an idle stream")
        self.states[it.stream] = "ended"

    def check_settings(self, it):
        if it.is_ack:
            self.require(self.proposed, "6.5.3", "an acknowledgement of SETTINGS that were not sent")
            self.apply(self.proposed.popleft())
            return
        for key, value in it.settings.items():
            self.require(key != ENABLE_PUSH or value == 0, "6.5.2", f"the server sets ENABLE_PUSH to {value}")
            self.require(key != INITIAL_WINDOW_SIZE or value <= LARGEST_WINDOW, "6.5.2", f"INITIAL_WINDOW_SIZE {value}")
            right = SMALLEST_FRAME_LIMIT <= value <= LARGEST_FRAME_LIMIT
            self.require(key != MAX_FRAME_SIZE or right, "6.5.2", f"MAX_FRAME_SIZE {value}")

    def apply(self, pairs):
        for key, value in pairs:
            if key == INITIAL_WINDOW_SIZE:
                change = value - self.settings[INITIAL_WINDOW_SIZE]
                self.windows = {stream: window + change for stream, window in self.windows.items()}
            self.settings[key] = value

    def check_promise(self, it):
        self.require(self.settings[ENABLE_PUSH], "6.6", f"{it} though push is disabled")
        self.require(self.states.get(it.stream) in ("open", "answering"), "6.6", f"{it} on a stream that is not open")
        self.require(
            it.promised % 2 == 0 and it.promised > self.highest_promise, "5.1.1", f"promised stream {it.promised}"
        )
        self.highest_promise = it.promised
        check_fields(it.headers, self.require)
        found = dict(it.headers)
        self.require(found.get(b":method") in (b"GET", b"HEAD"), "8.4", f"a promise of {found.get(b':method')}")
        for name in (b":scheme", b":authority", b":path"):
            self.require(found.get(name), "8.4.1", f"a promise without {name}")
        self.states[it.promised] = "open"
        self.windows[it.promised] = self.settings[INITIAL_WINDOW_SIZE]

    def check_goaway(self, it):
        self.require(it.stream == 0, "6.8", f"{it}")
        self.require(it.last_stream <= self.last_goaway, "6.8", f"the last stream grew from {self.last_goaway}: {it}")
        self.last_goaway = it.last_stream

    def check_window_update(self, it):
        increment = it.code
        self.require(1 <= increment <= LARGEST_WINDOW, "6.9", f"an increment of {increment}")
        if not it.stream:
            self.own_window += increment
            self.require(self.own_window <= LARGEST_WINDOW, "6.9.1", "the connection's window is too large")
            return
        self.require(it.stream in self.states, "5.1", f"{it} on an idle stream")
        self.own_windows[it.stream] = self.own_windows.get(it.stream, self.own_initial) + increment
        self.require(self.own_windows[it.stream] <= LARGEST_WINDOW, "6.9.1", "a stream's window is too large")


def check_fields(headers, require):
    regular = False
    for name, value in headers:
        if name.startswith(b":"):
            require(not regular, "8.3", f"{name} after a regular field")
            continue
        regular = True
        require(FIELD_NAME.fullmatch(name), "8.2.1", f"field name {name!r}")
        require(FIELD_VALUE.fullmatch(value), "8.2.1", f"field {name!r} with value {value!r}")
        require(name not in CONNECTION_SPECIFIC, "8.2.2", f"the connection-specific field {name!r}")
    names = [name for name, _ in headers if name.startswith(b":")]
    require(len(names) == len(set(names)), "8.3", f"repeated pseudo-header fields {names}")


def connect(address, context=None, server_name="localhost", deadline=DEADLINE):
    """A connection without a byte of HTTP/2 on it yet. With `context`, after a TLS handshake."""
    sock = socket.create_connection(address, deadline)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire = Wire(sock, context and (context, server_name), deadline)
    if context:
        try:
            wire.handshake()
        except BaseException:
            wire.close()
            raise
    return Http2Client(wire, "https" if context else "http")
