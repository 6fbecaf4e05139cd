"""WebSockets on streams of HTTP/2 (RFC 8441) for the clients of a soak."""

import asyncio

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import H2Error
from soak.clients import Wrong


class Http2:
    """A connection of HTTP/2 over a reader and a writer. What comes on a stream goes to that stream's own reader."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.h2.initiate_connection()
        self.readers, self.answered = {}, {}
        self.news, self.is_over = asyncio.Event(), False
        self.reading = asyncio.ensure_future(self.read())

    async def ask(self, path):
        """Opens a stream for a WebSocket. Returns its number and its reader, or raises `Wrong` with the status."""
        stream = self.h2.get_next_available_stream_id()
        self.readers[stream] = asyncio.StreamReader(limit=1 << 20)
        self.answered[stream] = asyncio.get_running_loop().create_future()
        fields = {"method": "CONNECT", "protocol": "websocket", "scheme": "http", "path": path, "authority": "soak"}
        version = (b"sec-websocket-version", b"13")
        self.h2.send_headers(stream, [*((f":{name}", value) for name, value in fields.items()), version])
        self.flush()
        status = await self.answered[stream]
        if status != 200:
            raise Wrong(str(status).encode())
        return stream, self.readers[stream]

    async def send(self, stream, data):
        while data:
            if self.is_over or self.readers[stream].at_eof():
                raise ConnectionResetError
            try:
                room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
                if room > 0:
                    self.h2.send_data(stream, data[:room])
            except H2Error as error:
                raise ConnectionResetError from error
            if room > 0:
                data = data[room:]
                self.flush()
                await self.writer.drain()
            else:
                self.news.clear()
                await self.news.wait()

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    async def read(self):
        """Takes in what the server says, to the end of the connection."""
        try:
            while data := await self.reader.read(1 << 16):
                for event in self.h2.receive_data(data):
                    self.take(event)
                self.flush()
                self.news.set()
        except (OSError, H2Error):
            pass
        finally:
            self.is_over = True
            self.news.set()
            for stream in self.readers:
                self.end(stream)

    def take(self, event):
        if isinstance(event, events.ResponseReceived):
            self.answered[event.stream_id].set_result(int(dict(event.headers)[b":status"]))
        elif isinstance(event, events.DataReceived):
            self.readers[event.stream_id].feed_data(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, (events.StreamEnded, events.StreamReset)):
            self.end(event.stream_id)

    def end(self, stream):
        self.readers[stream].feed_eof()
        answered = self.answered[stream]
        if not answered.done():
            answered.set_exception(ConnectionResetError())
            answered.exception()  # it need not be retrieved

    def close(self):
        self.reading.cancel()
        self.writer.close()
