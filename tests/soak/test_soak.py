"""A short soak, so that the long one (scripts/soak) is known to work."""

import pytest
from soak.run import FLAGS
from soak.run import soak


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("worker_class", FLAGS)
def test_twenty_seconds_of_good_and_bad_clients_leave_nothing_behind(worker_class):
    report = soak(20, worker_class=worker_class)
    print(report)
    assert report.problems == []
