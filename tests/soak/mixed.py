"""What asyncio offers, all of it at once, on whatever loop runs: `await Mix(seconds, seed, folder).run()` gives what happened.

Work goes on for a while and rests for a while. While it rests, nothing keeps the loop awake but what the watchdog asks of
it (see soak/watchdog.py), so that a wake-up that is lost is missed.
"""

import asyncio
import ctypes
import gc
import hashlib
import random
import socket
import ssl
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import psutil
from certificates import Authority
from soak.content import SIZES, content
from soak.watchdog import Watchdog

WORKING, RESTING = 3.0, 1.0
WORKERS = 2  # of each kind
DEADLINE = 60.0


class Wrong(Exception):
    """Not what was to be expected."""


class Mix:
    def __init__(self, seconds, seed, folder):
        self.seconds, self.random, self.folder = seconds, random.Random(seed), folder
        self.answered, self.provoked, self.failures = Counter(), Counter(), []
        self.work, self.ended = asyncio.Event(), False
        self.memory = []  # seconds, bytes
        authority = Authority(folder)
        issued = authority.issue("localhost")
        self.server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_tls.load_cert_chain(issued.certfile, issued.keyfile)
        self.client_tls = ssl.create_default_context(cafile=authority.file)

    async def run(self):
        kinds = [self.timers, self.cancellations, self.calls_from_threads, self.coroutines_from_threads, self.executor]
        kinds += [
            self.processes,
            self.streams,
            self.streams_over_tls,
            self.unix_streams,
            self.datagrams,
            self.descriptors,
        ]
        watchdog = Watchdog(asyncio.get_running_loop())
        with ThreadPoolExecutor(4) as self.threads:
            async with self.servers():
                workers = [asyncio.ensure_future(self.worker(kind)) for kind in kinds for _ in range(WORKERS)]
                await self.conduct(watchdog)
                await asyncio.gather(*workers)
        outcome = await asyncio.get_running_loop().run_in_executor(None, watchdog.stop)
        self.answered.update(outcome.answered)
        self.failures += outcome.failures
        counts = {name: getattr(self, name) for name in ("answered", "provoked", "failures", "memory")}
        return {**counts, "waits": outcome.waits}

    async def conduct(self, watchdog):
        """Work, rest, work, until the time is over."""
        begin = time.monotonic()
        while (passed := time.monotonic() - begin) < self.seconds:
            self.work.set()
            await asyncio.sleep(WORKING)
            self.work.clear()
            watchdog.hurry(True)
            await asyncio.sleep(RESTING)
            watchdog.hurry(False)
            self.memory.append((passed, resident_after_rest()))
        self.ended = True
        self.work.set()

    async def worker(self, kind):
        while await self.work.wait() and not self.ended:
            try:
                await asyncio.wait_for(kind(), DEADLINE)
                self.answered[kind.__name__] += 1
            except (Wrong, OSError, EOFError, asyncio.TimeoutError) as error:
                self.failures.append(f"{kind.__name__}: {error!r}"[:300])

    # Timers and cancellation

    async def timers(self):
        """None is early, all are in order, and those that were cancelled do not ring."""
        loop, rang = asyncio.get_running_loop(), []
        ring = lambda delay: rang.append((delay, loop.time()))  # noqa: E731
        done, begin = loop.create_future(), loop.time()
        delays = {self.random.choice((0, 0.0001, 0.001, 0.01, 0.05)) * self.random.random() for _ in range(50)}
        handles = {delay: loop.call_at(begin + delay, ring, delay) for delay in delays}
        cancelled = self.random.sample(sorted(delays), len(delays) // 2)
        for delay in cancelled:
            handles[delay].cancel()
        loop.call_at(begin + 0.051, done.set_result, None)
        await done
        expected = sorted(delays - set(cancelled))
        if [delay for delay, _ in rang] != expected:
            raise Wrong(f"{len(rang)} timers rang of {len(expected)}, or in another order")
        resolution = time.get_clock_info("monotonic").resolution
        if any(when + resolution < begin + delay for delay, when in rang):
            raise Wrong("a timer rang before its time")

    async def cancellations(self):
        """Of a sleep, of a wait for a lock, and of a task that cleans up first."""
        loop = asyncio.get_running_loop()
        lock, cleaned = asyncio.Lock(), []

        async def clean_up():
            try:
                async with lock:
                    await asyncio.sleep(DEADLINE)
            finally:
                await asyncio.sleep(0.001)
                cleaned.append(True)

        tasks = [loop.create_task(clean_up()) for _ in range(10)]
        await asyncio.sleep(self.random.choice((0, 0.001, 0.01)))
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        if not all(isinstance(result, asyncio.CancelledError) for result in results):
            raise Wrong(f"cancelled tasks ended with {results}")
        self.provoked["cancelled tasks"] += len(tasks)
        try:
            await asyncio.wait_for(loop.create_future(), self.random.random() * 0.02)
            raise Wrong("waited for what never happens")
        except asyncio.TimeoutError:
            self.provoked["time-outs"] += 1

    # Threads

    async def calls_from_threads(self):
        """Each arrives once, and those of one thread in their order."""
        loop, heard = asyncio.get_running_loop(), {number: [] for number in range(3)}
        pauses = [self.random.choice((0, 0, 0.0001, 0.001)) for _ in range(20)]

        def call(number):
            for step, pause in enumerate(pauses):
                loop.call_soon_threadsafe(heard[number].append, step)
                time.sleep(pause)
            loop.call_soon_threadsafe(done.count_down)

        done = Countdown(loop, len(heard))
        threads = [threading.Thread(target=call, args=[number]) for number in heard]
        for thread in threads:
            thread.start()
        await done.future
        for thread in threads:
            thread.join()
        if any(steps != list(range(20)) for steps in heard.values()):
            raise Wrong(f"calls from threads arrived as {heard}")

    async def coroutines_from_threads(self):
        loop, number = asyncio.get_running_loop(), self.random.random()

        def ask():
            return asyncio.run_coroutine_threadsafe(asyncio.sleep(0.001, number), loop).result(DEADLINE)

        if await loop.run_in_executor(self.threads, ask) != number:
            raise Wrong("another result of a coroutine than its own")

    async def executor(self):
        loop, body = asyncio.get_running_loop(), content(70_000, self.random.randrange(251))
        digests = await asyncio.gather(*(loop.run_in_executor(None, hashlib.sha256, body) for _ in range(5)))
        if {digest.digest() for digest in digests} != {hashlib.sha256(body).digest()}:
            raise Wrong("an executor gave another digest")

    # Processes

    async def processes(self):
        """One that copies what it is told, one that is killed."""
        pipe = asyncio.subprocess.PIPE
        body = content(self.random.choice((0, 1, 70_000, 300_000)), self.random.randrange(251))
        child = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
        output, _ = await child.communicate(body)
        compare(output, body)
        sleeper = await asyncio.create_subprocess_exec("sleep", str(DEADLINE))
        await asyncio.sleep(self.random.choice((0, 0.01)))
        sleeper.kill()
        codes = [child.returncode, await sleeper.wait()]
        if codes != [0, -9]:
            raise Wrong(f"processes ended with {codes}")
        self.provoked["killed processes"] += 1

    # Sockets

    @asynccontextmanager
    async def servers(self):
        """Which send back what they hear: over TCP, TLS, a unix socket and UDP."""
        path = str(self.folder / "socket")
        plain = await asyncio.start_server(self.echo, "127.0.0.1", 0)
        secure = await asyncio.start_server(self.echo, "127.0.0.1", 0, ssl=self.server_tls)
        unix = await asyncio.start_unix_server(self.echo, path)
        datagrams, _ = await asyncio.get_running_loop().create_datagram_endpoint(EchoDatagrams, ("127.0.0.1", 0))
        self.address, self.secure_address = plain.sockets[0].getsockname(), secure.sockets[0].getsockname()
        self.unix_path, self.datagram_address = path, datagrams.get_extra_info("sockname")
        try:
            yield
        finally:
            datagrams.close()
            for server in plain, secure, unix:
                server.close()
                await server.wait_closed()

    async def echo(self, reader, writer):
        try:
            while data := await reader.read(100_000):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # the client left
        finally:
            writer.close()

    async def streams(self):
        await self.talk(*await asyncio.open_connection(*self.address))

    async def streams_over_tls(self):
        if self.random.random() < 0.1:
            return await self.leave_during_handshake()
        where = {"ssl": self.client_tls, "server_hostname": "localhost"}
        await self.talk(*await asyncio.open_connection(*self.secure_address, **where))

    async def unix_streams(self):
        await self.talk(*await asyncio.open_unix_connection(self.unix_path))

    async def talk(self, reader, writer):
        """Sends bodies and reads them back; leaves at any time."""
        try:
            for _ in range(self.random.randrange(1, 5)):
                body = content(self.random.choice(SIZES[:-1]), self.random.randrange(251))
                sender = asyncio.ensure_future(self.send(writer, body))
                try:
                    if self.random.random() < 0.1:
                        await asyncio.sleep(self.random.choice((0, 0.001)))
                        self.provoked["aborts"] += 1
                        return writer.transport.abort()
                    compare(await reader.readexactly(len(body)), body)
                    await sender
                finally:
                    sender.cancel()
                    await asyncio.gather(sender, return_exceptions=True)
        finally:
            writer.close()

    async def send(self, writer, body):
        half = self.random.randrange(len(body) + 1)
        writer.write(body[:half])
        writer.write(body[half:])
        await writer.drain()

    async def leave_during_handshake(self):
        _, writer = await asyncio.open_connection(*self.secure_address)
        writer.write(b"\x16\x03\x01\x02\x00\x01")
        await asyncio.sleep(self.random.choice((0, 0.01)))
        writer.transport.abort()
        self.provoked["handshakes broken off"] += 1

    async def datagrams(self):
        loop = asyncio.get_running_loop()
        received = loop.create_future()
        make = lambda: ReceiveDatagram(received)  # noqa: E731
        transport, _ = await loop.create_datagram_endpoint(make, remote_addr=self.datagram_address)
        try:
            body = content(self.random.choice((1, 100, 1000)), self.random.randrange(251))
            transport.sendto(body)
            compare(await received, body)
        finally:
            transport.close()

    async def descriptors(self):
        """add_reader and the sock_* methods."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            body = content(self.random.choice((1, 4_000, 300_000)), self.random.randrange(251))
            sending = asyncio.ensure_future(loop.sock_sendall(theirs, body))
            received = bytearray()
            while len(received) < len(body):
                received += await loop.sock_recv(ours, 20_000)
            await sending
            compare(bytes(received), body)


def resident_after_rest():
    """Resident bytes of this process, once nothing is on its way and what nobody uses went back to the system."""
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
    return psutil.Process().memory_info().rss


class Countdown:
    """A future that is done once `count` calls have come."""

    def __init__(self, loop, count):
        self.future, self.left = loop.create_future(), count

    def count_down(self):
        self.left -= 1
        if not self.left:
            self.future.set_result(None)


class EchoDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


class ReceiveDatagram(asyncio.DatagramProtocol):
    def __init__(self, received):
        self.received = received

    def datagram_received(self, data, address):
        self.received.set_result(data)


def compare(found, expected):
    if found != expected:
        raise Wrong(f"{len(found)} bytes for {len(expected)}")
