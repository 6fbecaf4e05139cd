"""Runs unittest modules of others with our event loop as asyncio's, and writes what became of each test.

    python run_unittest.py RESULT.json MODULE...

The result maps each test's id to "ok", "skipped" or the text of its failure.
"""

import asyncio
import json
import os
import signal
import sys
import unittest

from rgunicorn.eventloop import EventLoop

LONGEST = 100
"""Seconds that one test may take."""


class LoopUnderTest(EventLoop):
    """Takes the selector that tests pass, and does without it."""

    def __init__(self, selector=None):
        if selector is not None:
            selector.close()
        super().__init__()


def put_under_test():
    """From here on whoever asks asyncio for a loop gets ours."""
    asyncio.SelectorEventLoop = asyncio.unix_events.SelectorEventLoop = LoopUnderTest
    asyncio.unix_events._UnixDefaultEventLoopPolicy._loop_factory = LoopUnderTest
    if hasattr(asyncio, "EventLoop"):
        asyncio.EventLoop = LoopUnderTest
    assert isinstance(asyncio.new_event_loop(), EventLoop)


def follow_asyncio():
    """Tells uvloop's tests that our loop does as asyncio where the two differ."""
    from uvloop import _testbase

    _testbase.UVTestCase.implementation = "asyncio"
    _testbase.BaseTestCase.is_asyncio_loop = lambda self: True


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.outcomes = {}

    def startTest(self, test):
        super().startTest(test)
        self.outcomes.setdefault(test.id(), "ok")
        signal.signal(signal.SIGALRM, self._give_up)
        signal.alarm(LONGEST)

    def stopTest(self, test):
        signal.alarm(0)
        super().stopTest(test)

    def _give_up(self, *_):
        raise TimeoutError(f"the test took more than {LONGEST} s")

    def addSkip(self, test, reason):
        self.outcomes[test.id()] = "skipped"

    def addError(self, test, error):
        self._fail(test, error)

    def addFailure(self, test, error):
        self._fail(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self._fail(test, error)

    def addUnexpectedSuccess(self, test):
        self.outcomes[test.id()] = "unexpected success"

    def _fail(self, test, error):
        # Of a class that cannot be set up, "setUpClass (module.Class)" is the id.
        self.outcomes[test.id()] = self._exc_info_to_string(error, test)


def main(path, modules):
    put_under_test()
    if "UVLOOP_SOURCES" in os.environ:
        follow_asyncio()
    suite = unittest.TestSuite()
    for module in modules:
        suite.addTests(unittest.defaultTestLoader.loadTestsFromName(module))
    result = Result()
    _leave_out(suite, os.environ.get("LEFT_OUT", "").split())
    suite.run(result)
    with open(path, "w") as file:
        json.dump(result.outcomes, file)


def _leave_out(suite, names):
    """Takes the tests with these ids out of a suite."""
    for position, test in enumerate(suite._tests):
        if isinstance(test, unittest.TestSuite):
            _leave_out(test, names)
        elif test.id() in names:
            suite._tests[position] = unittest.TestSuite()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
