"""Says on which event loop it is served, and does to it what applications do."""

import asyncio
import json
import os
import signal
import sys
import threading
import time

from control import note, respond


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    assert scope["type"] == "http"
    _, name, *arguments = scope["path"].split("/")
    told = await ROUTES[name](*arguments)
    await respond(send, json.dumps(told).encode())


async def lifespan(receive, send):
    await receive()
    note("startup", loop=name_of_loop(), main=is_main_thread())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note("shutdown", loop=name_of_loop(), main=is_main_thread())
    await send({"type": "lifespan.shutdown.complete"})


def name_of_loop():
    kind = type(asyncio.get_running_loop())
    return [f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__]


def is_main_thread():
    return threading.current_thread() is threading.main_thread()


async def where():
    return {"loop": name_of_loop(), "main": is_main_thread(), "pid": os.getpid()}


async def sleep(seconds):
    await asyncio.sleep(float(seconds))
    return "slept"


async def block():
    time.sleep(3600)


async def leave():
    sys.exit(5)


async def leave_later():
    await asyncio.sleep(0)
    sys.exit(5)


async def debug():
    """Whether this is debug mode, and what that tells of a slow callback."""
    loop = asyncio.get_running_loop()
    loop.slow_callback_duration = 0.001
    slow = loop.create_future()

    def hold_up():
        time.sleep(0.01)
        slow.set_result(None)

    loop.call_soon(hold_up)
    await slow
    return loop.get_debug()


async def handled_signal():
    """A handler of the application's own, while the loop sleeps."""
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR2, heard.set)
    threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGUSR2)).start()
    await asyncio.wait_for(heard.wait(), 30)
    return loop.remove_signal_handler(signal.SIGUSR2)


async def process():
    running = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    output, _ = await running.communicate(b"through a pipe")
    return [output.decode(), running.returncode]


async def datagrams(count):
    """So many go through one socket to another and come back, one by one; then so many go there at once."""
    loop = asyncio.get_running_loop()
    made = [await loop.create_datagram_endpoint(Datagrams, ("127.0.0.1", 0)) for _ in range(2)]
    (one, here), (other, there) = made
    for number in range(int(count)):
        one.sendto(b"%d" % number, other.get_extra_info("sockname"))
        data, address = await asyncio.wait_for(there.received.get(), 30)
        other.sendto(data + b"!", address)
        assert await asyncio.wait_for(here.received.get(), 30) == (b"%d!" % number, other.get_extra_info("sockname"))
    for number in range(int(count)):
        one.sendto(b"%d" % number, other.get_extra_info("sockname"))
    for _ in range(int(count)):
        await asyncio.sleep(0)  # keeps the loop busy while the first ones come
    numbers = [int((await asyncio.wait_for(there.received.get(), 30))[0]) for _ in range(int(count))]
    assert numbers == list(range(int(count)))
    for transport, _ in made:
        transport.close()
    return "all"


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self):
        self.received = asyncio.Queue()

    def datagram_received(self, data, address):
        self.received.put_nowait((data, address))


ROUTES = {
    "": where,
    "sleep": sleep,
    "block": block,
    "exit": leave,
    "exit-later": leave_later,
    "debug": debug,
    "signal": handled_signal,
    "process": process,
    "datagrams": datagrams,
}
