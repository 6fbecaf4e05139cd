"""Marks for tests of tests/wsgi that are not the same for every worker class."""

import pytest

WORKER_CLASSES = ["sync", "gthread"]


def only_on(worker_class):
    return pytest.mark.parametrize("worker_class", [worker_class], indirect=True)
