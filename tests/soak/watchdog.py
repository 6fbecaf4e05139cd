"""A thread that proves all the time that an event loop wakes for what is due: a call from a thread, a timer, a descriptor.

It asks one thing, waits for the answer, and asks the next, so nothing else of its own wakes the loop. A wake-up is lost if
the loop's thread sleeps in the kernel for 100 ms in which something was due. A machine that is busy is told apart by two
clocks: the watchdog's own ticks, which must come in time, and the kernel's account of the loop's thread, which changes
whenever it ran, or waited for a processor or for the interpreter.
"""

import platform
import random
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

TICK = 0.01
PUNCTUAL = 3 * TICK
LOST = 0.1
STARVED = 5.0
GIVEN_UP = 60.0
EPOLL = {"x86_64": ("232", "281", "441"), "aarch64": ("22", "441")}.get(platform.machine())
"""The numbers of epoll_wait, epoll_pwait and epoll_pwait2."""
PAUSES = (0, 0.00001, 0.0001, 0.0003, 0.003)
"""At most so long from an answer to the next question, and until a timer: about as long as the loop takes to fall asleep."""


@dataclass
class Outcome:
    answered: Counter = field(default_factory=Counter)
    failures: list = field(default_factory=list)
    waits: dict = field(default_factory=dict)
    """The longest wait for each kind of thing, in milliseconds, and how many were longer than 100 ms without being lost."""

    def add(self, kind, wait):
        self.answered[f"wake-ups by a {kind}"] += 1
        self.waits[kind] = max(self.waits.get(kind, 0), round(wait * 1000))
        if wait > LOST:
            self.waits["over 100 ms while busy"] = self.waits.get("over 100 ms while busy", 0) + 1


class Watchdog:
    """To be made on the loop's thread while the loop runs."""

    def __init__(self, loop):
        self._loop = loop
        self._account = Account(threading.get_native_id())
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        loop.add_reader(self._near, self._heard)
        self._answer, self._ending = threading.Event(), threading.Event()
        self._timer, self._hurry = 0.0, False
        self._outcome = Outcome()
        self._thread = threading.Thread(target=self._watch, name="watchdog")
        self._thread.start()

    def hurry(self, hurries):
        """Whether it shall ask as fast as it can: to be said while the loop has nothing else to do."""
        self._hurry = hurries

    def stop(self):
        """The outcome. To be called on another thread than the loop's, which still runs."""
        self._ending.set()
        self._thread.join()
        removed = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (self._loop.remove_reader(self._near), removed.set()))
        removed.wait(GIVEN_UP)
        self._near.close()
        self._far.close()
        return self._outcome

    # On the loop's thread

    def _called(self):
        """Answers, and sets the timer that is waited for next."""
        delay = random.choice(PAUSES) * random.random()
        self._timer = time.monotonic() + delay
        self._loop.call_later(delay, self._rang)
        self._answer.set()

    def _heard(self):
        self._near.recv(100)
        self._called()

    def _rang(self):
        self._rung.set()

    # On the watchdog's thread

    def _watch(self):
        for kind in cycle(("thread", "descriptor")):
            if self._ending.is_set():
                return
            self._answer, self._rung = threading.Event(), threading.Event()
            due = time.monotonic()
            if kind == "thread":
                self._loop.call_soon_threadsafe(self._called)
            else:
                self._far.send(b"?")
            if not (self._await(self._answer, kind, due) and self._await(self._rung, "timer", self._timer)):
                return
            pause = random.choice(PAUSES) * random.random()
            self._ending.wait(pause if self._hurry else pause + 0.03)

    def _await(self, answer, kind, due):
        """Whether `answer` came at all. Notes how long it took, and if the loop slept through it."""
        asleep = in_vain = 0.0
        tick, account, lost = time.monotonic(), None, False
        while not answer.wait(TICK):
            now, before, account = time.monotonic(), account, self._account.read()
            if now <= due:
                tick = now
                continue
            passed, tick = now - tick, now
            if now - due > GIVEN_UP:
                self._outcome.failures.append(f"{kind}: no answer within {GIVEN_UP:g} s; the loop's thread: {account}")
                return False
            if passed > PUNCTUAL:
                asleep, account = 0.0, None  # the machine had no time for the watchdog either
                continue
            in_vain += passed
            asleep = asleep + passed if account == before and account.is_asleep else 0.0
            if asleep >= LOST and not lost:
                lost = True
                self._outcome.failures.append(f"{kind}: a lost wake-up, after {asleep * 1000:.0f} ms; {account}")
            if in_vain >= STARVED:
                in_vain = float("-inf")
                self._outcome.failures.append(
                    f"{kind}: due for {STARVED:g} s in which the loop did other things; {account}"
                )
        self._outcome.add(kind, 0 if lost else time.monotonic() - due)
        return True


@dataclass(frozen=True)
class State:
    state: str
    call: str
    """The number of the system call that it is in, and what follows it."""
    schedule: str
    """Nanoseconds on a processor, nanoseconds of waiting for one, and the number of times that it got one."""

    @property
    def is_asleep(self):
        """Where a loop sleeps; not in a lock, nor in a call of the application that blocks."""
        return self.state == "S" and (not EPOLL or self.call.split()[0] in EPOLL)


class Account:
    """What the kernel knows about a thread of this process."""

    def __init__(self, thread):
        self._folder = Path(f"/proc/self/task/{thread}")

    def read(self):
        state = (self._folder / "stat").read_text().rpartition(")")[2].split()[0]
        return State(state, (self._folder / "syscall").read_text(), (self._folder / "schedstat").read_text())
