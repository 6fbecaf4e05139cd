"""`reuse_port`: each worker listens for itself at the same port."""

import os
import signal
import socket
import urllib.request
from pathlib import Path

import psutil
from command import eventually, free_port, run, serving
from load import wait_for_death

APPS = Path(__file__).parent / "apps"
BOOTING = r"Booting worker with pid: (\d+)"
NEW_MASTER = r"Starting a new master with pid: (\d+)"


def site(*flags, **options):
    return serving("-k", "asgi", "--reuse-port", *flags, "behaviours:app", cwd=APPS, **options)


def port_of(s):
    return int(s.url.rpartition(":")[2])


def listening(port):
    """The inode of each socket that listens there."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if int(row[1].partition(":")[2], 16) == port and row[3] == "0A"}


def holders(inode):
    """The processes that have a socket open."""
    found = set()
    for process in psutil.process_iter():
        try:
            names = os.listdir(f"/proc/{process.pid}/fd")
            links = (os.readlink(f"/proc/{process.pid}/fd/{name}") for name in names)
            if f"socket:[{inode}]" in links:
                found.add(process.pid)
        except OSError:
            pass
    return found


def answer(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=15) as reply:
        return int(reply.read())


def test_each_worker_has_a_listening_socket_of_its_own_and_the_master_none():
    with site("-b", "127.0.0.1:0", "-w", "2") as s:
        port = port_of(s)
        eventually(lambda: len(listening(port)) == 2, "two listening sockets")
        workers = {int(s.wait_for_line(BOOTING, count=number)[1]) for number in (1, 2)}
        assert set.union(*map(holders, listening(port))) == workers
        # The system spreads clients over them.
        eventually(lambda: {answer(port) for _ in range(20)} == workers, "an answer of each")


def test_without_it_they_share_one():
    with serving("-k", "asgi", "-b", "127.0.0.1:0", "-w", "2", "behaviours:app", cwd=APPS) as s:
        port = port_of(s)
        workers = {int(s.wait_for_line(BOOTING, count=number)[1]) for number in (1, 2)}
        (inode,) = listening(port)
        assert holders(inode) == workers | {s.pid}


def test_a_port_that_somebody_does_not_share_is_found_out_at_the_start():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = run("-k", "asgi", "--reuse-port", "-b", f"127.0.0.1:{port}", "behaviours:app", cwd=APPS)
    assert ended.code == 1
    ended.line_with("Connection in use", str(port))
    assert "Booting worker" not in ended.output


def test_a_reload_replaces_the_sockets_with_the_workers():
    with site("-b", "127.0.0.1:0") as s:
        port = port_of(s)
        (before,) = eventually(lambda: listening(port), "a listening socket")
        os.kill(s.pid, signal.SIGHUP)
        wait_for_death(int(s.wait_for_line(BOOTING)[1]))
        (after,) = eventually(lambda: listening(port), "a listening socket")
        assert after != before
        assert answer(port) == int(s.wait_for_line(BOOTING, count=2)[1])


def test_an_upgrade_works_and_both_masters_workers_serve():
    with site("-b", f"127.0.0.1:{free_port()}") as s:
        port = port_of(s)
        eventually(lambda: listening(port), "a listening socket")
        old = answer(port)
        os.kill(s.pid, signal.SIGUSR2)
        new = int(s.wait_for_line(NEW_MASTER)[1])
        worker = int(s.wait_for_line(BOOTING, count=2)[1])
        eventually(lambda: len(listening(port)) == 2, "two listening sockets")
        eventually(lambda: {answer(port) for _ in range(20)} == {old, worker}, "an answer of each")
        s.process.send_signal(signal.SIGTERM)
        assert s.process.wait(15) == 0
        assert answer(port) == worker
        os.kill(new, signal.SIGTERM)
        wait_for_death(new)


def test_unix_sockets_stay_shared_and_are_passed_on(tmp_path):
    path = tmp_path / "socket"
    with site("-b", "127.0.0.1:0", "-b", f"unix:{path}") as s:
        os.kill(s.pid, signal.SIGUSR2)
        new = int(s.wait_for_line(NEW_MASTER)[1])
        s.wait_for_line(rf"\[{new}\] \[INFO\] Listening at: \S+,unix:{path} ")
        s.process.send_signal(signal.SIGTERM)
        assert s.process.wait(15) == 0
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        os.kill(new, signal.SIGTERM)
        wait_for_death(new)
        assert not path.exists()


def test_a_change_on_reload_is_said_to_need_a_restart(tmp_path):
    config = tmp_path / "gunicorn.conf.py"
    config.write_text("reuse_port = False\n")
    with serving("-k", "asgi", "-b", "127.0.0.1:0", "-c", config, "behaviours:app", cwd=APPS) as s:
        config.write_text("reuse_port = True\n")
        os.kill(s.pid, signal.SIGHUP)
        s.wait_for_line(r"\[WARNING\] A change of reuse_port takes effect at the next start")
