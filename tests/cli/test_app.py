"""MODULE:NAME finds the application; --chdir and --preload say where and when it is imported."""

from pathlib import Path

import httpx
import pytest
from command import serving

APPS = Path(__file__).parent / "apps"


def asgi(*arguments, cwd=APPS, **options):
    return serving("-k", "asgi", "-b", "127.0.0.1:0", *arguments, cwd=cwd, **options)


@pytest.mark.parametrize(
    "target, body",
    [
        ("hello:app", "hello"),
        ("hello", "the default name"),
        ("hello:class_based", "hello"),
        ("hello:holder.inner.app", "the inner app"),
        ("package.site:app", "from a package"),
        ("hello:create_app()", "factory"),
        ("hello:create_app('given')", "given"),
        ("hello:create_app('given', loud=True)", "GIVEN"),
    ],
)
def test_a_target_names_an_application(target, body):
    with asgi(target) as s:
        assert httpx.get(s.url).text == body


def test_chdir_is_where_the_application_is_found_and_runs(tmp_path):
    with asgi("--chdir", APPS, "hello:where", cwd=tmp_path) as s:
        assert httpx.get(s.url).text == str(APPS)


def test_the_worker_runs_in_the_folder_it_was_started_from():
    with asgi("hello:where") as s:
        assert httpx.get(s.url).text == str(APPS)


def test_without_preload_each_worker_imports_the_application(tmp_path):
    imports = tmp_path / "imports"
    with asgi("-w", "3", "hello:pids", env={"IMPORTS": str(imports)}) as s:
        at_import, worker, master = httpx.get(s.url).text.split()
        assert at_import == worker and master == str(s.pid)
        booted = {s.wait_for_line(r"Booting worker with pid: (\d+)", count=number)[1] for number in (1, 2, 3)}
        assert worker in booted
        s.stop()
    assert set(imports.read_text().split()) <= booted


def test_with_preload_the_master_imports_the_application_once(tmp_path):
    imports = tmp_path / "imports"
    with asgi("--preload", "-w", "3", "hello:pids", env={"IMPORTS": str(imports)}) as s:
        for _ in range(5):
            at_import, worker, master = httpx.get(s.url).text.split()
            assert at_import == master == str(s.pid) != worker
        assert imports.read_text() == f"{s.pid}\n"


@pytest.mark.parametrize("flags", [["-k", "asgi"], ["--threads", "2"]])
def test_spew_prints_the_lines_that_run_on_any_thread(flags):
    app = "asgi" if "asgi" in flags else "wsgi"
    with serving("-b", "127.0.0.1:0", *flags, "--spew", f"inspecting:{app}", cwd=APPS) as s:
        assert httpx.get(s.url).json()["called"] == app
        s.stdout.wait_for(r"^inspecting:\d+: *(head|start_response)\b")
        s.stdout.wait_for(r"^inspecting:\d+: AT_IMPORT = ")
