"""A short churn, so that the long one (scripts/churn) is known to work."""

import pytest
from churn.run import churn


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("worker_class", ["asgi", "sync"])
def test_workers_that_come_and_go_leave_nothing_behind(worker_class):
    report = churn(15, worker_class)
    print(report)
    assert report.problems == []
