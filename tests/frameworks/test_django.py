"""A Django site, by WSGI and by ASGI: the admin with its static files, the database, uploads, streams and files."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

APPS = Path(__file__).parent / "apps"
MiB = 1024 * 1024
CONTENT = os.urandom(3 * MiB + 17)


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """The folder that $STATE names, filled once for the file."""
    folder = tmp_path_factory.mktemp("django")
    environment = {**os.environ, "STATE": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", "import django_site; django_site.prepare()"]
    subprocess.run(command, cwd=APPS, env=environment, check=True)
    (folder / "content").write_bytes(CONTENT)
    return {"STATE": str(folder)}


@pytest.fixture(params=["sync", "gthread", "asgi"])
def site(start_site, state, request):
    app = "django_site:asgi_app" if request.param == "asgi" else "django_site:app"
    threads = ["--threads", "3"] if request.param == "gthread" else []
    return lambda *flags: start_site(app, *threads, *flags, worker_class=request.param, env=state)


def test_a_view_answers_and_knows_its_address(client):
    assert client.get("/").text == "hello from Django"
    assert client.get("/address?a=%20b").text == f"{client.base_url}/address?a=%20b"
    assert client.get("/nowhere").status_code == 404


def test_a_proxy_and_a_mount_point_are_part_of_the_address(site):
    with site("--root-path", "/shop", "--forwarded-allow-ips", "127.0.0.1") as (s, client):
        answer = client.get("/shop/address", headers={"x-forwarded-proto": "https"})
        assert answer.text == f"https://{s.host}:{s.port}/shop/address"


def test_one_logs_in_to_the_admin_and_its_pages_have_their_static_files(client):
    login = client.get("/admin/login/?next=/admin/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', login.text)[1]
    form = {"username": "root", "password": "secret", "csrfmiddlewaretoken": token, "next": "/admin/"}
    page = client.post("/admin/login/?next=/admin/", data=form, follow_redirects=True)
    assert page.status_code == 200 and "Site administration" in page.text
    sheets = re.findall(r'href="(/static/[^"]+\.css)"', page.text)
    assert len(sheets) > 2
    for sheet in sheets:
        answer = client.get(sheet)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/css")
        assert len(answer.content) == int(answer.headers["content-length"])
    again = client.get(sheets[0], headers={"if-modified-since": client.get(sheets[0]).headers["last-modified"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_database_is_asked(client):
    assert client.get("/users").json() == {"users": ["root"]}


def test_an_upload_of_50_mib_needs_no_memory(site, tmp_path):
    document = tmp_path / "document.bin"
    document.write_bytes(os.urandom(MiB) * 50)
    with site() as (s, client):
        client.post("/upload", files={"document": ("warm-up", bytes(4 * MiB))})
        before = s.worker_memory()
        with document.open("rb") as file:
            answer = client.post("/upload", files={"document": ("document.bin", file)}).json()
        assert s.worker_memory() - before < 20 * MiB
    sha256 = hashlib.sha256(document.read_bytes()).hexdigest()
    assert answer == {"name": "document.bin", "size": 50 * MiB, "sha256": sha256}


def test_a_stream_is_complete(client):
    assert client.get("/stream").text == "".join(f"line {number}\n" for number in range(100))


def test_a_file_is_sent(client):
    answer = client.get("/file")
    assert answer.content == CONTENT and answer.headers["content-length"] == str(len(CONTENT))
    assert 'filename="offered.bin"' in answer.headers["content-disposition"]


def test_a_bug_is_a_500_and_the_worker_serves_on(site):
    with site() as (s, client):
        s.expect_errors()
        assert client.get("/bug").status_code == 500
        assert client.get("/").text == "hello from Django"


def test_a_stream_is_closed_when_the_client_leaves(server, state):
    with server("django_site:app", worker_class="sync", cwd=APPS, env=state) as s:
        with httpx.stream("GET", f"{s.url}/stream?count=100000000") as answer:
            assert next(answer.iter_lines()) == "line 0"
        s.wait_for_line("^note: stream closed")
        assert httpx.get(s.url).text == "hello from Django"
