"""Datagram endpoints: who sends what to whom. All of it is as on asyncio's loop, where the tests run, too."""

import asyncio
import contextvars
import gc
import os
import socket
import sys
import weakref

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


@pytest.mark.parametrize("family", ["inet", "inet6", "unix", "abstract"])
def test_who_answers_to_where_a_datagram_is_from_is_heard(loop, family, tmp_path):
    families = {
        "inet": (socket.AF_INET, ("127.0.0.1", 0), ("127.0.0.1", 0)),
        "inet6": (socket.AF_INET6, ("::1", 0), ("::1", 0)),
        "unix": (socket.AF_UNIX, str(tmp_path / "here"), str(tmp_path / "thereé")),
        "abstract": (socket.AF_UNIX, f"\0here {os.getpid()}", f"\0there {os.getpid()}"),
    }
    family, here, there = families[family]
    transport, protocol = endpoint(loop, sock=bound(family, here))
    with bound(family, there) as other:
        other.sendto(b"one", transport.get_extra_info("sockname"))
        other.sendto(b"two", transport.get_extra_info("sockname"))
        until(loop, protocol, lambda: len(protocol.received) == 2)
        assert protocol.received == [(b"one", other.getsockname()), (b"two", other.getsockname())]
        for _, address in protocol.received:
            transport.sendto(b"answer", address)
            assert other.recvfrom(100) == (b"answer", transport.get_extra_info("sockname"))
        transport.sendto(b"of my own", other.getsockname())
        assert other.recv(100) == b"of my own"
    close(loop, transport)


def test_two_who_send_in_turn_are_told_apart(loop):
    transport, protocol = endpoint(loop, local_addr=("127.0.0.1", 0))
    with bound() as one, bound() as other:
        for sender in [one, other, one, one, other]:
            count = len(protocol.received)
            sender.sendto(b"x", transport.get_extra_info("sockname"))
            until(loop, protocol, lambda count=count: len(protocol.received) > count)
            address = protocol.received[-1][1]
            assert address == sender.getsockname()
            transport.sendto(b"answer", address)
            assert sender.recv(100) == b"answer"
    close(loop, transport)


def test_a_sender_without_an_address_has_none(loop, tmp_path):
    path = str(tmp_path / "here")
    transport, protocol = endpoint(loop, family=socket.AF_UNIX, local_addr=path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.sendto(b"x", path)
        until(loop, protocol, lambda: protocol.received)
    assert protocol.received == [(b"x", None)]
    close(loop, transport)


def test_an_ipv6_address_may_leave_out_its_last_fields(loop):
    transport, _ = endpoint(loop, local_addr=("::1", 0))
    with bound(socket.AF_INET6, ("::1", 0)) as other:
        port = other.getsockname()[1]
        for address in [("::1", port), ("::1", port, 0), ("::1", port, 0, 0), ("0::0:1", port)]:
            transport.sendto(b"x", address)
            assert other.recv(100) == b"x"
    close(loop, transport)


def test_names_are_resolved(loop):
    transport, _ = endpoint(loop, local_addr=("127.0.0.1", 0))
    with bound() as other:
        transport.sendto(b"x", ("localhost", other.getsockname()[1]))
        assert other.recv(100) == b"x"
    close(loop, transport)


def test_the_info_is_that_of_the_socket(loop):
    with bound() as other:
        transport, protocol = endpoint(loop, remote_addr=other.getsockname())
        info = transport.get_extra_info
        assert info("peername") == other.getsockname()
        assert info("sockname") == info("socket").getsockname()
        assert info("nothing") is None and info("nothing", 5) == 5
        assert transport.get_protocol() is protocol and not transport.is_closing()
        assert isinstance(transport, asyncio.Transport)
        assert isinstance(transport, asyncio.DatagramTransport) == (sys.version_info >= (3, 12))
        close(loop, transport)
        assert transport.is_closing()
    transport, _ = endpoint(loop, local_addr=("127.0.0.1", 0))
    assert transport.get_extra_info("peername") is None
    close(loop, transport)


def test_a_connected_endpoint_sends_to_nobody_else(loop):
    with bound() as other, bound() as third:
        transport, _ = endpoint(loop, remote_addr=other.getsockname())
        for address in (None, other.getsockname()):
            transport.sendto(b"x", address)
            assert other.recv(100) == b"x"
        with pytest.raises(ValueError, match="Invalid address: must be None or ") as error:
            transport.sendto(b"x", third.getsockname())
        assert str(other.getsockname()) in str(error.value)
        close(loop, transport)


def test_with_broadcast_the_remote_address_is_sent_to_without_a_connection(loop):
    with bound() as other, bound() as third:
        transport, protocol = endpoint(loop, remote_addr=other.getsockname(), allow_broadcast=True)
        assert transport.get_extra_info("peername") is None
        transport.sendto(b"x")
        data, address = other.recvfrom(100)
        assert data == b"x"
        third.sendto(b"from elsewhere", ("127.0.0.1", address[1]))
        until(loop, protocol, lambda: protocol.received)
        assert protocol.received == [(b"from elsewhere", third.getsockname())]
        with pytest.raises(ValueError, match="Invalid address"):
            transport.sendto(b"x", third.getsockname())
        close(loop, transport)


@pytest.mark.parametrize("debug", [False, True])
def test_a_protocol_is_called_in_the_context_of_its_making(loop, debug):
    loop.set_debug(debug)
    variable, seen = contextvars.ContextVar("variable", default="outside"), []

    class Looking(Protocol):
        def datagram_received(self, data, address):
            seen.append(variable.get())
            variable.set("changed")
            super().datagram_received(data, address)

    async def make():
        variable.set("inside")
        return await loop.create_datagram_endpoint(Looking, ("127.0.0.1", 0))

    transport, protocol = loop.run_until_complete(make())
    for count in (1, 2):
        transport.sendto(b"x", transport.get_extra_info("sockname"))
        until(loop, protocol, lambda count=count: len(protocol.received) == count)
    assert seen == ["inside", "changed"]
    assert variable.get() == "outside"
    close(loop, transport)


@pytest.mark.parametrize("data", [bytearray(b"abc"), memoryview(b"abc"), memoryview(b"a.b.c")[::2]])
def test_bytes_of_other_classes_are_sent_if_sockets_take_them(loop, reports, data):
    transport, protocol = endpoint(loop, local_addr=("127.0.0.1", 0))
    with bound() as other:
        transport.sendto(data, other.getsockname())
        if len(data) == 3 and getattr(data, "c_contiguous", True):
            assert other.recv(100) == b"abc"
        else:
            run_briefly(loop)
            assert protocol.events() == ["made", "lost"]
            assert [type(report["exception"]) for report in reports] == [BufferError]
    close(loop, transport)


@pytest.mark.parametrize("data", [b"", bytearray(), memoryview(b"")])
def test_an_empty_datagram_is_sent_since_python_3_13(loop, data):
    transport, protocol = endpoint(loop, local_addr=("127.0.0.1", 0))
    for one in (data, b"last"):
        transport.sendto(one, transport.get_extra_info("sockname"))
    until(loop, protocol, lambda: protocol.received and protocol.received[-1][0] == b"last")
    assert [data for data, _ in protocol.received] == ([b"", b"last"] if SENDS_EMPTY else [b"last"])
    close(loop, transport)


def test_another_protocol_takes_over(loop):
    transport, first = endpoint(loop, local_addr=("127.0.0.1", 0))
    second = Protocol()
    transport.set_protocol(second)
    assert transport.get_protocol() is second
    transport.sendto(b"x", transport.get_extra_info("sockname"))
    until(loop, second, lambda: second.received)
    close(loop, transport)
    assert first.events() == ["made"] and second.events() == ["lost"]


def test_what_a_datagram_schedules_runs_before_the_next_one_comes(loop):
    events = []

    class Scheduling(Protocol):
        def datagram_received(self, data, address):
            super().datagram_received(data, address)
            events.append(("datagram", data))
            loop.call_soon(events.append, ("call", data))

    transport, protocol = endpoint(loop, Scheduling, local_addr=("127.0.0.1", 0))
    for number in range(40):
        transport.sendto(b"%d" % number, transport.get_extra_info("sockname"))
    until(loop, protocol, lambda: len(protocol.received) == 40)
    run_briefly(loop)
    assert events == [(kind, b"%d" % number) for number in range(40) for kind in ("datagram", "call")]
    close(loop, transport)


def test_many_datagrams_do_not_hold_up_another_socket(loop):
    class Counting(asyncio.DatagramProtocol):
        """Schedules nothing until the last one has come."""

        def __init__(self):
            self.received = []

        def datagram_received(self, data, address):
            self.received.append(int(data))
            if len(self.received) % 100 == 0:
                loop.stop()

    transport, protocol = endpoint(loop, Counting, local_addr=("127.0.0.1", 0))
    limit, seen, (ours, theirs) = loop.call_later(30, loop.stop), [], socket.socketpair()
    with ours, theirs:
        for begin in (0, 100):
            for number in range(begin, begin + 100):
                transport.sendto(b"%d" % number, transport.get_extra_info("sockname"))
            theirs.send(b"x")
            loop.add_reader(ours, lambda: seen.append((len(protocol.received), ours.recv(10))))
            loop.run_forever()
            loop.remove_reader(ours)
    limit.cancel()
    assert protocol.received == list(range(200))
    assert [data for _, data in seen] == [b"x", b"x"]
    assert seen[0][0] <= 32 and seen[1][0] <= 132
    close(loop, transport)


def test_an_endpoint_that_feeds_itself_does_not_hold_up_timers(loop):
    class Echo(asyncio.DatagramProtocol):
        """Never has an empty socket."""

        def datagram_received(self, data, address):
            transport.sendto(data, address)

    transport, _ = endpoint(loop, Echo, local_addr=("127.0.0.1", 0))
    for _ in range(10):
        transport.sendto(b"x", transport.get_extra_info("sockname"))
    loop.run_until_complete(asyncio.wait_for(asyncio.sleep(0.01), 30))
    close(loop, transport)


def test_endpoints_may_share_a_port(loop):
    first, _ = endpoint(loop, local_addr=("127.0.0.1", 0), reuse_port=True)
    address = first.get_extra_info("sockname")
    second, _ = endpoint(loop, local_addr=address, reuse_port=True)
    assert second.get_extra_info("sockname") == address
    with pytest.raises(OSError, match="already in use"):
        endpoint(loop, local_addr=address)
    close(loop, first, second)


def test_a_socket_with_methods_of_its_own_is_used_through_them(loop):
    class Wrapping(socket.socket):
        def sendto(self, data, address):
            return super().sendto(b"<%s>" % data, address)

        def recvfrom(self, size):
            data, address = super().recvfrom(size)
            return data + b"!", address

    transport, protocol = endpoint(loop, sock=bound(kind=Wrapping))
    transport.sendto(b"x", transport.get_extra_info("sockname"))
    until(loop, protocol, lambda: protocol.received)
    assert protocol.received == [(b"<x>!", transport.get_extra_info("sockname"))]
    close(loop, transport)


def test_a_socket_has_one_transport(loop):
    transport, _ = endpoint(loop, local_addr=("127.0.0.1", 0))
    with pytest.raises(RuntimeError, match="is used by transport"):
        loop.remove_reader(transport.get_extra_info("socket").fileno())
    close(loop, transport)


def test_a_large_datagram_comes_whole(loop, tmp_path):
    path = str(tmp_path / "here")
    transport, protocol = endpoint(loop, family=socket.AF_UNIX, local_addr=path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.sendto(b"x" * 100_000, path)
        until(loop, protocol, lambda: protocol.received)
    assert protocol.received == [(b"x" * 100_000, None)]
    close(loop, transport)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="until then they are refused")
def test_sockets_of_other_kinds_are_served(loop):
    """Packets in order, between two that have no address."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        transport, protocol = endpoint(loop, sock=ours)
        theirs.send(b"x")
        until(loop, protocol, lambda: protocol.received)
        assert protocol.received[0][0] == b"x"
        close(loop, transport)


AUDITED = []
"""Audit hooks stay for ever: there is one, which tells the last list, if that is one."""


@pytest.fixture
def audited():
    if not AUDITED:
        AUDITED.append(None)
        sys.addaudithook(lambda *event: AUDITED[-1] is not None and AUDITED[-1].append(event))
    AUDITED.append([])
    yield AUDITED[-1]
    AUDITED[:] = [None]


def test_audit_hooks_see_whom_is_sent_to(loop, audited):
    transport, _ = endpoint(loop, local_addr=("127.0.0.1", 0))
    with bound() as other:
        address = other.getsockname()
        del audited[:]
        transport.sendto(b"x", address)
        assert [(event, given[1]) for event, given in audited] == [("socket.sendto", address)]
        assert audited[0][1][0].fileno() == transport.get_extra_info("socket").fileno()
    close(loop, transport)


def test_an_endpoint_that_is_dropped_closes_its_socket(loop):
    needs_pauses(loop)
    transport, protocol = endpoint(loop, local_addr=("127.0.0.1", 0))
    transport.pause_reading()
    run_briefly(loop)
    number = transport.get_extra_info("socket").fileno()
    weak = weakref.ref(protocol)
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        del transport, protocol
        gc.collect()
    assert weak() is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_a_reading_endpoint_that_somebody_forgets_goes_with_its_loop():
    loop = eventloop.new_event_loop()
    transport, protocol = endpoint(loop, local_addr=("127.0.0.1", 0))
    weak = weakref.ref(protocol)
    loop.close()
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        del transport, protocol, loop
        gc.collect()
    assert weak() is None
