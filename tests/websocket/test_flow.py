"""Who waits for whom: memory is bounded, whatever a client or an application does not do."""

import contextlib
import ctypes
import time

import pytest
from frames import BINARY, PING, PONG, RawSocket, close, frame, text

MiB = 1024 * 1024


def fill(ws, data, most):
    """Sends copies of `data` until the server takes none for a while. Returns how many were sent."""
    ws.socket.settimeout(1.0)
    sent = 0
    try:
        while sent < most:
            ws.socket.sendall(data)
            sent += 1
    except TimeoutError:
        pass
    ws.socket.settimeout(15)
    return sent


def test_an_application_that_does_not_receive_stops_the_reading(server):
    with server("sockets:late", "--ws-max-queue", "4", "--graceful-timeout", "1") as s, RawSocket(s) as ws:
        s.wait_for_note("accepted")
        before = s.worker_memory()
        sent = fill(ws, frame(BINARY, b"x" * 65536), 1000)
        assert sent < 500
        assert s.worker_memory() - before < 8 * MiB


def test_an_application_that_comes_late_gets_everything(server):
    with server("sockets:late", "--ws-max-queue", "1") as s, RawSocket(s) as ws:
        s.wait_for_note("accepted")
        data = b"".join(text(str(number)) for number in range(500))
        ws.send(data + close(1000))
        s.open_gate("take")
        s.wait_for_note("disconnected")
        assert [note["text"] for note in s.notes if note["event"] == "message"] == [str(n) for n in range(500)]


def test_b36_a_client_that_does_not_read_makes_the_application_wait(server):
    with server("sockets:flood", "--write-timeout", "0") as s, RawSocket(s) as ws:
        s.wait_for_note("full")
        before = s.worker_memory()
        assert s.get("/gate/x").status == 204
        assert s.worker_memory() - before < 4 * MiB
        for _ in range(100):
            assert len(ws.read_message()) == 65536
        ws.reset()
        assert s.wait_for_note("ended")["kind"] == "ClientDisconnected"


def test_a_client_that_takes_nothing_for_too_long_is_let_go(server):
    with server("sockets:flood", "--write-timeout", "1") as s, RawSocket(s):
        s.wait_for_note("full")
        assert s.wait_for_note("ended")["kind"] == "ClientDisconnected"
        s.wait_for_line("Response was not read in time")


def test_pongs_that_nobody_reads_do_not_pile_up(server):
    with server("sockets:flood", "--write-timeout", "0") as s, RawSocket(s) as ws:
        s.wait_for_note("full")
        before = s.worker_memory()
        payloads = [b"%0125d" % number for number in range(1000)]
        for _ in range(18):  # more would be a flood
            fill(ws, b"".join(frame(PING, payload) for payload in payloads), 1)
        assert s.worker_memory() - before < MiB
        # The last ping is answered once the client reads.
        while (answer := ws.read_frame()).opcode != PONG or answer.payload != payloads[-1]:
            pass


def test_pings_are_sent_and_answered_or_the_connection_ends(server):
    with server("sockets:listen", "--ws-ping-interval", "1", "--ws-ping-timeout", "1") as s, RawSocket(s) as ws:
        for _ in range(3):
            ping = ws.read_frame()
            assert ping.opcode == PING
            ws.send(frame(PONG, ping.payload))
        assert ws.read_frame().opcode == PING
        ws.expect_close(1011, "keepalive ping timeout")
        ws.expect_end()
        note = s.wait_for_note("disconnected")
        assert (note["code"], note["reason"]) == (1011, "keepalive ping timeout")


def test_b62_a_client_that_swallows_pings_is_told_1011(server):
    with server("sockets:listen", "--ws-ping-interval", "1", "--ws-ping-timeout", "1") as s, RawSocket(s) as ws:
        assert ws.read_frame().opcode == PING
        ws.expect_close(1011, "keepalive ping timeout")


def test_b62_no_pings_are_sent_where_none_are_wanted(server):
    with server("sockets:echo", "--ws-ping-interval", "0", "--ws-ping-timeout", "1") as s, RawSocket(s) as ws:
        ws.socket.settimeout(3)
        with pytest.raises(Exception, match="nothing came"):
            ws.read_frame()
        ws.ended = False
        ws.say("alive")
        assert ws.read_message() == "alive"


def test_b62_without_a_timeout_silence_is_no_absence(server):
    with server("sockets:echo", "--ws-ping-interval", "1", "--ws-ping-timeout", "0") as s, RawSocket(s) as ws:
        assert [ws.read_frame().opcode for _ in range(3)] == [PING] * 3


def test_a_client_that_talks_is_not_given_up_for_its_pongs(server):
    with server("sockets:echo", "--ws-ping-interval", "1", "--ws-ping-timeout", "2") as s, RawSocket(s) as ws:
        pings = 0
        while pings < 4:  # each would be the last one, if talking did not count
            ws.say("I am busy")
            while (answer := ws.read_frame()).opcode == PING:
                pings += 1
            assert answer.payload == b"I am busy"


def test_a_stalled_application_costs_its_client_no_connection(server):
    flags = ("--ws-ping-interval", "1", "--ws-ping-timeout", "1", "--ws-max-queue", "1")
    with server("sockets:late", *flags) as s, RawSocket(s) as ws:
        s.wait_for_note("accepted")
        ws.send(text("one") + text("two"))
        assert ws.read_frame().opcode == PING
        ws.socket.settimeout(3)  # silence: an answer could not be heard behind the messages
        with pytest.raises(Exception, match="nothing came"):
            ws.read_frame()
        ws.ended = False
        s.open_gate("take")
        assert s.wait_for_note("message", count=2)["text"] == "two"


def test_idle_connections_hold_little_memory(server):
    with server("sockets:echo", "--worker-connections", "0") as s:
        sockets = [RawSocket(s) for _ in range(50)]
        before = s.worker_memory()
        sockets += [RawSocket(s) for _ in range(400)]
        for ws in sockets:
            for size in (100_000, 1):  # the last one is kept by the application
                ws.send(frame(BINARY, b"x" * size))
                assert len(ws.read_message()) == size
        each = (s.worker_memory() - before) / 400
        assert each < 32 * 1024
        for ws in sockets:
            ws.close()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="the allocator does not tell what is in use")
def test_silent_websockets_give_the_memory_of_compression_back(server):
    with server("sockets:echo_weighed", "--ws-ping-interval", "0") as s, contextlib.ExitStack() as stack:
        deflate = "sec-websocket-extensions: permessage-deflate"
        all_of_them = [stack.enter_context(RawSocket(s, "/", deflate)) for _ in range(100)]
        for ws in all_of_them:
            ws.say("a" * 10_000)
            assert ws.read_frame().reserved == 4
        before = int(s.get("/").body)
        deadline = time.monotonic() + 30
        while (now := int(s.get("/").body)) > before - 8 * MiB:
            assert time.monotonic() < deadline, f"{before} to {now}"
            time.sleep(0.1)
        for ws in all_of_them:
            ws.say("a" * 10_000)
            assert ws.read_frame().reserved == 4
