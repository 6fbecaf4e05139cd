"""The watchdog of the soak finds a lost wake-up, and takes no busy machine for one."""

import asyncio
import time

import pytest
import rgunicorn.eventloop
from soak.watchdog import Watchdog

LOOPS = [asyncio.SelectorEventLoop, rgunicorn.eventloop.EventLoop]


def watched(loop, work):
    """What the watchdog found while `work` ran on the loop."""

    async def main():
        watchdog = Watchdog(loop)
        await work()
        return await loop.run_in_executor(None, watchdog.stop)

    try:
        return loop.run_until_complete(asyncio.wait_for(main(), 50))
    finally:
        loop.close()


class Deaf:
    """Does not wake for every tenth call from a thread."""

    calls = 0

    def call_soon_threadsafe(self, callback, *arguments, context=None):
        self.calls += 1
        if self.calls % 10:
            return super().call_soon_threadsafe(callback, *arguments, context=context)
        return self.call_soon(callback, *arguments, context=context)


async def rest():
    await asyncio.sleep(2)


@pytest.mark.parametrize("kind", LOOPS)
def test_a_lost_wake_up_is_found(kind):
    loop = type("Loop", (Deaf, kind), {})()
    outcome = watched(loop, rest)
    assert any("thread: a lost wake-up" in failure for failure in outcome.failures)


@pytest.mark.parametrize("kind", LOOPS)
def test_a_loop_that_is_busy_or_blocked_has_lost_none(kind):
    async def work():
        for _ in range(3):
            await asyncio.sleep(0.1)
            time.sleep(0.3)
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                pass

    outcome = watched(kind(), work)
    assert outcome.failures == []
    assert outcome.waits["over 100 ms while busy"] >= 3


@pytest.mark.parametrize("kind", LOOPS)
def test_a_loop_at_rest_answers_everything(kind):
    outcome = watched(kind(), rest)
    assert outcome.failures == []
    assert set(outcome.answered) == {f"wake-ups by a {kind}" for kind in ("thread", "timer", "descriptor")}
