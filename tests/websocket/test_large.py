"""Large messages, which are read straight to where the application will have them."""

import contextlib
import random
import signal
import threading
import zlib

import pytest
from frames import BINARY, CONTINUATION, PING, PONG, TEXT, RawSocket, close, frame, text

KiB = 1024
MiB = 1024 * KiB


def pattern(size, seed=0):
    return random.Random(seed).randbytes(size)


def send_in_pieces(ws, witness, data, *sizes):
    """Sends pieces of these sizes, and then the rest. Each is read by itself: a turn reads all that has come before it
    answers anybody, so when the witness has its answer, the piece is no longer in the kernel."""
    for size in sizes:
        ws.send(data[:size])
        data = data[size:]
        witness.send(frame(PING))
        assert witness.read_frame().opcode == PONG
    ws.send(data)


@pytest.mark.parametrize("size", [32 * KiB - 1, 32 * KiB, 65535, 65536, 65537, 128 * KiB, 200_000, 3 * MiB])
def test_b52_messages_like_the_last_arrive_as_they_are(shared, size):
    with RawSocket(shared("sockets:echo")) as ws:
        for seed in range(4):
            message = pattern(size, seed)
            ws.send(frame(BINARY, message))
            assert ws.read_message() == message


@pytest.mark.parametrize("cut", [1, 2, 9, 10, 13, 14, 15, 16, 1000, 65536, 65549])
def test_b52_a_large_message_may_be_cut_anywhere(shared, cut):
    message, words = pattern(65536, cut), "wörds" * 13108
    s = shared("sockets:echo")
    with RawSocket(s) as ws, RawSocket(s) as witness:
        for _ in range(3):
            send_in_pieces(ws, witness, frame(BINARY, message), cut)
            assert ws.read_message() == message
        for _ in range(2):
            send_in_pieces(ws, witness, text(words), cut)
            assert ws.read_message() == words


def test_b52_a_message_of_many_pieces_arrives_as_it_is(shared):
    s = shared("sockets:echo")
    message = pattern(700_001)
    words = "".join(random.Random(1).choices("abcdefgh", k=700_001))
    with RawSocket(s) as ws, RawSocket(s) as witness:
        for size in (5_003, 131_072, 262_147):
            pieces = [size] * (700_000 // size)
            send_in_pieces(ws, witness, frame(BINARY, message), *pieces)
            assert ws.read_message() == message
            send_in_pieces(ws, witness, text(words), *pieces)
            assert ws.read_message() == words
        send_in_pieces(ws, witness, frame(BINARY, message), *[11] * 500)
        assert ws.read_message() == message


@pytest.mark.parametrize("seed", range(6))
def test_b52_what_comes_before_and_behind_large_messages_is_heard_in_order(shared, seed):
    """Messages of all sizes, fragments and pings, cut anywhere."""
    chance = random.Random(seed)
    s = shared("sockets:echo")
    sent, data = [], b""
    for number in range(40):
        payload = chance.randbytes(chance.choice([0, 5, 200, 20_000, 40_000, 65_536, 65_536, 65_536, 150_000]))
        kind = chance.choice(["bytes", "bytes", "text", "fragments", "ping"])
        if kind == "text":
            payload = payload.hex().encode()
            data += frame(TEXT, payload)
        elif kind == "bytes":
            data += frame(BINARY, payload)
        elif kind == "fragments":
            cut = chance.randint(0, len(payload))
            data += frame(BINARY, payload[:cut], last=False) + frame(PING, b"in") + frame(CONTINUATION, payload[cut:])
        else:
            data += frame(PING, b"%d" % number)
            continue
        sent.append(payload)
    cuts = [chance.choice([1, 13, 1_000, 65_550, 70_000]) for _ in range(20)]
    with RawSocket(s) as ws, RawSocket(s) as witness:
        got = []

        def take():
            while len(got) < len(sent):
                answer = ws.read_frame()
                if answer.opcode != PONG:
                    got.append(answer.payload)

        taker = threading.Thread(target=take)
        taker.start()
        send_in_pieces(ws, witness, data, *cuts)
        taker.join(timeout=60)
        assert [len(payload) for payload in got] == [len(payload) for payload in sent]
        assert got == sent


@pytest.mark.parametrize("size", [40_000, 65_536, 300_000])
def test_b52_large_messages_that_come_together_arrive_apart(shared, size):
    messages = [pattern(size, seed) for seed in range(8)]
    with RawSocket(shared("sockets:echo")) as ws:
        ws.send(frame(BINARY, messages[0]))
        assert ws.read_message() == messages[0]
        taken = []
        taker = threading.Thread(target=lambda: taken.extend(ws.read_message() for _ in messages))
        taker.start()
        ws.send(b"".join(frame(BINARY, message) for message in messages))
        taker.join(timeout=60)
        assert taken == messages


def test_b52_what_is_no_text_ends_it_and_is_not_seen(server):
    with server("sockets:listen") as s, RawSocket(s) as ws, RawSocket(s) as witness:
        ws.send(frame(BINARY, b"x" * 65_536))
        s.wait_for_note("message")
        send_in_pieces(ws, witness, frame(TEXT, b"x" * 100_000 + b"\xff") + text("behind it"), 50_000)
        ws.expect_close(1007)
        ws.expect_end()
        assert s.wait_for_note("disconnected")["code"] == 1007
        assert len([note for note in s.notes if note["event"] == "message"]) == 1


def test_b52_one_that_is_too_large_is_refused_by_its_head(server):
    with server("sockets:echo", "--ws-max-size", "65536") as s, RawSocket(s) as ws:
        for seed in range(3):
            ws.send(frame(BINARY, pattern(65_536, seed)))
            assert ws.read_message() == pattern(65_536, seed)
        ws.send(frame(BINARY, b"x" * 65_537)[:14])
        ws.expect_close(1009)


@pytest.mark.parametrize("opcode", [BINARY, TEXT])
def test_a_client_may_leave_within_a_large_message(server, opcode):
    with server("sockets:listen") as s, RawSocket(s) as witness:
        for how in ("close", "reset"):
            with RawSocket(s) as ws:
                ws.send(frame(BINARY, b"x" * 65_536))
                send_in_pieces(ws, witness, frame(opcode, b"x" * 65_536)[:-1], 30_000)
                getattr(ws, how)()
            s.wait_for_note("disconnected", count=1 if how == "close" else 2)
        codes = [note["code"] for note in s.notes if note["event"] == "disconnected"]
        assert codes == [1006, 1006]


def test_a_drain_within_a_large_message_says_goodbye(server):
    with server("sockets:listen", "--graceful-timeout", "20") as s, RawSocket(s) as ws, RawSocket(s) as witness:
        ws.send(frame(BINARY, b"x" * 65_536))
        s.wait_for_note("message")
        data = frame(BINARY, b"x" * 65_536) + close(1012)
        send_in_pieces(ws, witness, data[:40_000], 40_000)
        s.kill(signal.SIGTERM)
        ws.expect_close(1012)
        ws.send(data[40_000:])
        ws.expect_end()
        witness.expect_close(1012)
        witness.send(close(1012))
        assert s.wait_for_exit() == 0
        assert len([note for note in s.notes if note["event"] == "message"]) == 1


def test_an_application_that_comes_late_gets_all_large_messages(server):
    with server("sockets:late", "--ws-max-queue", "2") as s, RawSocket(s) as ws:
        s.wait_for_note("accepted")
        payloads = [b"%06d" % number * 10_000 for number in range(100)]
        sender = threading.Thread(target=lambda: [ws.send(frame(BINARY, payload)) for payload in payloads])
        sender.start()
        s.open_gate("take")
        s.wait_for_note("message", count=len(payloads))
        sender.join(timeout=60)
        messages = [note["bytes"] for note in s.notes if note["event"] == "message"]
        assert messages == [payload.decode() for payload in payloads]


def test_b64_compressed_and_plain_ones_take_turns(shared):
    offer = "sec-websocket-extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover"
    with RawSocket(shared("sockets:echo"), "/", offer) as ws:
        for seed in range(6):
            message = pattern(1_000, seed) * 70
            compressor = zlib.compressobj(wbits=-12)
            data = compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)
            ws.send(frame(BINARY, data[:-4], reserved=4) + frame(BINARY, message) + frame(PING))
            answers = [ws.read_frame() for _ in range(3)]
            assert sum(answer.opcode == PONG for answer in answers) == 1
            inflated = [
                zlib.decompressobj(wbits=-15).decompress(answer.payload + b"\0\0\xff\xff")
                for answer in answers
                if answer.opcode != PONG
            ]
            assert inflated == [message, message]


def test_an_application_may_end_within_a_large_message(server):
    with server("sockets:end_at_gate") as s, RawSocket(s) as ws, RawSocket(s) as witness:
        s.wait_for_note("accepted")
        ws.send(frame(BINARY, b"x" * 65_536))
        data = frame(BINARY, b"x" * 65_536)
        send_in_pieces(ws, witness, data[:40_000], 40_000)
        s.open_gate("end")
        ws.expect_close(1000)
        ws.send(data[40_000:] + close(1000))
        ws.expect_end()


def test_memory_for_a_large_message_comes_with_it(server):
    """Saying that much will come costs a client nothing, so it costs the server next to nothing."""
    with server("sockets:echo") as s, RawSocket(s) as witness, contextlib.ExitStack() as stack:
        before = s.worker_memory()
        head = frame(BINARY, b"x" * 16_000_000)[:100]
        sockets = [stack.enter_context(RawSocket(s)) for _ in range(20)]
        for ws in sockets:
            ws.send(head)
        witness.say("ping")
        assert witness.read_message() == "ping"
        assert s.worker_memory() - before < 8 * MiB
