"""Datagram endpoints: what fails, and who is told. All of it is as on asyncio's loop, where the tests run, too."""

import asyncio
import errno
import os
import socket

import pytest
from eventloop.datagrams import Protocol, bound, close, endpoint, run_briefly, until

TOO_LARGE = b"x" * 70_000


@pytest.mark.parametrize("address", [("127.0.0.1", 65536), ("127.0.0.1", -1), ("127.0.0.1", "80"), None, "x", ()])
def test_a_destination_that_is_none_ends_the_connection(loop, reports, address):
    transport, protocol = endpoint(loop, local_addr=("127.0.0.1", 0))
    transport.sendto(b"x", address)
    run_briefly(loop)
    assert protocol.events() == ["made", "lost"]
    error = protocol.told[-1][1]
    assert isinstance(error, (TypeError, OverflowError))
    assert [(report["exception"], report["message"]) for report in reports] == [
        (error, "Fatal write error on datagram transport")
    ]
    assert reports[0]["transport"] is transport and reports[0]["protocol"] is protocol


def test_a_refusal_is_told_with_its_number(loop):
    with bound() as other:
        address = other.getsockname()
    transport, protocol = endpoint(loop, remote_addr=address)
    transport.sendto(b"x")
    until(loop, protocol, lambda: "error" in protocol.events())
    error = protocol.told[-1][1]
    assert type(error) is ConnectionRefusedError
    assert (error.errno, str(error)) == (errno.ECONNREFUSED, f"[Errno 111] {os.strerror(111)}")
    assert not transport.is_closing()
    close(loop, transport)


def test_a_datagram_that_is_too_large_is_told_at_once(loop):
    transport, protocol = endpoint(loop, local_addr=("127.0.0.1", 0))
    with bound() as other:
        transport.sendto(TOO_LARGE, other.getsockname())
        error = protocol.told[-1][1]
        assert (type(error), str(error)) == (OSError, "[Errno 90] Message too long")
        transport.sendto(b"x", other.getsockname())
        assert other.recv(100) == b"x"
    close(loop, transport)


def test_what_error_received_raises_while_sending_is_for_the_sender(loop):
    class Raising(Protocol):
        def error_received(self, error):
            raise LookupError

    transport, _ = endpoint(loop, Raising, local_addr=("127.0.0.1", 0))
    with pytest.raises(LookupError):
        transport.sendto(TOO_LARGE, transport.get_extra_info("sockname"))
    assert not transport.is_closing()
    close(loop, transport)


class Failing(Protocol):
    def datagram_received(self, data, address):
        super().datagram_received(data, address)
        if data == b"fail":
            raise LookupError(data)

    def error_received(self, error):
        super().error_received(error)
        raise LookupError from error


def test_a_protocol_that_fails_is_reported_and_receives_the_next(loop, reports):
    transport, protocol = endpoint(loop, Failing, local_addr=("127.0.0.1", 0))
    with bound() as other:
        for data in (b"fail", b"well"):
            other.sendto(data, transport.get_extra_info("sockname"))
        until(loop, protocol, lambda: len(protocol.received) == 2)
    assert [set(report) - {"source_traceback"} for report in reports] == [{"message", "exception", "handle"}]
    assert reports[0]["message"].startswith("Exception in callback ")
    assert "DatagramTransport._read_ready()" in reports[0]["message"]
    assert isinstance(reports[0]["exception"], LookupError) and isinstance(reports[0]["handle"], asyncio.Handle)
    assert not transport.is_closing()
    close(loop, transport)


def test_what_error_received_raises_while_receiving_is_reported(loop, reports):
    with bound() as other:
        address = other.getsockname()
    transport, protocol = endpoint(loop, Failing, remote_addr=address)
    transport.sendto(b"x")
    until(loop, protocol, lambda: "error" in protocol.events())
    run_briefly(loop)
    assert [type(report["exception"]) for report in reports] == [LookupError]
    close(loop, transport)


def test_what_ends_the_process_ends_the_loop(loop):
    class Interrupting(Protocol):
        def datagram_received(self, data, address):
            raise KeyboardInterrupt

    transport, _ = endpoint(loop, Interrupting, local_addr=("127.0.0.1", 0))
    transport.sendto(b"x", transport.get_extra_info("sockname"))
    limit = loop.call_later(30, loop.stop)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    limit.cancel()
    close(loop, transport)


def test_text_is_refused(loop):
    transport, _ = endpoint(loop, local_addr=("127.0.0.1", 0))
    with pytest.raises(TypeError, match="data argument must be a bytes-like object, not 'str'"):
        transport.sendto("text", transport.get_extra_info("sockname"))
    close(loop, transport)


def test_an_error_of_such_a_method_ends_the_connection(loop, reports):
    class Broken(socket.socket):
        def recvfrom(self, size):
            raise LookupError

    transport, protocol = endpoint(loop, sock=bound(kind=Broken))
    transport.sendto(b"x", transport.get_extra_info("sockname"))
    until(loop, protocol, lambda: "lost" in protocol.events())
    assert [report["message"] for report in reports] == ["Fatal read error on datagram transport"]
    assert isinstance(protocol.told[-1][1], LookupError)
