"""The operations. Each case takes a loop and returns how many operations it has done.

Run as a program it measures one loop:  python cases.py LOOP CASE...  prints nanoseconds of processor time per operation.
"""

import asyncio
import sys
import threading
import time

REPEATS = 5


def call_soon(loop):
    """A thousand callbacks in one turn, again and again."""

    def callback():
        pass

    for _ in range(100):
        for _ in range(1000):
            loop.call_soon(callback)
        loop.call_soon(loop.stop)
        loop.run_forever()
    return 100_000


def call_soon_chain(loop):
    """Each callback schedules the next one: a turn each."""
    left = 100_000

    def callback(argument):
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(callback, argument)
        else:
            loop.stop()

    loop.call_soon(callback, None)
    loop.run_forever()
    return 100_000


def call_later_cancel(loop):
    """Time-outs that do not happen."""

    async def main():
        for _ in range(500):
            for handle in [loop.call_later(60, print) for _ in range(100)]:
                handle.cancel()
            await asyncio.sleep(0)

    loop.run_until_complete(main())
    return 50_000


def create_task(loop):
    async def nothing():
        pass

    async def main():
        for _ in range(30_000):
            await loop.create_task(nothing())

    loop.run_until_complete(main())
    return 30_000


def sleep_0(loop):
    async def main():
        for _ in range(50_000):
            await asyncio.sleep(0)

    loop.run_until_complete(main())
    return 50_000


def call_soon_threadsafe(loop):
    """A thousand calls of another thread, again and again. Both threads' time is counted."""
    return _from_a_thread(loop, times=50, calls=1000)


def threadsafe_wake_up(loop):
    """One call of another thread while the loop sleeps: most of it is how the system changes threads."""
    return _from_a_thread(loop, times=5000, calls=1)


def _from_a_thread(loop, times, calls):
    """After so many calls the thread waits until the last has run: it would run ahead, and the collector of garbage with it."""
    has_run = threading.Semaphore(0)

    async def main():
        done = loop.create_future()

        def callback():
            pass

        def work():
            for _ in range(times):
                for _ in range(calls - 1):
                    loop.call_soon_threadsafe(callback)
                loop.call_soon_threadsafe(has_run.release)
                has_run.acquire()
            loop.call_soon_threadsafe(done.set_result, None)

        thread = threading.Thread(target=work)
        thread.start()
        await done
        thread.join()

    loop.run_until_complete(main())
    return times * calls


def run_in_executor(loop):
    """A function on a thread of the pool, and back: what an endpoint without `async` costs."""

    async def main():
        for _ in range(3000):
            await loop.run_in_executor(None, int)

    loop.run_until_complete(main())
    return 3000


def echo_1k(loop):
    return _echo(loop, 1024, 10_000)


def echo_100k(loop):
    return _echo(loop, 100 * 1024, 1000)


def streams_1k(loop):
    return _streams(loop, 1024, 5000)


def streams_100k(loop):
    return _streams(loop, 100 * 1024, 500)


def udp_1k(loop):
    """Both ends are on the loop; one is connected to the other, which answers to whoever asked."""
    rounds = 10_000

    async def main():
        done = loop.create_future()
        server, _ = await loop.create_datagram_endpoint(_DatagramEcho, ("127.0.0.1", 0))
        client, _ = await loop.create_datagram_endpoint(
            lambda: _DatagramAsker(b"x" * 1024, rounds, done), remote_addr=server.get_extra_info("sockname")
        )
        await done
        client.close()
        server.close()
        await asyncio.sleep(0.01)

    loop.run_until_complete(main())
    return rounds


class _DatagramEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


class _DatagramAsker(asyncio.DatagramProtocol):
    def __init__(self, message, rounds, done):
        self.message, self.rounds, self.done = message, rounds, done

    def connection_made(self, transport):
        self.transport = transport
        transport.sendto(self.message)

    def datagram_received(self, data, address):
        self.rounds -= 1
        if self.rounds:
            self.transport.sendto(self.message)
        else:
            self.done.set_result(None)


class _Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class _Asker(asyncio.Protocol):
    def __init__(self, message, rounds, done):
        self.message, self.rounds, self.done = message, rounds, done
        self.missing = len(message)

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.message)

    def data_received(self, data):
        self.missing -= len(data)
        if self.missing:
            return
        self.missing = len(self.message)
        self.rounds -= 1
        if self.rounds:
            self.transport.write(self.message)
        else:
            self.done.set_result(None)


def _echo(loop, size, rounds):
    """Both ends are on the loop."""

    async def main():
        server = await loop.create_server(_Echo, "127.0.0.1", 0)
        done = loop.create_future()
        address = server.sockets[0].getsockname()
        transport, _ = await loop.create_connection(lambda: _Asker(b"x" * size, rounds, done), *address)
        await done
        transport.close()
        server.close()
        await asyncio.sleep(0.01)

    loop.run_until_complete(main())
    return rounds


def _streams(loop, size, rounds):
    async def answer(reader, writer):
        try:
            while True:
                writer.write(await reader.readexactly(size))
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    async def main():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for _ in range(rounds):
            writer.write(b"x" * size)
            await reader.readexactly(size)
        writer.close()
        server.close()
        await asyncio.sleep(0.01)

    loop.run_until_complete(main())
    return rounds


CASES = [
    call_soon,
    call_soon_chain,
    call_later_cancel,
    create_task,
    sleep_0,
    call_soon_threadsafe,
    threadsafe_wake_up,
    run_in_executor,
    echo_1k,
    echo_100k,
    streams_1k,
    streams_100k,
    udp_1k,
]


def make_loop(kind):
    if kind == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    if kind == "rgunicorn":
        import rgunicorn.eventloop

        return rgunicorn.eventloop.new_event_loop()
    return asyncio.SelectorEventLoop()


def cost(case, loop):
    """Nanoseconds of processor time per operation: the least of some runs."""
    best = float("inf")
    for _ in range(REPEATS):
        begin = time.process_time()
        count = case(loop)
        best = min(best, (time.process_time() - begin) / count)
    return best * 1e9


def main(kind, names):
    for case in CASES:
        if names and case.__name__ not in names:
            continue
        loop = make_loop(kind)
        asyncio.set_event_loop(loop)
        print(case.__name__, round(cost(case, loop)), flush=True)
        loop.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
