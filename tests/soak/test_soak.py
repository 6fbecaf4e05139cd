"""A short soak, so that the long one (scripts/soak) is known to work."""

import pytest
from soak.run import soak


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_twenty_seconds_of_good_and_bad_clients_leave_nothing_behind():
    report = soak(20)
    print(report)
    assert report.problems == []
