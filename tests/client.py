"""A strict HTTP/1.1 client that shows a test the very bytes the server sent.

It repairs nothing: a bare line feed, a repeated content-length, a chunk extension or a body where none
may be is a `ProtocolError`. A response that ends early is no error but has `complete == False`. Every
wait has a deadline.
"""

import re
import socket
import struct
from dataclasses import dataclass, field

DEADLINE = 15.0
STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-9][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")


class ProtocolError(AssertionError):
    """The server broke HTTP."""


@dataclass
class Response:
    version: str
    status: int
    reason: str
    headers: list  # of (lower-case name, value), both bytes, in the order of the wire
    head: bytes  # as received, with the blank line
    body: bytes = b""
    interim: list = field(default_factory=list)  # the 1xx responses that came before
    trailers: list = field(default_factory=list)  # as headers; only to a client that takes them
    chunked: bool = False
    complete: bool = False

    def all(self, name):
        return [value for key, value in self.headers if key == name.lower().encode()]

    def get(self, name):
        """The only value of a header, or None."""
        values = self.all(name)
        if len(values) > 1:
            raise ProtocolError(f"{name} is there {len(values)} times: {self.head!r}")
        return values[0] if values else None

    @property
    def closes(self):
        return (self.get("connection") or b"").lower() == b"close"


class Client:
    """One connection. Use it as a context manager."""

    def __init__(self, address, deadline=DEADLINE):
        if isinstance(address, tuple):
            self.socket = socket.create_connection(address, deadline)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(deadline)
            self.socket.connect(str(address))
        self.buffer = b""
        self.ended = False
        self.was_reset = False
        self.takes_trailers = False
        self._trailers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def get(self, path="/", *headers):
        """Sends a GET; `headers` are whole lines such as "connection: close"."""
        lines = [f"GET {path} HTTP/1.1", "host: test", *headers, "", ""]
        self.send("\r\n".join(lines).encode())

    def post(self, body, path="/", *headers):
        lines = [f"POST {path} HTTP/1.1", "host: test", f"content-length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def close(self):
        self.socket.close()

    def reset(self):
        """Leaves with a RST instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def read_response(self, head=False):
        """One final response with its body. `head=True`: the request was a HEAD."""
        response = self.read_head()
        if head or response.status in (204, 304):
            response.complete = True
        elif response.chunked:
            while (chunk := self.read_chunk()) is not None:
                response.body += chunk
                if not chunk:
                    response.complete = True
                    response.trailers, self._trailers = self._trailers, []
                    break
        elif (length := response.get("content-length")) is not None:
            response.body = self.read_bytes(int(length))
            response.complete = len(response.body) == int(length)
        else:
            response.body = self.read_until_eof()
            response.complete = not self.was_reset
        return response

    def read_head(self):
        """Status line and headers of the next final response; the body stays unread."""
        interim = []
        while True:
            response = self.read_one_head()
            if response.status >= 200:
                response.interim = interim
                return response
            interim.append(response)

    def read_one_head(self):
        """The next head, be it interim or final."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if not self._fill():
                raise ProtocolError(f"connection ended before a whole response head: {self.buffer!r}")
        head, self.buffer = self.buffer[: end + 4], self.buffer[end + 4 :]
        return parse_head(head)

    def read_chunk(self):
        """The data of the next chunk, b"" for the last one, None when the stream broke off."""
        line = self._take_line()
        if line is None:
            return None
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line):
            raise ProtocolError(f"bad chunk size line: {line!r}")
        size = int(line, 16)
        if size == 0:
            while line := self._take_line():
                if not self.takes_trailers:
                    raise ProtocolError(f"unexpected trailer: {line!r}")
                self._trailers.append(parse_field(line))
            return line
        data = self.read_bytes(size)
        if len(data) < size:
            return None
        end = self.read_bytes(2)
        if end not in (b"\r\n", b"\r", b""):
            raise ProtocolError(f"chunk data is followed by {end!r}")
        return data if end == b"\r\n" else None

    def read_bytes(self, count):
        """`count` bytes of a body, or fewer if the server closes first."""
        parts, missing = [self.buffer[:count]], count - len(self.buffer[:count])
        self.buffer = self.buffer[count:]
        while missing and self._fill():
            parts.append(self.buffer[:missing])
            self.buffer = self.buffer[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def read_until_eof(self):
        while self._fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def expect_closed(self):
        """Waits for the server to close; any byte before that is an error."""
        rest = self.read_until_eof()
        if rest:
            raise ProtocolError(f"expected the connection to close, got {rest!r}")

    def _take_line(self):
        while (end := self.buffer.find(b"\r\n")) < 0:
            if len(self.buffer) > 65536:
                raise ProtocolError("endless line in a chunked body")
            if not self._fill():
                return None
        line, self.buffer = self.buffer[:end], self.buffer[end + 2 :]
        return line

    def _fill(self):
        if self.ended:
            return False
        try:
            data = self.socket.recv(262144)
        except ConnectionResetError:
            self.was_reset, data = True, b""
        except TimeoutError:
            raise ProtocolError(f"nothing came for {self.socket.gettimeout()} s; so far: {self.buffer!r}") from None
        self.ended = not data
        self.buffer += data
        return bool(data)


def parse_head(head):
    first, *lines = head[:-4].split(b"\r\n")
    match = STATUS_LINE.fullmatch(first)
    if not match:
        raise ProtocolError(f"bad status line: {first!r}")
    version, status, reason = match.groups()
    response = Response(
        version=version.decode(),
        status=int(status),
        reason=reason.decode("latin-1"),
        headers=[parse_field(line) for line in lines],
        head=head,
    )
    check_framing(response)
    return response


def parse_field(line):
    match = FIELD_LINE.fullmatch(line)
    if not match:
        raise ProtocolError(f"bad header line: {line!r}")
    name, value = match.groups()
    return name.lower(), value


def check_framing(response):
    coding, length = response.get("transfer-encoding"), response.get("content-length")
    if coding is not None and coding != b"chunked":
        raise ProtocolError(f"transfer-encoding {coding!r}")
    if length is not None and not re.fullmatch(rb"[0-9]+", length):
        raise ProtocolError(f"content-length {length!r}")
    if coding and length:
        raise ProtocolError("both content-length and transfer-encoding")
    if (coding or length) and (response.status < 200 or response.status == 204):
        raise ProtocolError(f"{response.status} with framing headers")
    response.chunked = coding is not None
