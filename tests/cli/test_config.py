"""A configuration file, GUNICORN_CMD_ARGS and the command line: each beats the one before."""

import re
import signal
from pathlib import Path

import httpx
import pytest
from command import run, serving, text_of

APPS = Path(__file__).parent / "apps"
BOOTING = r"Booting worker with pid: (\d+)"


@pytest.fixture
def config(tmp_path):
    """Writes a configuration file and returns its path."""

    def write(*lines, name="gunicorn.conf.py"):
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


def asgi(*arguments, cwd=APPS, env={}):
    return serving("-k", "asgi", "-b", "127.0.0.1:0", *arguments, "hello:app", cwd=cwd, env=env)


def access_line(*arguments, env={}):
    """What the settings make of the access log of one request."""
    with asgi("--access-logfile", "-", *arguments, env=env) as s:
        assert httpx.get(s.url).status_code == 200
        return s.stop().stdout.strip()


def workers_started(*arguments, env={}):
    """How many workers a server starts, counted at its end."""
    with asgi(*arguments, env=env) as s:
        s.wait_for_line(BOOTING)
        assert httpx.get(s.url).status_code == 200
        return len(re.findall(BOOTING, s.stop().stderr))


# The file


def test_the_values_of_a_file_are_used(config, tmp_path):
    file = config(
        'bind = ["127.0.0.1:0"]', "workers = 2", 'worker_class = "asgi"', 'wsgi_app = "hello:app"',
        'accesslog = "-"', 'access_log_format = "from the file %(s)s"', f'chdir = "{APPS}"',
        f'pidfile = "{tmp_path}/pid"', "a_variable_of_mine = 1",
    )  # fmt: skip
    with serving("-c", file, cwd=tmp_path) as s:
        s.wait_for_line("Using worker: asgi")
        s.wait_for_line(BOOTING, count=2)
        assert httpx.get(s.url).text == "hello"
        assert text_of(tmp_path / "pid").strip() == str(s.pid)
        assert s.stop().stdout == "from the file 200"


def test_a_file_of_the_usual_name_is_found_in_the_starting_folder(config, tmp_path):
    config('access_log_format = "found"')
    with asgi("--chdir", APPS, "--access-logfile", "-", cwd=tmp_path) as s:
        assert httpx.get(s.url).text == "hello"
        assert s.stop().stdout == "found"


def test_a_file_may_compute_its_values(config):
    file = config("import math", "def two(): return int(math.sqrt(4))", "workers = two()")
    assert workers_started("-c", file) == 2


@pytest.mark.parametrize("form", ["{}", "file:{}"])
def test_a_file_may_be_named_with_or_without_its_scheme(config, form):
    file = config('access_log_format = "named"', name="settings.py")
    assert access_line("-c", form.format(file)) == "named"


def test_a_module_may_be_the_configuration():
    assert access_line("-c", "python:settings_module") == "from a module"


@pytest.mark.parametrize(
    "setting, value",
    [("workers", '"many"'), ("workers", "-1"), ("timeout", "[]"), ("preload_app", '"maybe"'), ("bind", "7")],
)
def test_a_wrong_value_is_told_with_setting_value_and_file(config, setting, value):
    file = config(f"{setting} = {value}")
    ended = run("-k", "asgi", "-b", "127.0.0.1:0", "-c", file, "hello:app", cwd=APPS)
    assert ended.code == 1
    assert setting in ended.output and value.strip('"') in ended.output and file.name in ended.output
    ended.assert_no_traceback()


def test_a_missing_file_is_named(tmp_path):
    ended = run("-k", "asgi", "-c", tmp_path / "no.conf.py", "hello:app", cwd=APPS)
    ended.assert_explained(1, "no.conf.py", "exist")


def test_a_directory_in_the_place_of_a_file_is_named(tmp_path):
    ended = run("-k", "asgi", "-c", tmp_path, "hello:app", cwd=APPS)
    ended.assert_explained(1, str(tmp_path), "is a directory")


def test_a_missing_module_is_named():
    ended = run("-k", "asgi", "-c", "python:no_such_settings", "hello:app", cwd=APPS)
    ended.assert_explained(1, "no_such_settings")


def test_an_error_in_the_file_shows_its_place(config):
    file = config("workers = 1", "raise LookupError('no such secret')")
    ended = run("-k", "asgi", "-c", file, "hello:app", cwd=APPS)
    assert ended.code == 1
    assert str(file) in ended.output and "LookupError: no such secret" in ended.output
    assert "line 2" in ended.output and "panicked" not in ended.output


def test_a_syntax_error_in_the_file_shows_its_place(config):
    file = config("workers = (")
    ended = run("-k", "asgi", "-c", file, "hello:app", cwd=APPS)
    assert ended.code == 1
    assert str(file) in ended.output and "SyntaxError" in ended.output and "line 1" in ended.output


# Which source wins


def test_a_file_beats_the_default(config):
    assert access_line("-c", config('access_log_format = "file"')) == "file"


def test_gunicorn_cmd_args_beat_the_file(config):
    file = config('access_log_format = "file"')
    assert access_line("-c", file, env={"GUNICORN_CMD_ARGS": "--access-logformat 'cmd args'"}) == "cmd args"


def test_the_command_line_beats_gunicorn_cmd_args(config):
    file = config('access_log_format = "file"')
    line = access_line(
        "-c", file, "--access-logformat", "command line", env={"GUNICORN_CMD_ARGS": "--access-logformat 'cmd args'"}
    )
    assert line == "command line"


def test_gunicorn_cmd_args_may_name_the_file(config):
    file = config('access_log_format = "file"')
    assert access_line(env={"GUNICORN_CMD_ARGS": f"-c {file}"}) == "file"


def test_the_file_of_the_command_line_beats_that_of_gunicorn_cmd_args(config):
    ours, theirs = (
        config('access_log_format = "ours"', name="ours.py"),
        config('access_log_format = "theirs"', name="theirs.py"),
    )
    assert access_line("-c", ours, env={"GUNICORN_CMD_ARGS": f"-c {theirs}"}) == "ours"


def test_an_unknown_option_in_gunicorn_cmd_args_exits_2():
    ended = run("-k", "asgi", "hello:app", cwd=APPS, env={"GUNICORN_CMD_ARGS": "--colour red"})
    assert ended.code == 2
    ended.line_with("--colour")


def test_web_concurrency_is_the_default_number_of_workers(config):
    concurrency = {"WEB_CONCURRENCY": "3"}
    assert workers_started(env=concurrency) == 3
    assert workers_started("-w", "1", env=concurrency) == 1
    assert workers_started("-c", config("workers = 2"), env=concurrency) == 2


def test_one_worker_is_the_default():
    assert workers_started() == 1


# HUP


def test_hup_reads_the_file_again(config):
    file = config('access_log_format = "before"', "workers = 1")
    with asgi("-c", file, "--access-logfile", "-") as s:
        s.wait_for_line(BOOTING)
        assert httpx.get(s.url).status_code == 200
        old = int(s.wait_for_line(BOOTING)[1])
        config('access_log_format = "after"', "workers = 2")
        s.process.send_signal(signal.SIGHUP)
        s.wait_for_line(BOOTING, count=3)
        s.wait_for_line(rf"Worker exiting \(pid: {old}\)")
        assert httpx.get(s.url).status_code == 200
        assert s.stop().stdout.splitlines() == ["before", "after"]


def test_hup_with_a_broken_file_keeps_the_old_settings_and_serves_on(config):
    file = config('access_log_format = "before"')
    with asgi("-c", file, "--access-logfile", "-") as s:
        assert httpx.get(s.url).status_code == 200
        config('workers = "many"')
        s.process.send_signal(signal.SIGHUP)
        s.wait_for_line("many")
        assert httpx.get(s.url).status_code == 200
        assert s.stop().stdout.splitlines() == ["before", "before"]
