"""A loop for tests that hold on ours and on asyncio's alike. `test_eventloop.py` has one of its own: only ours."""

import pytest
from eventloop.datagrams import LOOPS, run_briefly


@pytest.fixture(params=LOOPS)
def loop(request):
    loop = LOOPS[request.param]()
    yield loop
    run_briefly(loop)
    loop.close()


@pytest.fixture
def reports(loop):
    """What the loop's exception handler was given."""
    reports = []
    loop.set_exception_handler(lambda loop, context: reports.append(context))
    return reports
