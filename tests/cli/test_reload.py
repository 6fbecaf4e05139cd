"""`--reload`: what a worker serves is what the files say, and no request is lost on the way there."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import eventually, run
from load import Load

ASGI = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{version}"}})
"""
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"{version}"]
"""
FAILING_LIFESPAN = """
async def app(scope, receive, send):
    assert (await receive())["type"] == "lifespan.startup"
    await send({"type": "lifespan.startup.failed", "message": "no database here"})
"""
SOURCES = {"asgi": ASGI, "sync": WSGI, "gthread": WSGI}
RELOADING = r"\[INFO\] Worker reloading: (\S+) modified"
BOOTING = r"Booting worker with pid: (\d+)"


class Code:
    """A directory with the module of an application in it."""

    def __init__(self, directory, source=ASGI):
        self.directory = directory
        self.file = directory / "site_that_changes.py"
        self.source = source

    def write(self, version):
        self.file.write_text(self.source.format(version=version))


@pytest.fixture
def code(tmp_path):
    return Code(tmp_path)


@pytest.fixture
def site(server, code):
    """Starts the application of `code`, reloading."""

    def start(*flags, **options):
        return server("site_that_changes:app", "--reload", *flags, cwd=code.directory, **options)

    return start


def answers(s, body, status=200):
    """Waits until that is the answer: the old worker answers until the new one does."""

    def is_there():
        answer = s.get("/")
        return answer.status == status and body in answer.body

    eventually(is_there, f"the answer {body}")


@pytest.mark.parametrize("worker_class", SOURCES)
@pytest.mark.parametrize("engine", ["inotify", "poll", "auto"])
def test_changed_code_is_served_by_a_new_worker(site, code, worker_class, engine):
    code.source = SOURCES[worker_class]
    code.write("v1")
    with site("--reload-engine", engine, worker_class=worker_class) as s:
        assert s.get("/").body == b"v1"
        code.write("v2")
        assert s.wait_for_line(RELOADING)[1] == str(code.file)
        answers(s, b"v2")
        s.wait_for_line(BOOTING, count=2)


def test_the_worker_that_saw_the_change_calls_worker_int(site, code):
    code.write("v1")
    (code.directory / "gunicorn.conf.py").write_text(
        "def worker_int(worker):\n    worker.log.info('worker_int of %s', worker.pid)\n"
    )
    with site() as s:
        old = s.wait_for_line(BOOTING)[1]
        assert s.get("/").body == b"v1"
        code.write("v2")
        assert s.wait_for_line(r"worker_int of (\d+)")[1] == old
        answers(s, b"v2")


def test_the_operator_is_warned_that_the_reloader_is_on(site, code):
    code.write("v1")
    with site() as s:
        s.wait_for_line(r"\[WARNING\] Reloader is on\. Use in development only!")


def test_every_worker_is_replaced(site, code):
    code.write("v1")
    with site(workers=3) as s:
        old = {int(s.wait_for_line(BOOTING, count=number)[1]) for number in (1, 2, 3)}
        assert s.get("/").body == b"v1"
        eventually(lambda: sum("lifespan" in line for line in s.lines) == 3, "three workers to be up")
        code.write("v2")
        eventually(lambda: not old & set(s.worker_pids()), "all old workers to leave")
        assert [s.get("/").body for _ in range(6)] == [b"v2"] * 6


def test_a_module_that_is_imported_late_is_watched_too(site, code):
    late = code.directory / "imported_late.py"
    late.write_text("VERSION = b'v1'\n")
    code.source = ASGI.replace('b"{version}"', "__import__('imported_late').VERSION")
    code.write("")
    with site() as s:
        assert s.get("/").body == b"v1"
        late.write_text("VERSION = b'v2'\n")
        assert s.wait_for_line(RELOADING)[1] == str(late)
        answers(s, b"v2")


def test_a_change_within_the_second_that_keeps_the_size_is_not_hidden_by_compiled_code(site, code):
    code.write("v1")
    with site(env={"PYTHONDONTWRITEBYTECODE": ""}) as s:
        assert s.get("/").body == b"v1"
        for version in range(2, 6):
            code.write(f"v{version}")
            answers(s, f"v{version}".encode())


def test_a_new_file_beside_the_code_is_noticed(site, code):
    code.source = "try:\n    import extras\nexcept ImportError:\n    extras = None\n" + ASGI.replace(
        'b"{version}"', "b'with' if extras else b'without'"
    )
    code.write("")
    with site() as s:
        assert s.get("/").body == b"without"
        (code.directory / "extras.py").touch()
        answers(s, b"with")


def test_a_change_while_a_reload_runs_causes_another(site, code, gate_file):
    """The first replacement has read the second version, but does not serve yet, when the third is written."""
    code.write("v1")
    with site(env=gate_file.env) as s:
        assert s.get("/").body == b"v1"
        plain = code.source
        code.source = "print('note: imported', flush=True, file=__import__('sys').stderr)\n"
        code.source += "open(__import__('os').environ['GATE']).close()\n" + plain
        code.write("v2")
        s.wait_for_line("note: imported")
        code.source = plain
        code.write("v3")
        gate_file.open_gate()
        answers(s, b"v3")


@pytest.mark.parametrize("worker_class", SOURCES)
@pytest.mark.parametrize(
    ("broken", "shown"),
    [("app = (\n", b"SyntaxError"), ("import a_module_that_is_not_there\n", b"ModuleNotFoundError"), ("", b"'app'")],
    ids=["syntax", "import", "no app"],
)
def test_code_that_cannot_be_loaded_is_shown_and_its_repair_is_noticed(site, code, worker_class, broken, shown):
    code.source = SOURCES[worker_class]
    code.write("v1")
    with site(worker_class=worker_class) as s:
        s.expect_errors()
        assert s.get("/").body == b"v1"
        code.file.write_text(broken)
        answers(s, shown, status=500)
        s.wait_for_line(shown.decode())
        code.write("v2")
        answers(s, b"v2")


def test_code_that_cannot_be_loaded_at_the_start_is_shown_and_its_repair_is_noticed(site, code):
    code.file.write_text("import helper_with_a_mistake\n")
    helper = code.directory / "helper_with_a_mistake.py"
    helper.write_text("1 / 0\n")
    with site() as s:
        s.expect_errors()
        answer = s.get("/")
        assert (answer.status, b"ZeroDivisionError" in answer.body) == (500, True)
        assert b"rgunicorn" not in answer.body
        helper.write_text(ASGI.format(version="v1"))
        code.file.write_text("from helper_with_a_mistake import app\n")
        answers(s, b"v1")


def test_the_file_that_is_missing_is_waited_for(site, code):
    code.file.write_text("from a_module_to_come import app\n")
    with site() as s:
        s.expect_errors()
        assert s.get("/").status == 500
        (code.directory / "a_module_to_come.py").write_text(ASGI.format(version="v1"))
        answers(s, b"v1")


def test_a_lifespan_that_fails_is_shown_and_its_repair_is_noticed(site, code):
    code.file.write_text(FAILING_LIFESPAN)
    with site() as s:
        s.expect_errors()
        answers(s, b"no database here", status=500)
        code.write("v1")
        answers(s, b"v1")


def test_extra_files_and_patterns_count_also_in_directories_made_later(site, code):
    code.write("v1")
    one, deep = code.directory / "etc" / "one.cfg", code.directory / "templates" / "a" / "b" / "page.html"
    flags = ["--reload-extra-file", one, "--reload-extra-file", code.directory / "templates/**/*.html"]
    with site(*flags) as s:
        one.parent.mkdir()
        deep.parent.mkdir(parents=True)
        for change, file in [
            (lambda: one.write_text("1"), one),
            (lambda: one.write_text("22"), one),
            (lambda: one.unlink(), one),
            (lambda: deep.write_text("1"), deep),
            (lambda: deep.write_text("22"), deep),
        ]:
            # A worker that is being replaced would see the change too.
            (old,) = eventually(lambda: alone(s), "one worker to be left")
            assert s.get("/").body == b"v1"
            seen = len(s.lines)
            change()
            eventually(lambda old=old: old not in s.worker_pids(), "the worker to be replaced")
            assert any(f"Worker reloading: {file} modified" in line for line in s.lines[seen:])


def alone(s):
    pids = s.worker_pids()
    return pids if len(pids) == 1 else None


def test_relative_extra_files_of_a_configuration_file_are_in_the_current_directory(site, code):
    code.write("v1")
    (code.directory / "gunicorn.conf.py").write_text("reload_extra_files = ['one.cfg', '*.ini']\n")
    with site() as s:
        assert s.get("/").body == b"v1"
        (code.directory / "one.cfg").touch()
        assert s.wait_for_line(RELOADING)[1].endswith("one.cfg")
        s.wait_for_line("lifespan", count=2)
        (code.directory / "x.ini").touch()
        assert s.wait_for_line(RELOADING, count=2)[1].endswith("x.ini")


def test_a_directory_is_watched_for_the_files_that_patterns_name(site, code, tmp_path_factory):
    code.write("v1")
    tree = tmp_path_factory.mktemp("tree")
    (tree / "node_modules").mkdir()
    flags = ["--reload-dir", tree, "--reload-include", "*.yaml", "--reload-exclude", "generated*"]
    with site(*flags) as s:
        assert s.get("/").body == b"v1"
        for ignored in "notes.txt", "generated.yaml", "node_modules/a.yaml", ".hidden.yaml":
            (tree / ignored).touch()
        (tree / "below").mkdir()
        (tree / "below" / "some.yaml").touch()
        assert s.wait_for_line(RELOADING)[1] == str(tree / "below" / "some.yaml")


def test_what_python_and_editors_write_beside_the_code_is_not_a_change(site, code):
    code.write("v1")
    with site() as s:
        assert s.get("/").body == b"v1"
        for ignored in ".site_that_changes.py.swp", ".#site_that_changes.py", "site_that_changes.py~", "notes.txt":
            (code.directory / ignored).touch()
        (code.directory / "__pycache__").mkdir(exist_ok=True)
        (code.directory / "__pycache__" / "x.py").touch()
        code.write("v2")
        assert s.wait_for_line(RELOADING)[1] == str(code.file)
        answers(s, b"v2")


def test_a_file_that_an_editor_replaces_is_watched_on(site, code):
    code.write("v1")
    with site() as s:
        for version in "v2", "v3", "v4":
            new = code.directory / "new"
            new.write_text(code.source.format(version=version))
            new.replace(code.file)
            answers(s, version.encode())


def test_the_operator_is_told_of_a_change_that_only_the_master_can_take(site, code):
    code.write("v1")
    shared = code.directory / "shared_with_master.py"
    shared.write_text("FLAGS = 1\n")
    (code.directory / "gunicorn.conf.py").write_text("import shared_with_master\n")
    with site() as s:
        assert s.get("/").body == b"v1"
        shared.write_text("FLAGS = 22\n")
        s.wait_for_line(rf"\[WARNING\] {shared} was loaded by the master")


def test_with_reload_the_application_is_not_preloaded(site, code):
    code.write("v1")
    with site("--preload") as s:
        s.wait_for_line(r"\[WARNING\] preload_app has no effect with reload")
        assert s.get("/").body == b"v1"
        code.write("v2")
        answers(s, b"v2")


def test_debug_information_may_be_sent_with_reload(site, code):
    code.source = ASGI.replace('b"{version}"', "str('http.response.debug' in scope['extensions']).encode()")
    code.write("")
    with site() as s:
        assert s.get("/").body == b"True"


def test_an_unknown_engine_is_refused(tmp_path):
    ended = run("--reload", "--reload-engine", "fsevents", "a:b", cwd=tmp_path)
    assert ended.code == 1
    assert ended.line_with("reload_engine", "'fsevents'", "auto, inotify, poll")


SEVERAL = """
import os, sys
from rgunicorn._reloading import Sources
sources = Sources([], ["*.py"], [], [])
sources.begin()
import one, two
assert sources.grew() and not sources.grew()
assert sources.changed() is None
for name in "one.py", "two.py", "three.py":
    with open(name, "w") as file:
        file.write("VALUE = 2000")
assert sources.changed() is not None
assert sources.changed() is None
"""


def test_several_changes_at_once_are_one(tmp_path):
    for name in "one", "two":
        (tmp_path / f"{name}.py").write_text("VALUE = 1")
    subprocess.run([sys.executable, "-c", SEVERAL], cwd=tmp_path, check=True)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_request_is_lost_while_code_changes(server, tmp_path):
    source = Path(__file__).parents[1] / "supervisor" / "apps" / "checked.py"
    file = tmp_path / "checked.py"
    shutil.copy(source, file)
    with server("checked:app", "--reload", workers=2, cwd=tmp_path) as s:
        with Load(s.host, s.port) as load:
            for number in range(10):
                old = set(s.worker_pids())
                load.wait_for_progress()
                file.write_text(source.read_text() + "#" * number)
                eventually(lambda old=old: not old & set(s.worker_pids()), "all old workers to leave")
        print(load)
    assert load.failures == []
