"""What clients may not take too long for (B38), and what no client is blamed for."""

import os
import signal
import time

import pytest

SIZED = b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


def let_pass(client, seconds):
    """The time that is the subject of the test; the server must do nothing meanwhile."""
    client.socket.settimeout(seconds)
    with pytest.raises(TimeoutError):
        client.socket.recv(1)
    client.socket.settimeout(15)


def drip(client, data, seconds):
    """Sends a byte from time to time, until all are sent or the server says something."""
    client.socket.settimeout(seconds / len(data))
    for byte in data:
        client.send(bytes([byte]))
        try:
            client.buffer += client.socket.recv(65536)
        except TimeoutError:
            continue
        break
    client.socket.settimeout(15)


def test_b38_the_time_for_a_head_is_a_setting(server):
    with server("echo:path", "--header-timeout", "1") as s, s.connect() as silent, s.connect() as halting:
        halting.send(b"GET / HTTP/1.1\r\nhost: x\r\n")
        silent.expect_closed()
        response = halting.read_response()
        assert (response.status, response.body) == (408, b"request head was not received in time\n")
        halting.expect_closed()
        assert s.get("/next").body == b"/next"


@pytest.mark.parametrize("start", [SIZED % (b"/", 9) + b"half", CHUNKED + b"4\r\nhalf\r\n"], ids=["sized", "chunked"])
def test_a_body_that_stops_coming_is_answered_with_408(server, start):
    with server("deadlines:upload", "--body-timeout", "1", "--access-logfile", "-") as s, s.connect() as client:
        client.send(start)
        response = client.read_response()
        assert (response.status, response.body) == (408, b"request body was not received in time\n")
        assert response.closes
        client.expect_closed()
        note = s.wait_for_note("disconnect")
        assert (note["again"], note["error"]) == ("http.disconnect", "RuntimeError")  # no head was sent
        assert s.stdout.wait_for(r'"POST / HTTP/1.1" 408 ')


def test_a_body_that_stops_coming_after_the_answer_began_resets_the_connection(server):
    with server("deadlines:upload", "--body-timeout", "1") as s, s.connect() as client:
        client.send(SIZED % (b"/begun", 9) + b"half")
        response = client.read_response()
        assert response.status == 200 and response.body == b"begun" and not response.complete
        assert client.was_reset
        assert s.wait_for_note("disconnect")["error"] == "ClientDisconnected"
        s.wait_for_line(r"\[WARNING\] Invalid request from ip=127.0.0.1: request body was not received in time")


def test_a_body_that_drips_is_too_slow_if_its_length_was_announced(server):
    with server("deadlines:upload", "--body-timeout", "2", "--body-min-rate", "50") as s, s.connect() as client:
        client.send(SIZED % (b"/", 1000))
        drip(client, b"x" * 60, 12)
        assert client.read_response().status == 408


def test_a_body_in_chunks_may_drip(server):
    with server("deadlines:upload", "--body-timeout", "1", "--body-min-rate", "50") as s, s.connect() as client:
        client.send(CHUNKED)
        drip(client, b"1\r\nx\r\n" * 2 + b"0\r\n\r\n", 5)
        assert client.read_response().body == b"2"


def test_a_body_that_is_fast_enough_may_take_as_long_as_it_likes(server):
    with server("deadlines:upload", "--body-timeout", "1", "--body-min-rate", "2") as s, s.connect() as client:
        client.send(SIZED % (b"/", 40))
        drip(client, b"x" * 40, 4)
        assert client.read_response().body == b"40"


@pytest.mark.parametrize("size", [9, 5_000_000])
def test_an_upload_is_not_cut_while_the_application_does_not_read_it(server, size):
    """5 MB are more than what is read ahead: the rest of them waits for us, not we for it."""
    with server("deadlines:upload", "--body-timeout", "1") as s, s.connect() as client:
        client.send(SIZED % (b"/gated", size))
        client.socket.setblocking(False)
        sent = client.socket.send(b"x" * (size // 2))
        s.wait_for_note("called")
        let_pass(client, 3)
        s.open_gate("read")
        client.send(b"x" * (size - sent))
        assert client.read_response().body == b"%d" % size


def test_a_client_that_was_not_told_to_continue_is_not_late(server):
    with server("deadlines:upload", "--body-timeout", "1") as s, s.connect() as client:
        client.send((SIZED % (b"/gated", 4)).replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
        s.wait_for_note("called")
        let_pass(client, 3)
        s.open_gate("read")
        assert client.read_one_head().status == 100
        client.send(b"body")
        assert client.read_response().body == b"4"


def test_a_client_that_was_not_told_to_continue_is_not_late_for_an_answer_that_began(server):
    with server("deadlines:upload", "--body-timeout", "1") as s, s.connect() as client:
        client.send((SIZED % (b"/begun", 4)).replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
        assert client.read_head().chunked and client.read_chunk() == b"begun"
        let_pass(client, 3)


def test_no_body_timeout_waits_for_ever(server):
    with server("deadlines:upload", "--body-timeout", "0", "--body-min-rate", "9999") as s, s.connect() as client:
        client.send(SIZED % (b"/", 8) + b"half")
        s.wait_for_note("received")
        let_pass(client, 3)
        client.send(b"rest")
        assert client.read_response().body == b"8"


def test_no_client_is_blamed_for_a_worker_that_was_stopped(server):
    flags = ("--body-timeout", "2", "--header-timeout", "2", "--timeout", "0")
    with server("deadlines:upload", *flags) as s, s.connect() as uploading, s.connect() as asking:
        asking.send(SIZED[:-4] % (b"/", 4))
        uploading.send(SIZED % (b"/", 8) + b"half")
        s.wait_for_note("received")
        (worker,) = s.worker_pids()
        os.kill(worker, signal.SIGSTOP)
        let_pass(uploading, 4)
        os.kill(worker, signal.SIGCONT)
        let_pass(uploading, 0.2)  # time enough to blame somebody
        uploading.send(b"rest")
        asking.send(b"\r\n\r\nbody")
        assert uploading.read_response().body == b"8"
        assert asking.read_response().body == b"4"


def test_a_client_that_does_not_read_is_reset(server):
    with server("deadlines:download", "--write-timeout", "1") as s, s.connect() as client:
        assert s.get("/warm-up").status == 200
        before = s.worker_memory()
        client.get("/")
        note = s.wait_for_note("cut")
        assert (note["error"], note["heard"]) == ("ClientDisconnected", "http.disconnect")
        assert s.worker_memory() - before < 16 << 20
        s.wait_for_line(r"\[INFO\] Response was not read in time by ip=127.0.0.1")
        assert not client.read_response().complete
        assert client.was_reset


def test_a_client_that_reads_slowly_is_not(server):
    with server("deadlines:download", "--write-timeout", "2") as s, s.connect() as client:
        client.get("/")
        client.read_head()
        for _ in range(10):
            assert len(client.read_bytes(1 << 20)) == 1 << 20
            time.sleep(0.5)  # the client's pace, which is the subject
        assert not s.notes
