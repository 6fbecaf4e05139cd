"""CPython's own tests of asyncio, with our loop in place of asyncio's. `expected.py` has the list of what may fail."""

import importlib.util

import pytest
from eventloop.expected import CPYTHON
from eventloop.suites import outcomes_of, unexpected

MODULES = [
    "base_events",
    "buffered_proto",
    "context",
    "eager_task_factory",
    "events",
    "futures",
    "futures2",
    "locks",
    "pep492",
    "protocols",
    "queues",
    "runners",
    "selector_events",
    "sendfile",
    "server",
    "sock_lowlevel",
    "ssl",
    "sslproto",
    "streams",
    "subprocess",
    "taskgroups",
    "tasks",
    "threads",
    "timeouts",
    "transports",
    "unix_events",
    "waitfor",
]


def has_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MODULES)
def test_cpythons_tests_pass_on_our_loop(name, tmp_path):
    module = f"test.test_asyncio.test_{name}"
    if not has_module("test.test_asyncio"):
        pytest.skip("this Python came without its tests")
    if not has_module(module):
        pytest.skip("this version of Python has no such module")
    outcomes = outcomes_of([module], tmp_path)
    assert len(outcomes) > 0
    assert unexpected(outcomes, CPYTHON) == {}
