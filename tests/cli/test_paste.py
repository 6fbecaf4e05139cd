"""Paste ini files: the application, and the settings of [server:main]."""

from pathlib import Path

import httpx
import pytest
from command import run, serving

APPS = Path(__file__).parent / "apps"
BIND = ("-b", "127.0.0.1:0")
APPLICATION = "[app:main]\npaste.app_factory = inspecting:make_by_paste\nsize = large\n"
SERVER = "[server:main]\nuse = egg:gunicorn#main\n"


@pytest.fixture
def ini(tmp_path):
    def write(text, name="site.ini"):
        path = tmp_path / name
        path.write_text(APPLICATION + text)
        return path

    return write


def get(*arguments, env={}):
    with serving(*arguments, cwd=APPS, env=env) as server:
        return httpx.get(server.url).json()


@pytest.mark.parametrize("flag", ["--paste", "--paster"])
def test_the_application_of_a_file_is_served(ini, flag):
    assert get(*BIND, flag, ini(""))["local"] == {"size": "large"}


def test_a_section_may_be_named(ini):
    file = ini("[app:other]\npaste.app_factory = inspecting:make_by_paste\nsize = small\n")
    assert get(*BIND, "--paste", f"{file}#other")["local"] == {"size": "small"}


def test_variables_reach_the_application(ini):
    answer = get(*BIND, "--paste", ini(""), "--paste-global", "colour=red", "--paste-global", "b=c=d")
    assert (answer["global"]["colour"], answer["global"]["b"]) == ("red", "c=d")


def test_a_configuration_file_may_name_it(ini, tmp_path):
    config = tmp_path / "gunicorn.conf.py"
    config.write_text(f'paste = "{ini("")}"\n')
    assert get(*BIND, "-c", config)["local"] == {"size": "large"}


def test_settings_of_the_server_are_taken_and_a_configuration_file_beats_them(ini, tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text("timeout = 8\n")
    file = ini(f"{SERVER}host = localhost\nport = %(http_port)s\ntimeout = 7\nthreads = 9\nconfig = {config}\n")
    ended = run("--print-config", "--paste", file, "--paste-global", "http_port=1234", cwd=APPS)
    assert ended.code == 0
    assert ended.line_with("bind ").endswith(f"['localhost:1234']  # {file}, line 7")
    assert ended.line_with("threads ", "= 9  #").endswith(f"{file}, line 9")
    assert ended.line_with("timeout  ", f"8  # {config}, line 1").startswith("timeout")


def test_settings_for_another_server_are_left_alone(ini):
    file = ini("[server:main]\nuse = egg:waitress#main\nlisten = *:8080\n")
    assert run("--check-config", "--paste", file, cwd=APPS).code == 0


def test_a_setting_that_is_none_is_named_with_its_line(ini):
    ended = run("--paste", ini(f"{SERVER}wrokers = 3\n"), cwd=APPS)
    ended.assert_explained(1, "site.ini, line 6", "no setting 'wrokers'", "did you mean workers?")


@pytest.mark.parametrize(("text", "words"), [(None, ["no file"]), ("[broken\n", ["broken"])])
def test_a_file_that_cannot_be_used_is_named(ini, tmp_path, text, words):
    file = ini(text) if text else tmp_path / "missing.ini"
    ended = run("--paste", file, cwd=APPS)
    ended.assert_explained(1, "paste = ", file.name, "--paste on the command line", *words)


def test_without_pastedeploy_the_reason_is_named(ini, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'paste.deploy': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hidden)\n"
    )
    ended = run("--paste", ini(""), cwd=APPS, env={"PYTHONPATH": str(tmp_path)})
    ended.assert_explained(1, "PasteDeploy", "not installed")
