"""USR2 starts a new master on the same sockets; either of the two can be the one that stays."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest
from command import environment, eventually, free_port, kill_all, run, serving, text_of
from load import live_workers, lives, wait_for_death

APPS = Path(__file__).parent / "apps"
NEW_MASTER = r"Starting a new master with pid: (\d+)"
READY = r"\[%d\] \[INFO\] Listening at: "


@pytest.fixture
def site(server):
    return lambda *flags, **options: server("behaviours:app", *flags, cwd=APPS, **options)


def upgrade(s, count=1):
    """The pid of the new master, once its first worker answers."""
    os.kill(s.pid, signal.SIGUSR2)
    new = int(s.wait_for_line(NEW_MASTER, count=count)[1])
    s.wait_for_line(READY % new)
    eventually(lambda: psutil.Process(new).children(), "a worker of the new master")
    return new


def end(pid, number=signal.SIGTERM):
    os.kill(pid, number)
    wait_for_death(pid)


def workers_of(pid):
    return {child.pid for child in psutil.Process(pid).children() if lives(child)}


def answering(s):
    return int(s.get("/").body)


def wait_for_answer_of(s, master):
    eventually(lambda: answering(s) in workers_of(master), f"an answer of a worker of {master}")


def test_usr2_serves_from_both_masters_and_the_new_one_stays_when_the_old_one_quits(site, tmp_path):
    pidfile = tmp_path / "master.pid"
    with site("--pid", pidfile) as s:
        assert answering(s) in workers_of(s.pid)
        new = upgrade(s)
        assert pidfile.read_text() == f"{s.pid}\n"
        assert text_of(tmp_path / "master.pid.2") == f"{new}\n"
        wait_for_answer_of(s, new)
        s.kill(signal.SIGQUIT)
        assert s.process.wait(15) == 0
        s.wait_for_line(rf"\[{new}\] \[INFO\] Master has been promoted\.")
        eventually(lambda: text_of(pidfile) == f"{new}\n", "the pid file of the only master")
        assert not (tmp_path / "master.pid.2").exists()
        assert answering(s) in workers_of(new)
        end(new)
        assert not pidfile.exists()


def test_the_new_master_can_be_upgraded_in_its_turn(site):
    with site() as s:
        second = upgrade(s)
        s.kill(signal.SIGTERM)
        assert s.process.wait(15) == 0
        s.wait_for_line("Master has been promoted")
        os.kill(second, signal.SIGUSR2)
        third = int(s.wait_for_line(NEW_MASTER, count=2)[1])
        wait_for_answer_of(s, third)
        end(second)
        s.wait_for_line("Master has been promoted", count=2)
        assert answering(s) in workers_of(third)
        end(third)


def test_winch_ends_the_workers_of_the_old_master_and_hup_takes_it_back(site, tmp_path):
    pidfile = tmp_path / "master.pid"
    with site("--pid", pidfile, workers=2) as s:
        new = upgrade(s)
        wait_for_answer_of(s, new)
        s.kill(signal.SIGWINCH)
        s.wait_for_line("graceful stop of workers")
        eventually(lambda: workers_of(s.pid) == {new}, "the end of the old workers")
        assert answering(s) in workers_of(new)
        s.kill(signal.SIGHUP)
        wait_for_answer_of(s, s.pid)
        end(new)
        s.wait_for_line(rf"The new master \(pid:{new}\) has stopped\.")
        assert answering(s) in workers_of(s.pid)
        assert len(live_workers(s)) == 2
        assert pidfile.read_text() == f"{s.pid}\n" and not (tmp_path / "master.pid.2").exists()


def test_winch_without_another_master_is_ignored_unless_daemonized(site):
    with site("--log-level", "debug") as s:
        before = answering(s)
        s.kill(signal.SIGWINCH)
        s.wait_for_line("SIGWINCH ignored. Not daemonized")
        assert answering(s) == before


def test_a_second_usr2_is_ignored_by_the_old_master_and_by_the_new_one(site):
    with site() as s:
        new = upgrade(s)
        s.kill(signal.SIGUSR2)
        s.wait_for_line(r"\[WARNING\] USR2 signal ignored. Child exists\.")
        os.kill(new, signal.SIGUSR2)
        s.wait_for_line(r"\[WARNING\] USR2 signal ignored. Parent exists\.")
        end(new)


def test_a_new_version_that_does_not_start_leaves_the_old_one_serving(server, tmp_path):
    source = (APPS / "behaviours.py").read_text()
    code = tmp_path / "behaviours.py"
    code.write_text(source)
    with server("behaviours:app", cwd=tmp_path) as s:
        s.expect_errors()
        assert answering(s) in workers_of(s.pid)
        code.write_text("app = (\n")
        s.kill(signal.SIGUSR2)
        new = int(s.wait_for_line(NEW_MASTER)[1])
        s.wait_for_line(rf"\[ERROR\] The new master \(pid:{new}\) exited with code 3\.")
        assert answering(s) in workers_of(s.pid)
        code.write_text(source)
        new = upgrade(s, count=2)
        wait_for_answer_of(s, new)
        end(new)


def test_a_new_master_is_started_as_the_old_one_was(tmp_path):
    """The same command in the same directory with the same variables; none of ours reach the application."""
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "told.py").write_text(TOLD)
    flags = ("-k", "asgi", "-b", "127.0.0.1:0", "--chdir", "deeper")
    environment = {"COLOUR": "green", "GUNICORN_CMD_ARGS": "--keep-alive 7"}
    with serving(*flags, "told:app", cwd=tmp_path, env=environment) as s:
        url = s.url
        first = told(url)
        os.kill(s.pid, signal.SIGUSR2)
        new = int(s.wait_for_line(NEW_MASTER)[1])
        s.wait_for_line(READY % new)
        second = eventually(lambda: (answer := told(url))["master"] == new and answer, "an answer of the new master")
        assert {**first, "master": new} == second
        assert first["variables"] == {"COLOUR": "green"}
        end(new)


TOLD = """
import json, os, sys

NAMES = ["COLOUR", "GUNICORN_FD", "GUNICORN_PID", "LISTEN_FDS", "LISTEN_PID"]

async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = json.dumps({
        "master": os.getppid(),
        "directory": os.getcwd(),
        "command": sys.argv,
        "variables": {name: os.environ[name] for name in NAMES if name in os.environ},
    }).encode()
    headers = [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""


def told(url):
    with urllib.request.urlopen(url, timeout=15) as answer:
        return json.loads(answer.read())


def test_a_deployment_that_switches_a_symbolic_link_is_found_by_hup_and_usr2(tmp_path):
    link = tmp_path / "current"
    for version in (1, 2, 3):
        (tmp_path / str(version)).mkdir()
        (tmp_path / str(version) / "told.py").write_text(TOLD)

    def deploy(version):
        (tmp_path / "next").symlink_to(tmp_path / str(version))
        (tmp_path / "next").rename(link)

    def served(url, version):
        return eventually(
            lambda: (answer := told(url))["directory"] == str(tmp_path / str(version)) and answer, f"version {version}"
        )

    deploy(1)
    with serving("-k", "asgi", "-b", "127.0.0.1:0", "told:app", cwd=link, env={"PWD": str(link)}) as s:
        url = s.url
        assert served(url, 1)["master"] == s.pid
        deploy(2)
        os.kill(s.pid, signal.SIGHUP)
        assert served(url, 2)["master"] == s.pid
        deploy(3)
        os.kill(s.pid, signal.SIGUSR2)
        new = int(s.wait_for_line(NEW_MASTER)[1])
        assert served(url, 3)["master"] == new
        end(new)


def answer_over(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(15)
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        reply = b""
        while piece := client.recv(4096):
            reply += piece
        return int(reply.rpartition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("who", ["old", "new"])
def test_the_file_of_a_unix_socket_stays_as_long_as_a_master_needs_it(tmp_path, who):
    path = tmp_path / "socket"
    with serving("-k", "asgi", "-b", f"unix:{path}", "behaviours:app", cwd=APPS) as s:
        os.kill(s.pid, signal.SIGUSR2)
        new = int(s.wait_for_line(NEW_MASTER)[1])
        s.wait_for_line(READY % new)
        if who == "old":
            s.process.send_signal(signal.SIGTERM)
            assert s.process.wait(15) == 0
            s.wait_for_line("Master has been promoted")
            assert answer_over(path) in workers_of(new)
            end(new)
        else:
            end(new)
            s.wait_for_line("The new master")
            assert answer_over(path) in workers_of(s.pid)
            s.stop()
        assert not path.exists()


def test_an_address_that_the_new_configuration_names_is_opened_and_one_that_it_does_not_is_left(tmp_path):
    ports = [free_port() for _ in range(3)]
    config = tmp_path / "gunicorn.conf.py"

    def write(*wanted):
        config.write_text(f"bind = {[f'127.0.0.1:{port}' for port in wanted]}\n")

    write(ports[0], ports[1])
    with serving("-k", "asgi", "-c", config, "behaviours:app", cwd=APPS) as s:
        write(ports[1], ports[2])
        os.kill(s.pid, signal.SIGUSR2)
        new = int(s.wait_for_line(NEW_MASTER)[1])
        line = s.wait_for_line(rf"\[{new}\] \[INFO\] Listening at: (\S+)")
        assert line[1] == f"http://127.0.0.1:{ports[1]},http://127.0.0.1:{ports[2]}"
        s.process.send_signal(signal.SIGTERM)
        assert s.process.wait(15) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", ports[0]), 15)
        for port in ports[1:]:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=15) as answer:
                assert int(answer.read()) in workers_of(new)
        end(new)


def test_a_master_that_is_killed_leaves_its_pid_file_to_the_new_one(site, tmp_path):
    pidfile = tmp_path / "master.pid"
    with site("--pid", pidfile) as s:
        new = upgrade(s)
        os.kill(s.pid, signal.SIGKILL)
        s.wait_for_line("Master has been promoted")
        eventually(lambda: text_of(pidfile) == f"{new}\n", "the pid file of the only master")
        # The old workers look for their master with every beat.
        eventually(lambda: answering(s) in workers_of(new), "the old workers to notice")
        end(new)
        assert s.process.wait(15) == -signal.SIGKILL
        s._stopped = True


def test_the_log_names_the_new_master_until_it_is_the_only_one(site):
    with site() as s:
        new = upgrade(s)
        end(new)
        s.wait_for_line(rf"\[{new}\] \[INFO\] Shutting down: Master\.2$")
        assert not re.search(rf"\[{new}\].*Shutting down: Master$", "\n".join(s.lines), re.M)


@pytest.mark.parametrize(
    "variable, value, problem",
    [
        ("GUNICORN_PID", "old", "must be the number of a process"),
        ("GUNICORN_FD", "3,three", "must be numbers of descriptors, with commas between them"),
        ("GUNICORN_FD", "1000", "is not open"),
    ],
)
def test_variables_that_cannot_be_right_are_named(variable, value, problem):
    ended = run("-k", "asgi", "behaviours:app", cwd=APPS, env={"GUNICORN_PID": "1", variable: value})
    ended.assert_explained(1, variable, f"'{value}'", problem)


GUNICORN = """#!{python}
from gunicorn.app.wsgiapp import run
run()
"""
RGUNICORN = """#!{python}
from rgunicorn.__main__ import main
main()
"""
SOFTWARE = """
import os

def app(environ, start_response):
    body = f"{environ['SERVER_SOFTWARE'].partition('/')[0]} {os.getppid()}".encode()
    start_response("200 OK", [("content-length", str(len(body)))])
    return [body]
"""


def test_a_running_gunicorn_is_upgraded_to_rgunicorn(tmp_path):
    pytest.importorskip("gunicorn")
    command, pidfile, second = tmp_path / "serve", tmp_path / "master.pid", tmp_path / "master.pid.2"
    port = free_port()
    (tmp_path / "software.py").write_text(SOFTWARE)

    def install(source):
        command.write_text(source.format(python=sys.executable))
        command.chmod(0o755)

    def answer():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=15) as reply:
            return reply.read().decode()

    install(GUNICORN)
    flags = ["-b", f"127.0.0.1:{port}", "-p", pidfile, "software:app"]
    env = environment({"XDG_RUNTIME_DIR": str(tmp_path)})  # Where gunicorn puts its control socket.
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen([command, *flags], cwd=tmp_path, env=env, stderr=log, start_new_session=True)
    try:
        eventually(lambda: "Booting worker" in text_of(tmp_path / "log"), "a worker of gunicorn")
        assert answer() == f"gunicorn {process.pid}"
        install(RGUNICORN)
        process.send_signal(signal.SIGUSR2)
        new = int(eventually(lambda: text_of(second), "the pid file of the new master"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert answer() == f"rgunicorn {new}"
        eventually(lambda: text_of(pidfile) == f"{new}\n", "its pid in the place of gunicorn's")
        end(new)
    finally:
        kill_all(process)
