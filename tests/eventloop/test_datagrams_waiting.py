"""Datagram endpoints: what waits, and how they end. All of it is as on asyncio's loop, where the tests run, too."""

import logging
import os
import socket

import pytest
from eventloop.datagrams import (
    SENDS_EMPTY,
    Protocol,
    bound,
    close,
    endpoint,
    needs_pauses,
    run_briefly,
    until,
)
from rgunicorn import eventloop


class Full:
    """An endpoint whose datagrams nobody takes: for unix sockets, that is soon."""

    def __init__(self, loop, path, marks=(2000, 1000)):
        self.other = bound(socket.AF_UNIX, str(path / "there"))
        self.transport, self.protocol = endpoint(loop, family=socket.AF_UNIX, remote_addr=str(path / "there"))
        self.transport.set_write_buffer_limits(*marks)
        self.header = 8 if SENDS_EMPTY else 0
        self.sent = self.waiting = 0

    def send(self, count):
        for _ in range(count):
            before = self.transport.get_write_buffer_size()
            self.transport.sendto(b"%100d" % self.sent)
            self.sent += 1
            self.waiting += self.transport.get_write_buffer_size() > before

    def fill(self):
        while not self.waiting:
            self.send(1)

    def take(self, count):
        return [int(self.other.recv(1000)) for _ in range(count)]


@pytest.fixture
def full(loop, tmp_path):
    full = Full(loop, tmp_path)
    with full.other:
        yield full
        if not full.transport.is_closing():
            close(loop, full.transport)


def test_what_finds_no_room_waits_and_arrives_in_order(loop, full):
    full.fill()
    full.send(99)
    assert full.waiting == 100
    assert full.transport.get_write_buffer_size() == 100 * (100 + full.header)
    assert full.transport.get_write_buffer_limits() == (1000, 2000)
    assert full.protocol.events() == ["made", "pause"]
    assert full.transport._protocol_paused
    taken = []
    while full.transport._protocol_paused:
        taken += full.take(1)
        run_briefly(loop)
    assert full.protocol.events() == ["made", "pause", "resume"]
    full.send(1)
    while len(taken) < full.sent:
        taken += full.take(1)
        run_briefly(loop)
    assert taken == list(range(full.sent))


def test_once_all_is_sent_nothing_waits_on_our_loop(tmp_path):
    """asyncio's own counts the headers for ever, in Python 3.13.0."""
    loop = eventloop.new_event_loop()
    full = Full(loop, tmp_path)
    full.fill()
    full.send(5)
    taken = []
    while len(taken) < full.sent:
        taken += full.take(1)
        run_briefly(loop)
    assert full.transport.get_write_buffer_size() == 0
    full.other.close()
    close(loop, full.transport)
    loop.close()


def test_a_buffer_above_its_new_limit_pauses_the_protocol(loop, full):
    full.fill()
    assert full.protocol.events() == ["made"]
    full.transport.set_write_buffer_limits(high=10)
    assert full.protocol.events() == ["made", "pause"]
    assert full.transport.get_write_buffer_limits() == (2, 10)
    with pytest.raises(ValueError, match=r"high \(1\) must be >= low \(2\) must be >= 0"):
        full.transport.set_write_buffer_limits(1, 2)


def test_what_waits_does_not_change(loop, full):
    full.fill()
    data = bytearray(b"before")
    full.transport.sendto(data)
    data[:] = b"later!"
    full.take(full.sent - 1)
    run_briefly(loop)
    full.take(1)
    run_briefly(loop)
    assert full.other.recv(100) == b"before"


def test_a_pause_that_fails_is_reported(loop, full, reports):
    def fail():
        raise LookupError

    full.protocol.pause_writing = fail
    full.fill()
    full.transport.set_write_buffer_limits(10)
    assert [report["message"] for report in reports] == ["protocol.pause_writing() failed"]
    assert reports[0]["transport"] is full.transport and reports[0]["protocol"] is full.protocol


def test_who_closes_sends_the_rest_first(loop, full):
    full.fill()
    full.send(3)
    full.transport.close()
    run_briefly(loop)
    assert full.transport.is_closing() and full.protocol.events()[-1] != "lost"
    taken = []
    while len(taken) < full.sent:
        taken += full.take(1)
        run_briefly(loop)
    assert taken == list(range(full.sent))
    until(loop, full.protocol, lambda: "lost" in full.protocol.events())
    assert full.protocol.told[-1] == ("lost", None)


def test_who_aborts_sends_no_more(loop, full):
    full.fill()
    full.transport.abort()
    run_briefly(loop)
    assert full.protocol.told[-1] == ("lost", None)
    assert full.take(full.sent - 1) == list(range(full.sent - 1))
    full.other.setblocking(False)
    with pytest.raises(BlockingIOError):
        full.other.recv(100)


def test_an_error_while_sending_the_rest_is_told_and_the_others_are_sent(loop, tmp_path):
    """To somebody who is gone, and to somebody who is there."""
    gone, there = str(tmp_path / "gone"), str(tmp_path / "there")
    transport, protocol = endpoint(loop, family=socket.AF_UNIX)
    with bound(socket.AF_UNIX, gone) as first, bound(socket.AF_UNIX, there) as other:
        while not transport.get_write_buffer_size():
            transport.sendto(b"x", gone)
        transport.sendto(b"rest", there)
        first.close()
        os.remove(gone)
        until(loop, protocol, lambda: "error" in protocol.events())
        run_briefly(loop)
        assert type(protocol.told[-1][1]) in (FileNotFoundError, ConnectionRefusedError)
        assert other.recv(100) == b"rest"
    close(loop, transport)


def test_close_is_told_once_and_later(loop):
    transport, protocol = endpoint(loop, local_addr=("127.0.0.1", 0))
    transport.close()
    transport.close()
    transport.abort()
    assert protocol.events() == ["made"]
    run_briefly(loop)
    assert protocol.told[1:] == [("lost", None)]
    assert transport.get_extra_info("socket").fileno() == -1


def test_a_datagram_that_comes_after_close_is_not_received(loop):
    transport, protocol = endpoint(loop, local_addr=("127.0.0.1", 0))
    transport.sendto(b"x", transport.get_extra_info("sockname"))
    transport.close()
    run_briefly(loop)
    assert protocol.received == []


def test_late_sends_of_a_connected_endpoint_are_warned_of(loop, caplog):
    with bound() as other, caplog.at_level(logging.WARNING, "asyncio"):
        transport, _ = endpoint(loop, remote_addr=other.getsockname())
        transport.close()
        run_briefly(loop)
        for number in range(6):
            assert len(caplog.records) == max(0, number - 4)
            transport.sendto(b"late")
    assert {record.getMessage() for record in caplog.records} == {"socket.send() raised exception."}


def test_an_unconnected_endpoint_sends_until_its_end(loop):
    transport, _ = endpoint(loop, local_addr=("127.0.0.1", 0))
    with bound() as other:
        transport.close()
        transport.sendto(b"late", other.getsockname())
        assert other.recv(100) == b"late"
    run_briefly(loop)


def test_late_sends_to_anywhere_are_warned_of_on_our_loop(caplog):
    loop = eventloop.new_event_loop()
    with caplog.at_level(logging.WARNING, "asyncio"):
        transport, _ = endpoint(loop, local_addr=("127.0.0.1", 0))
        close(loop, transport)
        for _ in range(6):
            transport.sendto(b"late", ("127.0.0.1", 9))
    assert len(caplog.records) == 2
    loop.close()


def test_a_paused_endpoint_leaves_datagrams_where_they_are(loop):
    needs_pauses(loop)
    transport, protocol = endpoint(loop, local_addr=("127.0.0.1", 0))
    transport.pause_reading()
    transport.pause_reading()
    assert not transport.is_reading()
    transport.sendto(b"x", transport.get_extra_info("sockname"))
    run_briefly(loop)
    assert protocol.received == []
    transport.resume_reading()
    transport.resume_reading()
    until(loop, protocol, lambda: protocol.received)
    close(loop, transport)
    assert not transport.is_reading()


def test_a_protocol_that_pauses_gets_no_more(loop):
    needs_pauses(loop)

    class Pausing(Protocol):
        def datagram_received(self, data, address):
            super().datagram_received(data, address)
            self.transport.pause_reading()

    transport, protocol = endpoint(loop, Pausing, local_addr=("127.0.0.1", 0))
    for _ in range(40):
        transport.sendto(b"x", transport.get_extra_info("sockname"))
    for count in range(1, 41):
        until(loop, protocol, lambda count=count: len(protocol.received) >= count)
        run_briefly(loop)
        assert len(protocol.received) == count
        transport.resume_reading()
    close(loop, transport)


def test_the_text_of_an_endpoint_tells_its_state(loop, full):
    assert "DatagramTransport fd=" in repr(full.transport) and "read=polling" in repr(full.transport)
    full.fill()
    assert f"write=<polling, bufsize={100 + full.header}>" in repr(full.transport)
    full.transport.close()
    assert " closing " in repr(full.transport) and "read=idle" in repr(full.transport)
    full.transport.abort()
    run_briefly(loop)
    assert " closed" in repr(full.transport)
