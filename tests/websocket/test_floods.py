"""Clients that send without end what says nothing, and clients that only say much (RFC 6455 section 10.4)."""

import socket
import threading

import pytest
from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawSocket, close, frame, text
from http2_client import Http2Client
from stream_socket import StreamSocket, connect

MiB = 1024 * 1024
QUIET = ("--ws-ping-interval", "0")  # what is read are answers
REASON = "too many frames that say nothing"

# What comes before the flood, and of what it is made.
FLOODS = {
    "pings": (b"", frame(PING, b"x" * 125)),
    "empty-pings": (b"", frame(PING)),
    "pongs": (b"", frame(PONG)),
    "empty-fragments": (frame(TEXT, last=False), frame(CONTINUATION, last=False)),
    "empty-fragments-of-a-message": (frame(BINARY, b"x" * 1000, last=False), frame(CONTINUATION, last=False)),
}


def ended(s):
    note = s.wait_for_note("disconnected")
    return note["code"], note["reason"]


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_with_1008_after_a_generous_allowance(server, name):
    first, again = FLOODS[name]
    with server("sockets:listen", *QUIET) as s, RawSocket(s) as ws:
        ws.send(first)
        heard = 0
        for _ in range(1000):
            ws.send(again * 1000 + frame(PING, b"mark"))
            while (answer := ws.read_frame()).opcode == PONG and answer.payload != b"mark":
                pass
            if answer.opcode != PONG:
                break
            heard += 1
        assert heard >= 10
        assert (answer.opcode, answer.code, answer.reason) == (CLOSE, 1008, REASON)
        assert ended(s) == (1008, REASON)
        ws.expect_end()


def test_a_flood_of_pings_whose_pongs_nobody_reads_ends_and_piles_up_nothing(server):
    with server("sockets:listen", "--write-timeout", "0", *QUIET) as s, RawSocket(s) as ws:
        before = s.worker_memory()
        for _ in range(200):
            ws.send(frame(PING, b"x" * 125) * 1000)
        assert ended(s) == (1008, REASON)
        assert s.worker_memory() - before < 8 * MiB


def test_a_flood_on_a_stream_of_http2_ends_that_stream_only(server):
    with server("sockets:listen", "--http2", *QUIET) as s, connect(s) as client:
        ws, other = StreamSocket(client), StreamSocket(client)
        for _ in range(100):
            ws.send(frame(PONG) * 1000)
            if ws.answer.body:
                break
        ws.expect_close(1008, REASON)
        assert ended(s) == (1008, REASON)
        other.send(frame(PING, b"fine"))
        assert other.read_frame() == (PONG, b"fine", True, 0)


# What is no flood.


@pytest.mark.parametrize("size", [0, 1])
def test_small_messages_without_end_are_no_flood(server, size):
    with server("sockets:tally", *QUIET) as s, RawSocket(s) as ws:
        for number in range(1, 201):
            ws.send(frame(BINARY, b"x" * size) * 1000)
            if number % 50 == 0:
                ws.say("how many?")
                assert ws.read_message() == f"{number * 1000} {number * 1000 * size}"


def test_a_message_in_fragments_of_one_byte_is_no_flood(server):
    with server("sockets:tally", *QUIET) as s, RawSocket(s) as ws:
        ws.send(frame(BINARY, b"x", last=False))
        for _ in range(100):
            ws.send(frame(CONTINUATION, b"x", last=False) * 1000)
        ws.send(frame(CONTINUATION) + text("how much?"))
        assert ws.read_message() == "1 100001"


def test_pings_beside_messages_are_no_flood(server):
    with server("sockets:tally", *QUIET) as s, RawSocket(s) as ws:
        for number in range(1, 51):
            ws.send((frame(PING) * 10 + frame(BINARY, b"x")) * 500 + frame(PING, b"mark"))
            while ws.read_frame().payload != b"mark":
                pass
        ws.say("how many?")
        assert ws.read_message() == "25000 25000"


# Others on the same worker.


def test_others_have_their_turn_while_one_client_says_much_at_once(server):
    with server("sockets:rounds", "--ws-max-queue", "10000") as s, RawSocket(s) as ws:
        ws.send(b"".join(text(str(number)) for number in range(2000)) + text("last"))
        taken = s.wait_for_note("taken")
        assert (taken["number"], taken["in_order"]) == (2000, True)
        assert taken["rounds"] > 10


FLOODERS = {
    "messages": frame(BINARY) * 10_000,
    "fragments": frame(BINARY, last=False) + frame(CONTINUATION, b"x", last=False) * 10_000 + frame(CONTINUATION),
    "pings-and-messages": (frame(PING) * 10 + frame(BINARY)) * 1000,
}


@pytest.mark.parametrize("name", FLOODERS)
def test_others_are_served_while_one_client_floods(server, name):
    with server("sockets:tally", *QUIET) as s, RawSocket(s) as flooder, RawSocket(s) as other:
        over, sent = threading.Event(), []

        def flood():
            while not over.is_set():
                flooder.socket.sendall(FLOODERS[name])
                sent.append(1)

        def drain():
            flooder.socket.settimeout(None)
            while flooder.socket.recv(1 << 16):
                pass

        threads = [threading.Thread(target=run, daemon=True) for run in (flood, drain)]
        for thread in threads:
            thread.start()
        before = s.worker_memory()
        for number in range(200):
            other.send(frame(BINARY, b"x") + text("how many?"))
            assert other.read_message() == f"{number + 1} {number + 1}"
            assert s.get("/gate/served").status == 204
        over.set()
        threads[0].join()
        assert sent
        assert s.worker_memory() - before < 8 * MiB
        flooder.send(close(1000))
        assert ended(s) == (1000, "")  # it was no offence
        threads[1].join()


# Over HTTP/2 small messages have frames of their own, and each of those a client may acknowledge twice.


class Acknowledging(Http2Client):
    """Enlarges both windows for each frame that comes, as simple clients do."""

    acknowledged = 0

    def take(self, event):
        super().take(event)
        size = getattr(event, "flow_controlled_length", 0)
        if size and event.stream_ended is None:
            for stream in (None, event.stream_id):
                self.h2.increment_flow_control_window(size, stream)
                self.acknowledged += 1


@pytest.mark.timeout(180)
def test_b66_a_client_that_acknowledges_every_small_message_twice_is_no_flood(server):
    with server("sockets:echo", "--http2", *QUIET) as s, Acknowledging((s.host, s.port)) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small things follow each other
        client.reads = False  # the package's own acknowledgements come seldom
        ws = StreamSocket(client)
        for number in range(5000):
            ws.say(str(number))
            assert ws.read_message() == str(number)
        assert client.acknowledged >= 2 * 5000
        ws.send(close(1000))
        ws.expect_close(1000)
        assert client.goaways == []
