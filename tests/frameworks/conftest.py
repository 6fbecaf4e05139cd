"""The framework sites: a test file names its own as SITE, and its WORKER_CLASS if that is not asgi."""

from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

APPS = Path(__file__).parent / "apps"


@pytest.fixture
def start_site(server):
    """Starts a site of apps/ and yields (server, client); the client keeps its connection."""

    @contextmanager
    def start(app, *flags, **options):
        with server(app, *flags, cwd=APPS, **options) as s:
            with httpx.Client(base_url=s.url, timeout=60) as client:
                yield s, client

    return start


@pytest.fixture
def site(start_site, request):
    """Starts the file's own site."""
    module = request.module

    def start(*flags, **options):
        options.setdefault("worker_class", getattr(module, "WORKER_CLASS", "asgi"))
        return start_site(module.SITE, *flags, **options)

    return start


@pytest.fixture
def client(site):
    with site() as (_, client):
        yield client
