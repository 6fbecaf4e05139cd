"""An HTTP/2 client for tests, on the packages h2 and hyperframe: honest, unless it is told otherwise."""

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DEADLINE = 15
GOAWAY = 0x7


@dataclass
class Answer:
    """What came on one stream so far."""

    status: int | None = None
    headers: list = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    trailers: list | None = None
    interim: list = field(default_factory=list)
    ended: bool = False
    reset: int | None = None
    pushed: list = field(default_factory=list)

    def get(self, name):
        return dict(self.headers).get(name)

    @property
    def over(self):
        return self.ended or self.reset is not None


class Http2Client:
    """One connection in clear text by prior knowledge, or over what `wrap` makes of the socket."""

    def __init__(self, address, settings=None, upgrade=None, wrap=None):
        self.socket = socket.create_connection(address, timeout=DEADLINE)
        if wrap:
            self.socket = wrap(self.socket)
        config = h2.config.H2Configuration(client_side=True, header_encoding=None, validate_outbound_headers=False)
        config.normalize_outbound_headers = False
        self.h2 = h2.connection.H2Connection(config)
        if settings:
            self.h2.local_settings = h2.settings.Settings(client=True, initial_values=settings)
        self.answers = {}
        if upgrade:
            self.change_protocol(upgrade)
        else:
            self.h2.initiate_connection()
        self.goaways = []
        self.unread = b""
        self.pings = []
        self.closed = False
        self.server_settings = {}
        self.reads = True  # Whether room is given back for what was received.
        self.answers_pings = True
        self.flush()

    def change_protocol(self, request):
        """Asks in HTTP/1.1 to be answered in HTTP/2, on stream 1."""
        self.socket.sendall(request)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        assert head.startswith(b"HTTP/1.1 101 "), head
        self.h2.initiate_upgrade_connection()
        self.answers[1] = Answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        with suppress(ConnectionError):
            self.socket.sendall(self.h2.data_to_send())

    def send_raw(self, data):
        with suppress(ConnectionError):
            self.socket.sendall(data)

    # Requests

    def begin(self, path="/", *headers, method="GET", end=False, authority="test", scheme="http"):
        """Opens a stream."""
        stream = self.h2.get_next_available_stream_id()
        fields = [(b":method", method), (b":scheme", scheme), (b":path", path), (b":authority", authority)]
        self.h2.send_headers(stream, [*fields, *headers], end_stream=end)
        self.answers[stream] = Answer()
        self.flush()
        return stream

    def get(self, path="/", *headers, **more):
        """Asks, and does not wait for the answer."""
        return self.begin(path, *headers, end=True, **more)

    def send(self, stream, data, end=False):
        """Sends all of `data` as the windows allow."""
        if not data:
            self.h2.send_data(stream, b"", end_stream=end)
            self.flush()
        while data:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room == 0:
                self.receive()
                continue
            self.h2.send_data(stream, data[:room], end_stream=end and len(data) <= room)
            data = data[room:]
            self.flush()

    def post(self, path, body, *headers):
        stream = self.begin(path, *headers, method="POST")
        self.send(stream, body, end=True)
        return stream

    # Answers

    def receive(self):
        """Takes in what the server says next. False at its end."""
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            return False
        self.unread += data
        while len(self.unread) >= 9 and len(self.unread) >= (end := 9 + int.from_bytes(self.unread[:3], "big")):
            frame, self.unread = self.unread[:end], self.unread[end:]
            if frame[3] == GOAWAY:
                # Behind it the package h2 would take nothing more, but streams go on.
                last, code = struct.unpack(">II", frame[9:17])
                self.goaways.append((code, last))
                continue
            for event in self.h2.receive_data(frame):
                self.take(event)
        self.flush()
        return True

    def take(self, event):
        answer = self.answers.setdefault(getattr(event, "stream_id", None), Answer())
        if isinstance(event, h2.events.ResponseReceived):
            fields = dict(event.headers)
            answer.status = int(fields[b":status"])
            answer.headers = [pair for pair in event.headers if not pair[0].startswith(b":")]
        elif isinstance(event, h2.events.InformationalResponseReceived):
            answer.interim.append(event.headers)
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = list(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if self.reads:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = event.error_code
        elif isinstance(event, h2.events.PushedStreamReceived):
            self.answers[event.parent_stream_id].pushed.append((event.pushed_stream_id, event.headers))
        elif isinstance(event, h2.events.PingReceived):
            self.pings.append(event.ping_data)
            if not self.answers_pings:
                self.h2.clear_outbound_data_buffer()
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            self.server_settings.update({code: it.new_value for code, it in event.changed_settings.items()})

    def until(self, condition):
        while not condition():
            assert self.receive(), f"the server ended the connection: {self.goaways} {self.answers}"

    def answer(self, stream):
        """The whole answer on `stream`."""
        answer = self.answers.setdefault(stream, Answer())
        self.until(lambda: answer.over)
        return answer

    def head(self, stream):
        self.until(lambda: self.answers[stream].status is not None)
        return self.answers[stream]

    def fetch(self, path="/", *headers, **more):
        return self.answer(self.get(path, *headers, **more))

    def until_closed(self):
        """Everything up to the server's end."""
        with suppress(h2.exceptions.ProtocolError):
            while self.receive():
                pass
        return self.goaways


def frame(kind, flags, stream, payload=b""):
    """One frame, byte for byte."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
