"""Servers of WSGI applications: as the `server` fixture, once for each worker class. wsgiref must not complain."""

from contextlib import ExitStack, contextmanager

import pytest
from wsgi_workers import WORKER_CLASSES

FORGOTTEN = "Iterator garbage collected without being closed"


@pytest.fixture(scope="session", params=WORKER_CLASSES)
def worker_class(request):
    return request.param


@pytest.fixture(scope="session")
def wsgi(server, worker_class):
    """Starts rgunicorn for one test. Where there are threads there are three."""
    threads = ["--threads", "3"] if worker_class == "gthread" else []

    @contextmanager
    def start(app, *flags, **options):
        with server(app, *threads, *flags, worker_class=worker_class, **options) as s:
            yield s
        assert not [line for line in s.lines if FORGOTTEN in line]

    return start


@pytest.fixture(scope="module")
def site(wsgi, request):
    """A function from flags to a server of the file's APP that stays up for the whole file."""
    with ExitStack() as stack:
        servers = {}

        def running_already(*flags, app=request.module.APP):
            if (app, flags) not in servers:
                servers[app, flags] = stack.enter_context(wsgi(app, *flags))
                servers[app, flags].expect_errors()
            return servers[app, flags]

        yield running_already


@pytest.fixture(scope="module")
def plain(site):
    return site()


@pytest.fixture(scope="module")
def validated(site, request):
    """The same app behind `wsgiref.validate.validator`."""
    return site(app=request.module.VALIDATED)


@pytest.fixture(scope="module", params=["plain", "validated"])
def either(site, request):
    return site() if request.param == "plain" else site(app=request.module.VALIDATED)
