"""Flags that uvicorn and granian spell otherwise, and what they do to each other."""

import socket
from pathlib import Path

import httpx
import pytest
from command import free_port, run, serving

APPS = Path(__file__).parent / "apps"
BIND = ("-b", "127.0.0.1:0")


def listening(*arguments, env={}, pass_fds=()):
    with serving(*arguments, "hello:app", cwd=APPS, env=env, pass_fds=pass_fds) as server:
        return server.wait_for_line(r"Listening at: (\S+)")[1].split(",")


def test_host_and_port_are_one_address():
    port = free_port()
    assert listening("--host", "127.0.0.1", "--port", port) == [f"http://127.0.0.1:{port}"]


def test_a_port_alone_is_on_the_usual_host_and_a_host_alone_on_the_usual_port():
    port = free_port()
    assert listening("--port", port) == [f"http://127.0.0.1:{port}"]
    assert listening("--host", "127.0.0.1", env={"PORT": str(port)}) == [f"http://127.0.0.1:{port}"]


def test_the_last_port_wins():
    port = free_port()
    assert listening("--port", "1", "--port", port) == [f"http://127.0.0.1:{port}"]


def test_uds_is_a_unix_socket(tmp_path):
    assert listening("--uds", tmp_path / "a.sock") == [f"unix:{tmp_path}/a.sock"]


def test_fd_is_an_inherited_socket():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        port = listener.getsockname()[1]
        assert listening("--fd", listener.fileno(), pass_fds=[listener.fileno()]) == [f"http://127.0.0.1:{port}"]


def test_addresses_of_all_spellings_add_up(tmp_path):
    found = listening(*BIND, "--uds", tmp_path / "a.sock", "--port", "0")
    assert len(found) == 3 and f"unix:{tmp_path}/a.sock" in found


def test_a_port_that_is_none_is_a_usage_error():
    ended = run("--port", "70000", "hello:app", cwd=APPS)
    assert ended.code == 2
    ended.line_with("70000", "--port")


@pytest.mark.parametrize("flag", ["--app-dir", "--pythonpath"])
def test_modules_are_found_in_another_directory(flag, tmp_path):
    with serving(*BIND, flag, APPS, "hello:app", cwd=tmp_path) as server:
        assert httpx.get(server.url).text == "hello"


@pytest.mark.parametrize("app", ["hello:create_app", "hello:create_app()", "hello:create_app('factory')"])
def test_a_factory_is_called(app):
    with serving(*BIND, "--factory", app, cwd=APPS) as server:
        assert httpx.get(server.url).text == "factory"


def test_a_factory_that_needs_arguments_is_named():
    ended = run(*BIND, "--factory", "shapes:two_steps", cwd=APPS)
    ended.assert_explained(4, "two_steps", "does not fit the factory", "scope")


def test_an_env_file_adds_to_the_environment_and_changes_nothing_there(tmp_path):
    file = tmp_path / "env"
    file.write_text("# ours\nADDED='two words'\nexport KEPT=file\nBOTH=file\n")
    flags = ("--env-file", file, "-e", "BOTH=flag", "inspecting:asgi")
    with serving(*BIND, *flags, cwd=APPS, env={"KEPT": "outside"}) as server:
        environment = httpx.get(server.url).json()["environment"]
    assert [environment[name] for name in ("ADDED", "KEPT", "BOTH")] == ["two words", "outside", "flag"]


@pytest.mark.parametrize("text", [None, "no variable\n"])
def test_an_env_file_that_cannot_be_read_is_named(tmp_path, text):
    file = tmp_path / "env"
    if text:
        file.write_text(text)
    ended = run(*BIND, "--env-file", file, "hello:app", cwd=APPS)
    ended.assert_explained(1, "env_file", str(file))


def test_a_variable_without_a_name_or_value_is_named():
    ended = run(*BIND, "-e", "LONELY", "hello:app", cwd=APPS)
    assert ended.code == 1
    ended.line_with("raw_env = 'LONELY'", "must be NAME=VALUE")


def test_the_environment_says_which_server_it_is_as_with_gunicorn():
    with serving(*BIND, "inspecting:asgi", cwd=APPS) as server:
        assert httpx.get(server.url).json()["environment"]["SERVER_SOFTWARE"].startswith("rgunicorn/")


def test_the_uwsgi_protocol_is_refused():
    ended = run(*BIND, "--protocol", "uwsgi", "hello:app", cwd=APPS)
    assert ended.code == 1
    ended.line_with("protocol = 'uwsgi'", "let the proxy speak HTTP")
