"""A short soak, so that the long one (scripts/soak) is known to work."""

import pytest
from soak.run import ALONE, FLAGS, soak


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("worker_class", [kind for kind in FLAGS if kind != "eventloop"])
def test_twenty_seconds_of_good_and_bad_clients_leave_nothing_behind(worker_class):
    report = soak(20, worker_class=worker_class)
    print(report)
    assert report.problems == []


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["eventloop", ALONE])
def test_ten_seconds_of_everything_on_our_loop_lose_no_wake_up_and_leave_nothing_behind(kind):
    report = soak(10, worker_class=kind)
    print(report)
    assert report.problems == []
    assert min(report.answered[f"wake-ups by a {one}"] for one in ("thread", "timer", "descriptor")) > 100
