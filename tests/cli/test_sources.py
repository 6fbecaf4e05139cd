"""TOML, YAML and JSON files, the variables RGUNICORN_…, and which source wins."""

import re
from pathlib import Path

import httpx
import pytest
from command import run, serving

APPS = Path(__file__).parent / "apps"
BIND = ("-b", "127.0.0.1:0")
FORMATS = {
    "rgunicorn.toml": 'accesslog = "-"\naccess_log_format = "from the file"\nworkers = 2\nlogged = true\n',
    "settings.yaml": 'accesslog: "-"\naccess_log_format: from the file\nworkers: 2\nlogged: true\n',
    "settings.yml": 'accesslog: "-"\naccess_log_format: from the file\nworkers: 2\nlogged: true\n',
    "settings.json": '{"accesslog": "-",\n"access_log_format": "from the file",\n"workers": 2,\n"logged": true}\n',
}


def access_line(*arguments, cwd=APPS, env={}):
    with serving(*BIND, *arguments, "hello:app", cwd=cwd, env=env) as server:
        assert httpx.get(server.url).text == "hello"
        return server.stop().stdout.strip()


def failing(*arguments, cwd=APPS, env={}):
    ended = run(*BIND, *arguments, "hello:app", cwd=cwd, env=env)
    assert ended.code == 1
    ended.assert_no_traceback()
    return ended


@pytest.fixture(params=FORMATS)
def data_file(request, tmp_path):
    """A file in one of the formats, whose last line is replaced by that of the test."""
    path = tmp_path / request.param

    def write(name=None, value=None):
        lines = FORMATS[request.param].splitlines()[:3]
        if name and path.suffix == ".json":
            lines += [f'"{name}": {value}}}']
        elif name:
            lines += [f"{name} = {value}" if path.suffix == ".toml" else f"{name}: {value}"]
        elif path.suffix == ".json":
            lines[-1] = lines[-1].rstrip(",") + "}"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


# Files


def test_a_file_of_data_is_read(data_file):
    assert access_line("-c", data_file()) == "from the file"


def test_lists_and_dicts_are_read_from_data(data_file, tmp_path):
    file = data_file("raw_env", '["SHOWN=one", "OTHER=two"]')
    with serving(*BIND, "-c", file, "hello:environment", cwd=APPS) as server:
        assert httpx.get(server.url).text == "one"


def test_a_wrong_value_is_told_with_its_file_and_line(data_file):
    file = data_file("threads", '"many"')
    ended = failing("-c", file)
    ended.line_with("threads = 'many'", f"{file}, line 4", "must be a whole number")


def test_a_value_out_of_range_is_told_with_its_file_and_line(data_file):
    file = data_file("threads", "0")
    failing("-c", file).line_with("threads = '0'", f"{file}, line 4", "from 1 to")


def test_an_unknown_name_is_an_error_with_the_nearest_name(data_file):
    file = data_file("wrokers", "3")
    failing("-c", file).line_with(f"{file}, line 4", "no setting 'wrokers'", "did you mean workers?")


def test_a_name_that_is_near_to_none_is_an_error_too(data_file):
    failing("-c", data_file("favourite_colour", '"red"')).line_with("line 4", "no setting 'favourite_colour'")


def test_a_file_that_cannot_be_parsed_is_told_with_the_line(data_file):
    file = data_file("threads", "[")
    ended = failing("-c", file)
    assert str(file) in ended.output and "line" in ended.output


def test_a_dict_is_read_from_data(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('[secure_scheme_headers]\n"X-SEALED" = "yes"\n')
    with serving(*BIND, "-c", file, "inspecting:asgi", cwd=APPS) as server:
        answer = httpx.get(server.url, headers={"x-sealed": "yes"}).json()
    assert answer["scope"]["scheme"] == "https"


def test_a_toml_file_of_the_usual_name_is_found(tmp_path):
    (tmp_path / "rgunicorn.toml").write_text('access_log_format = "found"\naccesslog = "-"\n')
    assert access_line("--chdir", APPS, cwd=tmp_path) == "found"


def test_a_python_file_of_the_usual_name_is_found_before_it(tmp_path):
    (tmp_path / "rgunicorn.toml").write_text('access_log_format = "toml"\naccesslog = "-"\n')
    (tmp_path / "gunicorn.conf.py").write_text('access_log_format = "python"\naccesslog = "-"\n')
    assert access_line("--chdir", APPS, cwd=tmp_path) == "python"


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ("import os\nthreads = 'many'\n", "line 2"),
        ("if True:\n    threads = 0\nelse:\n    threads = 1\n", "line 2 or 4"),
        ("threads = 1\nthreads = -1\n", "line 2"),
    ],
)
def test_a_wrong_value_of_a_python_file_is_told_with_its_line(tmp_path, lines, line):
    file = tmp_path / "gunicorn.conf.py"
    file.write_text(lines)
    failing("-c", file).line_with("threads", f"{file}, {line})")


# Variables


def test_a_variable_sets_a_setting():
    environment = {"RGUNICORN_ACCESSLOG": "-", "RGUNICORN_ACCESS_LOG_FORMAT": "from a variable"}
    assert access_line(env=environment) == "from a variable"


def test_lists_switches_and_dicts_are_written_in_a_variable():
    environment = {
        "RGUNICORN_RAW_ENV": "SHOWN=one,OTHER=two",
        "RGUNICORN_PRELOAD_APP": "1",
        "RGUNICORN_SECURE_SCHEME_HEADERS": "X-SEALED: yes",
    }
    with serving(*BIND, "inspecting:asgi", cwd=APPS, env=environment) as server:
        answer = httpx.get(server.url, headers={"x-sealed": "yes"}).json()
        assert answer["environment"]["OTHER"] == "two"
        assert answer["at import"] == server.pid
        assert answer["scope"]["scheme"] == "https"


def test_lists_and_dicts_may_be_json_in_a_variable():
    environment = {
        "RGUNICORN_RAW_ENV": '["SHOWN=one,two"]',
        "RGUNICORN_SECURE_SCHEME_HEADERS": '{"X-SEALED": "yes, it is"}',
        "RGUNICORN_BIND": "[::1]:8000,127.0.0.1:0",
    }
    listing = run("--print-config", "hello:app", cwd=APPS, env=environment)
    listing.line_with("raw_env ", "= ['SHOWN=one,two']  #")
    listing.line_with("secure_scheme_headers", "{'X-SEALED': 'yes, it is'}")
    listing.line_with("bind ", "['[::1]:8000', '127.0.0.1:0']")


def test_a_list_that_is_no_json_is_told_with_the_variable():
    failing(env={"RGUNICORN_RAW_ENV": '["SHOWN'}).line_with("raw_env", "$RGUNICORN_RAW_ENV", "must be JSON")


def test_a_variable_may_name_the_configuration_file_and_the_application(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('access_log_format = "named"\naccesslog = "-"\n')
    environment = {"RGUNICORN_CONFIG": str(file), "RGUNICORN_WSGI_APP": "hello:app"}
    with serving(*BIND, cwd=APPS, env=environment) as server:
        assert httpx.get(server.url).text == "hello"
        assert server.stop().stdout.strip() == "named"


@pytest.mark.parametrize(("value", "problem"), [("many", "whole number"), ("", "whole number"), ("0", "from 1 to")])
def test_a_wrong_value_is_told_with_the_variable(value, problem):
    failing(env={"RGUNICORN_THREADS": value}).line_with(f"threads = '{value}'", "$RGUNICORN_THREADS", problem)


def test_an_unknown_variable_is_an_error_with_the_nearest_name():
    ended = failing(env={"RGUNICORN_WROKERS": "3"})
    ended.line_with("$RGUNICORN_WROKERS", "no setting 'wrokers'", "did you mean workers?")


def test_what_kubernetes_says_of_a_service_called_rgunicorn_is_left_alone():
    links = {"RGUNICORN_PORT": "tcp://10.0.0.1:80", "RGUNICORN_SERVICE_HOST": "10.0.0.1"}
    assert run("--check-config", "hello:app", cwd=APPS, env=links).code == 0


@pytest.mark.parametrize(("value", "used"), [("yes", "True"), ("1", "True"), ("no", "False"), ("", "True")])
def test_sendfile_in_the_environment_is_read_as_in_gunicorn(value, used):
    ended = run("--print-config", "hello:app", cwd=APPS, env={"SENDFILE": value})
    assert ended.line_with("sendfile").split()[2] == used


# Order


def test_each_source_beats_those_before(tmp_path):
    file = tmp_path / "gunicorn.conf.py"
    file.write_text("workers = 3\n")
    arguments = ["--print-config", "hello:app"]
    environment = {}

    def workers():
        listing = run(*arguments, cwd=APPS, env=environment).stdout
        return re.search(r"^workers += (\d+)", listing, re.MULTILINE)[1]

    assert workers() == "1"
    environment["WEB_CONCURRENCY"] = "2"
    assert workers() == "2"
    arguments += ["-c", file]
    assert workers() == "3"
    environment["GUNICORN_CMD_ARGS"] = "-w 4"
    assert workers() == "4"
    environment["RGUNICORN_WORKERS"] = "5"
    assert workers() == "5"
    arguments += ["-w", "6"]
    assert workers() == "6"


# HUP


def test_hup_takes_back_the_environment_of_the_old_configuration(tmp_path):
    file = tmp_path / "gunicorn.conf.py"
    file.write_text('raw_env = ["SHOWN=before", "GONE=yes"]\n')
    with serving(*BIND, "-c", file, "inspecting:asgi", cwd=APPS, env={"SHOWN": "outside"}) as server:
        environment = httpx.get(server.url).json()["environment"]
        assert (environment["SHOWN"], environment["GONE"]) == ("before", "yes")
        old = httpx.get(server.url).json()["pid"]
        file.write_text("raw_env = []\n")
        server.process.send_signal(1)
        server.wait_for_line(rf"Worker exiting \(pid: {old}\)")
        environment = httpx.get(server.url).json()["environment"]
        assert environment["SHOWN"] == "outside" and "GONE" not in environment
