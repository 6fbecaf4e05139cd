"""Without a worker class, or with `auto`, the application says itself how it is called."""

from pathlib import Path

import httpx
import pytest
from command import run, serving

APPS = Path(__file__).parent / "apps"
BIND = ("-b", "127.0.0.1:0")
ASGI = ["coroutine", "instance", "bound", "partial", "plain", "wrapped", "loose", "TwoSteps", "two_steps"]
WSGI = ["function", "wsgi_instance", "wsgi_partial", "wsgi_wrapped", "unknown", "Response", "optional"]
FRAMEWORKS = Path(__file__).parents[1] / "frameworks" / "apps"
KINDS = {
    "asyncio_site:app": "asgi (detected)",
    "django_site:asgi_app": "asgi (detected)",
    "fastapi_site:app": "asgi (detected)",
    "quart_site:app": "asgi (detected)",
    "starlette_site:app": "asgi (detected)",
    "django_site:app": "sync",
    "flask_site:app": "sync",
    "small_wsgi_sites:in_bottle": "sync",
    "small_wsgi_sites:in_falcon": "sync",
    "small_wsgi_sites:in_pyramid": "sync",
}


def answer(*arguments, app):
    with serving(*BIND, *arguments, f"shapes:{app}", cwd=APPS) as server:
        text = httpx.get(server.url).text
        return text, server.wait_for_line(r"Using worker: (.*)")[1]


@pytest.mark.parametrize("app", ASGI)
def test_an_asgi_application_is_recognised(app):
    assert answer(app=app) == ("asgi", "asgi (detected)")


@pytest.mark.parametrize("app", WSGI)
def test_what_may_be_a_wsgi_application_is_taken_for_one(app):
    assert answer(app=app) == ("wsgi", "sync")


@pytest.mark.parametrize("app", KINDS)
def test_frameworks_are_recognised(app, tmp_path):
    with serving(*BIND, "--pythonpath", FRAMEWORKS, app, cwd=tmp_path, env={"STATE": str(tmp_path)}) as server:
        assert server.wait_for_line(r"Using worker: (.*)")[1] == KINDS[app]


def test_the_class_auto_looks_at_the_application():
    assert answer("-k", "auto", app="coroutine") == ("asgi", "asgi (detected)")
    assert answer("-k", "auto", "--threads", "2", app="function") == ("wsgi", "gthread (detected)")


def test_a_class_that_was_given_is_taken_literally():
    ended = run(*BIND, "-k", "sync", "shapes:coroutine", cwd=APPS)
    assert ended.code == 4
    ended.line_with("shapes:coroutine", "ASGI")


def test_an_interface_that_was_given_is_taken_literally():
    assert answer("--interface", "wsgi", app="unknown") == ("wsgi", "sync")
    assert answer("--interface", "asgi3", app="loose") == ("asgi", "asgi")
    ended = run(*BIND, "--interface", "wsgi", "shapes:coroutine", cwd=APPS)
    assert ended.code == 4


def test_an_interface_and_a_class_that_contradict_each_other_are_an_error():
    ended = run(*BIND, "--interface", "asgi", "-k", "gthread", "shapes:coroutine", cwd=APPS)
    assert ended.code == 1
    ended.line_with("interface = 'asgi'", "contradicts worker_class = 'gthread'")


def test_the_master_says_it_when_it_loaded_the_application():
    with serving(*BIND, "--preload", "shapes:coroutine", cwd=APPS) as server:
        line = server.wait_for_line(r"\[(\d+)\] \[INFO\] Using worker: asgi \(detected\)")
        assert int(line[1]) == server.pid


def test_it_is_said_once_however_many_workers_there_are():
    with serving(*BIND, "-w", "3", "shapes:coroutine", cwd=APPS) as server:
        server.wait_for_line("Booting worker", count=3)
        assert httpx.get(server.url).text == "asgi"
        ended = server.stop()
    assert ended.stderr.count("Using worker") == 1
