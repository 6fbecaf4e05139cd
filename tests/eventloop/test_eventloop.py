"""What our loop promises beyond asyncio's tests."""

import asyncio
import contextvars
import errno
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref

import pytest
from rgunicorn import eventloop


@pytest.fixture
def loop():
    loop = eventloop.new_event_loop()
    yield loop
    loop.close()


def run_briefly(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


def nothing():
    pass


def test_run_gives_the_result_of_a_coroutine_on_our_loop():
    async def main():
        await asyncio.sleep(0)
        return type(asyncio.get_running_loop())

    assert eventloop.run(main()) is eventloop.EventLoop


def test_run_within_a_running_loop_is_refused():
    async def main():
        coroutine = asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="cannot be called"):
            eventloop.run(coroutine)
        coroutine.close()

    eventloop.run(main())


def test_handles_and_transports_are_instances_of_asyncios_classes(loop):
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=ours))
        assert isinstance(transport, asyncio.Transport)
        assert isinstance(loop.call_soon(nothing), asyncio.Handle)
        assert isinstance(loop.call_later(0, nothing), asyncio.TimerHandle)
        transport.abort()
        run_briefly(loop)


def test_a_handle_that_somebody_keeps_is_not_used_again(loop):
    kept = loop.call_soon(nothing)
    run_briefly(loop)
    calls = []
    others = [loop.call_soon(calls.append, number) for number in range(3)]
    assert all(other is not kept for other in others)
    kept.cancel()
    run_briefly(loop)
    assert calls == [0, 1, 2]


def test_a_handle_that_a_weak_reference_points_to_is_not_used_again(loop):
    weak = weakref.ref(loop.call_soon(nothing))
    run_briefly(loop)
    loop.call_soon(nothing)
    assert weak() is None
    run_briefly(loop)


def test_a_handle_is_cancelled_by_the_callback_before_it(loop):
    calls = []
    loop.call_soon(lambda: second.cancel())
    second = loop.call_soon(calls.append, "second")
    run_briefly(loop)
    assert calls == [] and second.cancelled()


def test_timers_for_the_same_time_run_in_the_order_of_their_making(loop):
    calls, when = [], loop.time()
    for number in range(100):
        loop.call_at(when, calls.append, number)
    loop.call_at(when, loop.stop)
    loop.run_forever()
    assert calls == list(range(100))


def test_cancelled_timers_do_not_heap_up(loop):
    handles = weakref.WeakSet()
    for _ in range(20_000):
        handle = loop.call_later(3600, nothing)
        handles.add(handle)
        handle.cancel()
    del handle
    assert len(handles) < 1000


def test_a_cancelled_timer_lets_go_of_its_callback(loop):
    class Callback:
        def __call__(self):
            pass

    callback = Callback()
    weak = weakref.ref(callback)
    handle = loop.call_later(3600, callback)
    del callback
    assert weak() is not None
    handle.cancel()
    assert weak() is None


def test_what_is_written_in_one_turn_arrives_in_one_piece(loop):
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=ours))

        async def write():
            for piece in (b"one ", bytearray(b"two "), memoryview(b"three")):
                transport.write(piece)
            assert transport.get_write_buffer_size() == 13
            await asyncio.sleep(0)
            assert transport.get_write_buffer_size() == 0

        loop.run_until_complete(write())
        assert theirs.recv(100) == b"one two three"
        transport.abort()
        run_briefly(loop)


def test_what_is_written_while_the_loop_does_not_run_leaves_at_once(loop):
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=ours))
        transport.write(b"now")
        assert theirs.recv(100) == b"now"
        transport.abort()
        run_briefly(loop)


def test_an_end_that_comes_with_the_last_bytes_is_seen(loop):
    ours, theirs = socket.socketpair()
    theirs.sendall(b"last")
    theirs.close()

    async def read():
        reader, writer = await asyncio.open_connection(sock=ours)
        assert await reader.read() == b"last"
        writer.close()

    loop.run_until_complete(asyncio.wait_for(read(), 30))


class Stream(asyncio.Protocol):
    """Keeps why its connection was lost."""

    def __init__(self):
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, error):
        self.lost.set_result(error)


class StreamIntoBuffer(asyncio.BufferedProtocol, Stream):
    def get_buffer(self, _):
        return bytearray(10)


@pytest.mark.parametrize("protocol", [Stream, StreamIntoBuffer])
@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.EPIPE])
def test_a_connection_that_breaks_tells_the_number_of_the_error(loop, protocol, number):
    ours, theirs = socket.socketpair()

    async def main():
        transport, made = await loop.create_connection(protocol, sock=ours)
        transport.write(b"never read")
        await asyncio.sleep(0)
        theirs.close()
        if number == errno.EPIPE:
            transport.write(b"to nobody")
        return await asyncio.wait_for(made.lost, 30)

    error = loop.run_until_complete(main())
    assert type(error) is type(OSError(number, ""))
    assert (error.errno, str(error)) == (number, f"[Errno {number}] {os.strerror(number)}")


class Noting(asyncio.Protocol, asyncio.DatagramProtocol):
    """Keeps in order what the loop called."""

    def __init__(self, events):
        self.events = events

    def data_received(self, data):
        self.events.append(data)

    def datagram_received(self, data, address):
        self.events.append(data)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_what_was_scheduled_before_an_event_runs_before_it(loop, kind):
    events = []
    connect = loop.create_connection if kind == socket.SOCK_STREAM else loop.create_datagram_endpoint
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    with theirs:
        transport, _ = loop.run_until_complete(connect(lambda: Noting(events), sock=ours))
        run_briefly(loop)
        theirs.send(b"data")
        loop.call_soon(events.append, "call")
        loop.call_soon(lambda: loop.call_soon(events.append, "call of a call"))
        run_briefly(loop)
        run_briefly(loop)
        assert events == ["call", b"data", "call of a call"]
        transport.abort()
        run_briefly(loop)


def test_an_event_is_not_lost_where_the_loop_is_interrupted_before_it(loop):
    events = []

    def interrupt():
        raise KeyboardInterrupt

    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = loop.run_until_complete(loop.create_connection(lambda: Noting(events), sock=ours))
        run_briefly(loop)
        theirs.send(b"data")
        loop.call_soon(interrupt)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        assert events == []
        run_briefly(loop)
        assert events == [b"data"]
        transport.abort()
        run_briefly(loop)


def test_no_wake_up_of_a_thread_is_lost(loop):
    """The loop goes to sleep between any two of them."""

    async def main():
        for _ in range(2000):
            future = loop.create_future()
            asked.set_result_later = future
            requests.release()
            await asyncio.wait_for(future, 30)

    class asked:
        set_result_later = None

    requests, over = threading.Semaphore(0), False

    def answer():
        while requests.acquire() and not over:
            loop.call_soon_threadsafe(asked.set_result_later.set_result, None)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        loop.run_until_complete(main())
    finally:
        over = True
        requests.release()
        thread.join()


def test_a_busy_loop_serves_sockets_and_timers(loop):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(b"x")
        busy = True

        def work():
            if busy:
                loop.call_soon(work)

        async def main():
            nonlocal busy
            read, slept = loop.create_future(), asyncio.ensure_future(asyncio.sleep(0.01))
            loop.add_reader(ours, read.set_result, None)
            loop.call_soon(work)
            await asyncio.wait_for(read, 30)
            loop.remove_reader(ours)
            await asyncio.wait_for(slept, 30)
            busy = False

        loop.run_until_complete(main())


def test_a_reader_that_leaves_bytes_behind_is_called_again(loop):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(b"three")
        got = []

        def read():
            got.append(ours.recv(2))
            if len(got) == 3:
                loop.stop()

        loop.add_reader(ours, read)
        loop.run_forever()
        loop.remove_reader(ours)
        assert got == [b"th", b"re", b"e"]


def test_a_descriptor_that_took_the_place_of_a_closed_one_is_watched(loop):
    first, other = socket.socketpair()
    number = first.fileno()
    loop.add_reader(number, nothing)
    first.close()
    other.close()
    ours, theirs = socket.socketpair()
    os.dup2(ours.fileno(), number)
    loop.add_reader(number, loop.stop)
    theirs.send(b"x")
    loop.run_forever()
    loop.remove_reader(number)
    ours.close()
    theirs.close()


def test_a_callback_may_run_the_loop_within_the_loop(loop):
    calls = []

    def outer():
        loop.call_soon(calls.append, "inner")
        while not calls:
            loop._run_once()
        calls.append("outer")

    loop.call_soon(outer)
    run_briefly(loop)
    assert calls == ["inner", "outer"]


def test_ctrl_c_ends_a_loop_that_sleeps():
    code = (
        "import asyncio, rgunicorn.eventloop\n"
        "async def main():\n"
        "    print('sleeps', flush=True)\n"
        "    await asyncio.sleep(3600)\n"
        "rgunicorn.eventloop.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"sleeps\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in error
    assert process.returncode == -signal.SIGINT


def test_a_loop_that_is_dropped_is_collected_with_all_it_has():
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    class Callback:
        def __call__(self):
            pass

    gc.collect()
    before, weak = descriptors(), []
    for schedule in ("call_soon", "call_later"):
        loop, callback = eventloop.new_event_loop(), Callback()
        callback.loop = loop
        weak.append(weakref.ref(callback))
        arguments = (3600, callback) if schedule == "call_later" else (callback,)
        callback.handle = getattr(loop, schedule)(*arguments)
    del loop, callback, arguments
    with pytest.warns(ResourceWarning, match="unclosed"):
        gc.collect()
    assert [one() for one in weak] == [None, None]
    assert descriptors() == before


def test_a_transport_that_is_dropped_closes_its_socket(loop):
    ours, theirs = socket.socketpair()
    transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=ours))
    transport.pause_reading()
    transport.get_protocol()
    run_briefly(loop)
    del ours
    with theirs, pytest.warns(ResourceWarning, match="unclosed transport"):
        del transport, _
        gc.collect()
        assert theirs.recv(1) == b""


def test_calls_of_threads_run_in_the_contexts_of_their_threads(loop):
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    def callback(name):
        seen.append((name, variable.get()))
        variable.set("changed by a callback")

    def call(name, value):
        if value is not None:
            variable.set(value)
        for _ in range(3):
            loop.call_soon_threadsafe(callback, name)

    for name, value in (("empty", None), ("set", "by the thread"), ("empty", None)):
        thread = threading.Thread(target=call, args=(name, value))
        thread.start()
        thread.join()
    run_briefly(loop)
    assert seen == [("empty", "unset")] * 3 + [("set", "by the thread")] * 3 + [("empty", "unset")] * 3


def test_a_handle_tells_the_context_that_its_callback_has(loop):
    variable, contexts, seen = contextvars.ContextVar("variable"), [], []

    def call():
        handle = loop.call_soon_threadsafe(lambda: seen.append(variable.get()))
        contexts.append(handle.get_context())

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    contexts[0].run(variable.set, "from without")
    run_briefly(loop)
    assert seen == ["from without"]


def test_an_error_in_the_call_of_a_thread_is_reported_in_its_context(loop):
    variable, seen = contextvars.ContextVar("variable", default="unset"), []

    def fail():
        variable.set("before the error")
        raise LookupError

    def handler(loop, report):
        seen.append((type(report["exception"]), report["handle"].get_context()[variable]))

    loop.set_exception_handler(handler)
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(fail,))
    thread.start()
    thread.join()
    run_briefly(loop)
    assert seen == [(LookupError, "before the error")]


def test_calls_of_a_thread_that_wait_hold_no_contexts(loop):
    def contexts():
        return sum(type(one) is contextvars.Context for one in gc.get_objects())

    def call():
        for _ in range(1000):
            loop.call_soon_threadsafe(nothing)

    before = contexts()
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert contexts() - before < 10
    run_briefly(loop)
