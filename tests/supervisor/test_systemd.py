"""What a service manager is told, and the sockets that it opens: systemd's protocols, without systemd."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from command import Serving, environment, kill_all, serving, text_of
from conftest import RGUNICORN
from load import wait_for_death

APPS = Path(__file__).parent / "apps"
DEADLINE = 30.0
BOOTING = r"Booting worker with pid: (\d+)"
NEW_MASTER = r"Starting a new master with pid: (\d+)"


class Manager:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, address):
        self.variable = address.replace("\0", "@")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(address)
        self._socket.settimeout(DEADLINE)
        self.sender = None

    def receive(self):
        """The next notice as a dict; who sent it is in `sender`."""
        text, ancillary, _, _ = self._socket.recvmsg(4096, 64)
        self.sender = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
        return dict(line.split("=", 1) for line in text.decode().splitlines())

    def receive_with(self, key):
        """The next notice that says something about `key`."""
        while key not in (notice := self.receive()):
            pass
        return notice

    def pending(self):
        """What has come and was not yet asked for."""
        self._socket.setblocking(False)
        notices = []
        try:
            while True:
                notices.append(self.receive())
        except BlockingIOError:
            return notices
        finally:
            self._socket.settimeout(DEADLINE)

    def close(self):
        self._socket.close()


@pytest.fixture(params=["a path", "an abstract name"])
def manager(request, tmp_path):
    address = str(tmp_path / "notify") if request.param == "a path" else f"\0rgunicorn-notify-{os.getpid()}"
    manager = Manager(address)
    yield manager
    manager.close()


@pytest.fixture
def by_path(tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.close()


def notified(manager, *flags, app="behaviours:app", cwd=APPS, **variables):
    env = {"NOTIFY_SOCKET": manager.variable, **variables}
    return serving("-k", "asgi", "-b", "127.0.0.1:0", *flags, app, cwd=cwd, env=env)


# Notices


def test_ready_is_said_only_when_every_first_worker_serves(manager, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with notified(manager, "-w", "2", app="gated:app", GATE=str(gate)) as s:
        s.wait_for_line(BOOTING, count=2)
        assert manager.pending() == []
        opened = os.open(gate, os.O_RDWR)
        assert manager.receive() == {"READY": "1", "STATUS": "2 workers serve"}
        assert manager.sender == s.pid
        os.close(opened)


def test_a_stop_is_announced_when_it_begins(by_path):
    with notified(by_path) as s:
        assert by_path.receive()["READY"] == "1"
        s.stop()
        assert by_path.receive() == {"STOPPING": "1", "STATUS": "Stopping"}


def test_a_reload_is_announced_with_the_time_it_began_and_is_over_when_the_new_workers_serve(by_path, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    opened = os.open(gate, os.O_RDWR)
    with notified(by_path, app="gated:app", GATE=str(gate)) as s:
        assert by_path.receive()["READY"] == "1"
        os.close(opened)
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        os.kill(s.pid, signal.SIGHUP)
        notice = by_path.receive()
        assert notice["RELOADING"] == "1"
        assert before <= int(notice["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        s.wait_for_line(BOOTING, count=2)
        assert by_path.pending() == []
        opened = os.open(gate, os.O_RDWR)
        assert by_path.receive() == {"READY": "1", "STATUS": "1 worker serves"}
        os.close(opened)


def test_the_status_follows_ttin_and_ttou(by_path):
    with notified(by_path) as s:
        assert by_path.receive()["STATUS"] == "1 worker serves"
        os.kill(s.pid, signal.SIGTTIN)
        assert by_path.receive()["STATUS"] == "2 workers serve"
        os.kill(s.pid, signal.SIGTTOU)
        assert by_path.receive()["STATUS"] == "1 worker serves"


def test_the_watchdog_is_fed_again_and_again(by_path):
    with notified(by_path, WATCHDOG_USEC="200000"):
        for _ in range(5):
            assert by_path.receive_with("WATCHDOG") == {"WATCHDOG": "1"}


def test_the_watchdog_of_another_process_is_not_fed(by_path):
    with notified(by_path, WATCHDOG_USEC="1000", WATCHDOG_PID="1") as s:
        by_path.receive_with("READY")
        s.stop()
        assert [notice for notice in by_path.pending() if "WATCHDOG" in notice] == []


def test_the_watchdog_is_not_fed_while_no_worker_serves(by_path, tmp_path):
    code = tmp_path / "behaviours.py"
    code.write_text((APPS / "behaviours.py").read_text())
    with notified(by_path, cwd=tmp_path, WATCHDOG_USEC="100000") as s:
        by_path.receive_with("READY")
        by_path.receive_with("WATCHDOG")
        code.write_text("import os\nos._exit(3)\n")
        os.kill(int(s.wait_for_line(BOOTING)[1]), signal.SIGKILL)
        s.wait_for_line("the next attempt is in 1 s")
        by_path.pending()
        s.wait_for_line("the next attempt is in 2 s")
        assert by_path.pending() == []
        code.write_text((APPS / "behaviours.py").read_text())
        by_path.receive_with("WATCHDOG")


def test_in_an_upgrade_the_old_master_names_the_new_one_with_its_last_words(by_path):
    with notified(by_path) as s:
        assert by_path.receive()["READY"] == "1"
        os.kill(s.pid, signal.SIGUSR2)
        new = int(s.wait_for_line(NEW_MASTER)[1])
        s.wait_for_line(r"ASGI 'lifespan' protocol", count=2)
        s.process.send_signal(signal.SIGTERM)
        assert by_path.receive() == {"MAINPID": str(new), "STATUS": "Upgraded"}, "nothing of the new one, nor of a stop"
        assert by_path.sender == s.pid
        assert s.process.wait(DEADLINE) == 0
        assert by_path.receive() == {"MAINPID": str(new), "READY": "1", "STATUS": "Upgraded"}
        assert by_path.sender == new
        os.kill(new, signal.SIGTERM)
        wait_for_death(new)
        assert by_path.receive()["STOPPING"] == "1"


def test_the_new_master_feeds_the_watchdog_that_was_the_old_ones(by_path):
    launcher = "import os, sys; os.environ['WATCHDOG_PID'] = str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", launcher, RGUNICORN, "-k", "asgi", "-b", "127.0.0.1:0", "behaviours:app"]
    variables = {"NOTIFY_SOCKET": by_path.variable, "WATCHDOG_USEC": "200000"}
    with launched(command, APPS, variables) as s:
        by_path.receive_with("READY")
        os.kill(s.pid, signal.SIGUSR2)
        new = int(s.wait_for_line(NEW_MASTER)[1])
        s.wait_for_line(rf"\[{new}\] \[INFO\] Listening at")
        s.process.send_signal(signal.SIGTERM)
        while by_path.sender != new or by_path.receive_with("WATCHDOG") != {"WATCHDOG": "1"}:
            by_path.receive()
        os.kill(new, signal.SIGTERM)
        wait_for_death(new)


def test_a_manager_that_is_gone_is_a_warning_and_no_error(tmp_path):
    flags = ("-k", "asgi", "-b", "127.0.0.1:0", "behaviours:app")
    with serving(*flags, cwd=APPS, env={"NOTIFY_SOCKET": str(tmp_path / "nobody")}) as s:
        s.wait_for_line(r"\[WARNING\] The service manager does not listen")


# Socket activation

ACTIVATE = """
import os, sys
passed = [int(fd) for fd in sys.argv[1].split(",")]
for wanted, fd in enumerate(passed, 3):
    assert fd > 20
    os.dup2(fd, wanted)
os.environ["LISTEN_PID"] = str(os.getpid() + int(sys.argv[2]))
os.environ["LISTEN_FDS"] = str(len(passed))
os.environ["LISTEN_FDNAMES"] = "web"
os.execv(sys.argv[3], sys.argv[3:])
"""
TOLD = """
import json, os

async def app(scope, receive, send):
    assert scope["type"] == "http"
    names = [name for name in os.environ if name.startswith(("LISTEN_", "GUNICORN_"))]
    body = json.dumps({"master": os.getppid(), "variables": names}).encode()
    headers = [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""


@contextmanager
def launched(command, cwd, variables={}, pass_fds=()):
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
        start_new_session=True,
    )
    server = Serving(process)
    try:
        server.wait_for_line("Listening at: ")
        yield server
    finally:
        kill_all(process)


@contextmanager
def activated(folder, *listening, flags=(), pid_offset=0):
    (folder / "told.py").write_text(TOLD)
    # Numbers that nothing in this process has, and that are not those at which they are to be found.
    high = [fcntl.fcntl(one, fcntl.F_DUPFD, 30) for one in listening]
    command = [sys.executable, "-c", ACTIVATE, ",".join(map(str, high)), pid_offset]
    command += [RGUNICORN, "-k", "asgi", *flags, "told:app"]
    try:
        with launched(command, folder, pass_fds=high) as s:
            yield s
    finally:
        for fd in high:
            os.close(fd)


def ask(address, family=socket.AF_INET):
    with socket.socket(family) as client:
        client.settimeout(DEADLINE)
        client.connect(address)
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        reply = b""
        while piece := client.recv(4096):
            reply += piece
        return json.loads(reply.partition(b"\r\n\r\n")[2])


@pytest.fixture
def tcp():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def unix(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "web.sock"))
        listening.listen(16)
        yield listening


def test_the_sockets_of_systemd_take_the_place_of_bind(tmp_path, tcp, unix):
    path = unix.getsockname()
    with activated(tmp_path, tcp, unix, flags=("-b", "127.0.0.1:1")) as s:
        line = s.wait_for_line(r"Listening at: (\S+)")
        assert line[1] == f"http://127.0.0.1:{tcp.getsockname()[1]},unix:{path}"
        for address, family in [(tcp.getsockname(), socket.AF_INET), (path, socket.AF_UNIX)]:
            assert ask(address, family) == {"master": s.pid, "variables": []}
        assert s.stop().code == 0
        assert os.path.exists(path), "it is systemd's"


def test_a_reload_keeps_the_sockets_of_systemd(tmp_path, tcp):
    with activated(tmp_path, tcp) as s:
        assert ask(tcp.getsockname())["master"] == s.pid
        os.kill(s.pid, signal.SIGHUP)
        s.wait_for_line(BOOTING, count=2)
        wait_for_death(int(s.wait_for_line(BOOTING)[1]))
        assert ask(tcp.getsockname())["master"] == s.pid
        assert s.stop().code == 0


def test_an_upgrade_passes_the_sockets_of_systemd_on(tmp_path, tcp, unix):
    path = unix.getsockname()
    with activated(tmp_path, tcp, unix) as s:
        assert ask(path, socket.AF_UNIX)["master"] == s.pid
        os.kill(s.pid, signal.SIGUSR2)
        new = int(s.wait_for_line(NEW_MASTER)[1])
        s.wait_for_line(rf"\[{new}\] \[INFO\] Listening at: http://127.0.0.1:{tcp.getsockname()[1]},unix:")
        s.process.send_signal(signal.SIGTERM)
        assert s.process.wait(DEADLINE) == 0
        for address, family in [(tcp.getsockname(), socket.AF_INET), (path, socket.AF_UNIX)]:
            assert ask(address, family) == {"master": new, "variables": []}
        os.kill(new, signal.SIGTERM)
        wait_for_death(new)
        assert os.path.exists(path)


def test_sockets_for_another_process_are_not_touched(tmp_path, tcp):
    with activated(tmp_path, tcp, flags=("-b", "127.0.0.1:0"), pid_offset=1) as s:
        line = s.wait_for_line(r"Listening at: http://127.0.0.1:(\d+) ")
        port = int(line[1])
        assert port != tcp.getsockname()[1]
        assert ask(("127.0.0.1", port)) == {"master": s.pid, "variables": []}
        assert s.stop().code == 0


# The example units

UNITS = Path(__file__).parents[2] / "config" / "systemd"


def test_the_command_of_the_example_unit_serves_on_the_socket_of_the_other(tmp_path, unix):
    service, sockets = (text_of(UNITS / f"rgunicorn.{kind}") for kind in ("service", "socket"))
    flags = re.search(r"^ExecStart=\S+/rgunicorn (.+) myapp:app$", service, re.M)[1].split()
    assert "Type=notify-reload" in service and "Requires=rgunicorn.socket" in service
    assert len(re.findall("^ListenStream=", sockets, re.M)) == 1
    with activated(tmp_path, unix, flags=flags) as s:
        assert ask(unix.getsockname(), socket.AF_UNIX) == {"master": s.pid, "variables": []}
        assert s.stop().code == 0
