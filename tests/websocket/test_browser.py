"""The chat of examples/ in a real browser, straight and behind nginx: what one page says the other shows."""

import json
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
from certificates import Authority
from conftest import DEADLINE
from nginx import NGINX
from nginx import nginx as nginx_with
from websockets.sync.client import connect

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr alert;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto https;
        }}
    }}
}}
"""


@pytest.fixture
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: scripts/test installs it where it may")
    with playwright.sync_playwright() as driver:
        # Without a sandbox, which root may not have; it visits this test's pages only.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def nginx(folder, upstream):
    if NGINX is None:
        pytest.skip("nginx is not installed: scripts/test installs it where it may")
    with nginx_with(CONFIGURATION, folder, upstream=upstream) as port:
        yield port


def say(page, words):
    page.fill("input", words)
    page.press("input", "Enter")


def sees(page, words, times=1):
    page.locator("li").get_by_text(words).nth(times - 1).wait_for(timeout=DEADLINE * 1000)


def talk(browser, url):
    """Two pages in a room, and one in another. They share a browser's context, and so its connections."""
    context = browser.new_context(ignore_https_errors=True)
    ann, bob, other = (context.new_page() for _ in range(3))
    ann.goto(f"{url}/kitchen?name=ann")
    sees(ann, "ann joined, 1 here")
    bob.goto(f"{url}/kitchen?name=bob")
    sees(ann, "bob joined, 2 here")
    other.goto(f"{url}/cellar?name=carl")
    sees(other, "carl joined, 1 here")
    say(ann, "hello")
    say(bob, "grüß <b>dich</b> 🙂")
    for page in ann, bob:
        sees(page, "ann: hello")
        sees(page, "bob: grüß <b>dich</b> 🙂")
    assert other.locator("li").count() == 1
    return ann, bob


def test_two_pages_hear_each_other(server, browser):
    with server("examples.chat:app", cwd=ROOT) as s:
        ann, bob = talk(browser, s.url)
        bob.close()
        sees(ann, "bob left, 1 here")


def test_two_pages_hear_each_other_behind_nginx(server, browser, tmp_path):
    with server("examples.chat:app", cwd=ROOT) as s, nginx(tmp_path, s.port) as port:
        talk(browser, f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("flags", [(), ("--http2",)], ids=["http1", "http2"])
def test_b66_two_pages_hear_each_other_behind_tls(server, browser, tmp_path, flags):
    mine = Authority(tmp_path).issue("127.0.0.1")
    with server("examples.chat:app", *mine.flags, *flags, "--access-logfile", "-", cwd=ROOT) as s:
        talk(browser, f"https://127.0.0.1:{s.port}")
        assert s.stop() == 0
        lines = s.stdout.snapshot()
        expected = "CONNECT /rooms/kitchen?name=ann HTTP/2" if flags else "GET /rooms/kitchen?name=ann HTTP/1.1"
        assert any(expected in line for line in lines), lines


def test_pages_come_back_after_a_reload_of_the_server(server, browser):
    with server("examples.chat:app", cwd=ROOT) as s:
        ann, bob = talk(browser, s.url)
        s.kill(signal.SIGHUP)
        for page in ann, bob:
            sees(page, "disconnected (1012)")
            sees(page, "2 here", times=2)
        say(ann, "are you back?")
        sees(bob, "ann: are you back?")


def test_what_nginx_says_of_the_client_is_in_the_scope(server, tmp_path):
    with server("sockets:show_scope") as s, nginx(tmp_path, s.port) as port:
        with connect(f"ws://127.0.0.1:{port}/x") as ws:
            scope = json.loads(ws.recv())
    assert (scope["scheme"], scope["client"]) == ("wss", ["127.0.0.1", 0])
