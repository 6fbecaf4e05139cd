"""The framework sites: a test file names its own as SITE, and its WORKER_CLASS if that is not asgi."""

from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

APPS = Path(__file__).parent / "apps"


@pytest.fixture
def site(server, request):
    """Starts the file's site and yields (server, client); the client keeps its connection."""

    @contextmanager
    def start(*flags, **options):
        options.setdefault("worker_class", getattr(request.module, "WORKER_CLASS", "asgi"))
        with server(request.module.SITE, *flags, cwd=APPS, **options) as s:
            with httpx.Client(base_url=s.url, timeout=60) as client:
                yield s, client

    return start


@pytest.fixture
def client(site):
    with site() as (_, client):
        yield client
