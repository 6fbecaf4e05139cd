"""--check-config says whether the server would start; --print-config shows every setting and where it comes from."""

import re
from pathlib import Path

import pytest
from command import run

APPS = Path(__file__).parent / "apps"


def check(*arguments, **options):
    return run("--check-config", *arguments, cwd=APPS, **options)


@pytest.mark.parametrize("arguments", [["hello:app"], ["hello:wsgi_app"], ["-k", "asgi", "hello:app"]])
def test_what_can_be_served_is_passed_in_silence(arguments):
    ended = check(*arguments)
    assert (ended.code, ended.output) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere:app"], ["nowhere"]),
        (["hello:nothing"], ["nothing"]),
        (["-k", "turbo", "hello:app"], ["worker_class", "turbo"]),
        (["-k", "sync", "hello:app"], ["hello:app", "ASGI"]),
        (["-w", "0", "hello:app"], ["workers", "'0'"]),
        ([], ["no application"]),
    ],
)
def test_what_cannot_be_served_is_named_and_exits_1(arguments, words):
    ended = check(*arguments)
    ended.assert_explained(1, *words)


def test_an_error_in_the_application_shows_the_users_traceback_and_exits_1():
    ended = check("raises:app")
    assert ended.code == 1
    ended.line_with("RuntimeError: no configuration found")
    ended.assert_only_the_users_traceback()


def test_warnings_are_shown_on_standard_error():
    ended = check("--http-parser", "fast", "hello:app")
    assert ended.code == 0
    ended.line_with("Warning", "http_parser has no effect")


@pytest.mark.parametrize("mode", ["0600", "0o600", "384"])
def test_a_mode_is_octal_with_a_leading_zero_as_in_gunicorn(mode):
    """And the default of the setting, which has no effect, is passed in silence."""
    ended = check("--control-socket-mode", mode, "hello:app")
    assert (ended.code, ended.output) == (0, "")


def test_the_example_configuration_is_passed_in_silence():
    ended = check("-c", APPS.parents[2] / "config/gunicorn.conf.py", "hello:wsgi_app", env={})
    assert (ended.code, ended.output) == (0, "")


def test_a_file_may_ask_for_it(tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text("check_config = True\n")
    assert run("--chdir", APPS, "hello:app", cwd=tmp_path).code == 0


def printed(*arguments, **options):
    ended = run("--print-config", *arguments, "hello:app", **{"cwd": APPS, **options})
    assert (ended.code, ended.stderr) == (0, "")
    lines = [re.fullmatch(r"(\w+) += (.*?)  # (.*)", line) for line in ended.stdout.splitlines()]
    assert all(lines), ended.stdout
    return {line[1]: (line[2], line[3]) for line in lines}


def test_every_setting_is_printed_in_order_as_gunicorn_does():
    settings = printed()
    assert list(settings) == sorted(settings) and len(settings) > 80
    assert settings["bind"] == ("['127.0.0.1:8000']", "the defaults")
    assert settings["workers"][0] == "1"
    assert settings["pidfile"][0] == "None"
    assert settings["preload_app"][0] == "False"
    assert settings["loglevel"][0] == "info"
    assert settings["secure_scheme_headers"][0].startswith("{'X-FORWARDED-PROTOCOL': 'ssl', ")
    assert settings["wsgi_app"] == ("hello:app", "the application on the command line")


def test_each_value_is_printed_with_where_it_comes_from(tmp_path):
    (tmp_path / "rgunicorn.toml").write_text("# ours\nthreads = 2\nbacklog = 10\n")
    environment = {
        "WEB_CONCURRENCY": "5",
        "GUNICORN_CMD_ARGS": "--backlog 11 --timeout 12",
        "RGUNICORN_TIMEOUT": "13",
        "RGUNICORN_KEEPALIVE": "14",
    }
    settings = printed("--chdir", APPS, "--keep-alive", "15", cwd=tmp_path, env=environment)
    assert settings["workers"] == ("5", "$WEB_CONCURRENCY")
    assert settings["threads"] == ("2", "./rgunicorn.toml, line 2")
    assert settings["backlog"] == ("11", "--backlog in GUNICORN_CMD_ARGS")
    assert settings["timeout"] == ("13", "$RGUNICORN_TIMEOUT")
    assert settings["keepalive"] == ("15", "--keep-alive on the command line")


def test_the_line_in_a_python_file_is_that_of_the_assignment(tmp_path):
    file = tmp_path / "gunicorn.conf.py"
    file.write_text(
        '"""Ours."""\n'
        "import os\n"
        "workers, threads = 2, 3\n"
        "backlog = 1\n"
        "backlog = 2\n"
        "if os.environ.get('NEVER_SET'):\n"
        "    timeout = 1\n"
        "else:\n"
        "    timeout = 2\n"
        "def keepalive(): pass\n"
        "keepalive = 3\n"
        "globals()['max_requests'] = 4\n"
    )
    settings = printed("-c", file)
    lines = {name: settings[name][1].removeprefix(str(file)) for name in settings}
    assert lines["workers"] == lines["threads"] == ", line 3"
    assert lines["backlog"] == ", line 5"
    assert lines["timeout"] == ", line 7 or 9"
    assert lines["keepalive"] == ", line 11"
    assert settings["max_requests"] == ("4", str(file))


def test_settings_are_printed_even_where_the_application_cannot_be_loaded():
    ended = run("--print-config", "nowhere:app", cwd=APPS)
    assert ended.code == 1 and "wsgi_app" in ended.stdout
    ended.line_with("nowhere")
