"""A WebSocket on one stream of an HTTP/2 connection (RFC 8441), with the same words as `RawSocket`."""

from frames import Talk
from http2_client import Answer, Http2Client

VERSION = (b"sec-websocket-version", b"13")


class StreamSocket(Talk):
    """Opens a stream of `client`, and by default expects that it becomes a WebSocket."""

    def __init__(self, client, path="/", *headers, begin=True, end=False, **pseudo):
        self.client = client
        self.stream = ask(client, path, VERSION, *headers, end=end, **pseudo)
        self.taken = 0
        if begin:
            self.accepted()

    @property
    def answer(self):
        return self.client.answers[self.stream]

    def accepted(self):
        self.client.head(self.stream)
        assert self.answer.status == 200, self.answer
        names = [name for name, _ in self.answer.headers]
        assert not set(names) & {b"connection", b"upgrade", b"sec-websocket-accept", b"content-length"}, names
        return self.answer

    def send(self, data, end=False):
        self.client.send(self.stream, data, end)

    def read_bytes(self, count):
        """So many bytes, or fewer at the end."""
        body = self.answer.body
        self.client.until(lambda: len(body) >= self.taken + count or self.answer.over)
        data = bytes(body[self.taken : self.taken + count])
        self.taken += len(data)
        return data


def ask(client, path, *headers, method=b"CONNECT", protocol=b"websocket", end=False, **pseudo):
    """Sends an extended CONNECT, or what resembles one."""
    fields = {"scheme": b"http", "authority": b"test", "path": path.encode(), **pseudo}
    all_fields = [(b":method", method), (b":protocol", protocol)]
    all_fields += [(f":{name}".encode(), value) for name, value in fields.items() if value is not None]
    stream = client.h2.get_next_available_stream_id()
    client.h2.send_headers(stream, [*all_fields, *headers], end_stream=end)
    client.answers[stream] = Answer()
    client.flush()
    return stream


def connect(server, **more):
    return Http2Client((server.host, server.port), **more)
