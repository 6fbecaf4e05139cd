"""-b takes host:port, [v6]:port, unix:path and fd://N, as often as one likes."""

import os
import re
import signal
import socket
import stat
from pathlib import Path

import httpx
import pytest
from command import free_port, run, serving

APPS = Path(__file__).parent / "apps"


def ipv6_is_available():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            return True
    except OSError:
        return False


def asgi(*arguments, **options):
    return serving("-k", "asgi", *arguments, "hello:app", cwd=APPS, **options)


def over_unix(path):
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://localhost")


def test_host_and_port_are_bound():
    port = free_port()
    with asgi("-b", f"127.0.0.1:{port}") as s:
        s.wait_for_line(rf"\[INFO\] Listening at: http://127\.0\.0\.1:{port} \({s.pid}\)$")
        assert httpx.get(f"http://127.0.0.1:{port}").text == "hello"


def test_a_host_name_is_looked_up():
    port = free_port()
    with asgi("-b", f"localhost:{port}"):
        assert httpx.get(f"http://localhost:{port}").text == "hello"


def test_a_port_alone_is_bound_on_every_address():
    port = free_port()
    with asgi("-b", f":{port}") as s:
        s.wait_for_line(rf"Listening at: http://0\.0\.0\.0:{port}")
        assert httpx.get(f"http://127.0.0.1:{port}").text == "hello"


@pytest.mark.skipif(not ipv6_is_available(), reason="this machine has no IPv6")
def test_an_ipv6_address_is_bound():
    with asgi("-b", "[::1]:0") as s:
        port = int(s.wait_for_line(r"Listening at: http://\[::1\]:(\d+) ")[1])
        assert httpx.get(f"http://[::1]:{port}").text == "hello"


def test_a_unix_socket_is_served_and_removed_at_the_end(tmp_path):
    path = tmp_path / "rgunicorn.sock"
    with asgi("-b", f"unix:{path}", "-w", "2") as s:
        s.wait_for_line(rf"Listening at: unix:{re.escape(str(path))} \({s.pid}\)")
        assert stat.S_ISSOCK(path.stat().st_mode)
        with over_unix(path) as client:
            assert [client.get("/").text for _ in range(3)] == ["hello"] * 3
        assert s.stop().code == 0
        assert not path.exists()


def test_a_stale_unix_socket_is_replaced(tmp_path):
    path = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    with asgi("-b", f"unix:{path}"), over_unix(path) as client:
        assert client.get("/").text == "hello"


def test_an_inherited_socket_is_served_without_losing_its_backlog():
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as early:
        early.connect(listener.getsockname())  # Accepted by nobody yet.
        early.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        os.set_inheritable(listener.fileno(), True)
        with asgi("-b", f"fd://{listener.fileno()}", pass_fds=[listener.fileno()]):
            early.settimeout(30)
            with early.makefile("rb") as answer:
                assert answer.read().endswith(b"\r\n\r\nhello")
            assert httpx.get(f"http://127.0.0.1:{listener.getsockname()[1]}").text == "hello"


def test_several_addresses_are_served_side_by_side(tmp_path):
    path = tmp_path / "also.sock"
    with asgi("-b", "127.0.0.1:0", "-b", "127.0.0.1:0", "-b", f"unix:{path}") as s:
        line = s.wait_for_line(r"Listening at: (\S+),(\S+),(\S+) \(\d+\)")
        first, second, third = line.groups()
        assert first != second and third == f"unix:{path}"
        assert httpx.get(first).text == httpx.get(second).text == "hello"
        with over_unix(path) as client:
            assert client.get("/").text == "hello"


def test_the_port_is_free_again_after_the_end():
    port = free_port()
    for _ in range(2):
        with asgi("-b", f"127.0.0.1:{port}"):
            assert httpx.get(f"http://127.0.0.1:{port}").text == "hello"


def test_port_in_the_environment_is_bound_on_every_address():
    port = free_port()
    with asgi(env={"PORT": str(port)}) as s:
        s.wait_for_line(rf"Listening at: http://0\.0\.0\.0:{port} ")
        assert httpx.get(f"http://127.0.0.1:{port}").text == "hello"


def test_bind_on_the_command_line_beats_port_in_the_environment():
    with asgi("-b", "127.0.0.1:0", env={"PORT": "1"}) as s:
        assert httpx.get(s.url).text == "hello"


# What cannot be had


@pytest.fixture
def taken():
    """An address that somebody else listens at."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield f"127.0.0.1:{other.getsockname()[1]}"


def test_a_reload_does_not_wait_for_an_address_in_use_and_keeps_the_old_ones(tmp_path, taken):
    """A start tries it for some seconds; a master that serves has workers to look after."""
    file, before = tmp_path / "gunicorn.conf.py", tmp_path / "before.sock"
    file.write_text(f"bind = 'unix:{before}'")
    with asgi("-c", file) as s:
        file.write_text(f"bind = '{taken}'")
        s.process.send_signal(signal.SIGHUP)
        s.wait_for_line("Reload with the old configuration: cannot listen")
        with over_unix(before) as client:
            assert client.get("/").text == "hello"
        log = s.stop().stderr
    assert (log.count("Connection in use"), log.count("Retrying")) == (1, 0)


def test_a_reload_that_is_refused_leaves_no_new_socket_file(tmp_path, taken):
    file, before, after = tmp_path / "gunicorn.conf.py", tmp_path / "before.sock", tmp_path / "after.sock"
    file.write_text(f"bind = 'unix:{before}'")
    with asgi("-c", file) as s:
        file.write_text(f"bind = ['unix:{before}', 'unix:{after}', '{taken}']")
        s.process.send_signal(signal.SIGHUP)
        s.wait_for_line("Reload with the old configuration")
        assert before.exists() and not after.exists()


def test_a_start_that_fails_leaves_no_socket_file(tmp_path):
    path = tmp_path / "socket"
    ended = run("-k", "asgi", "-b", f"unix:{path}", "-b", "192.0.2.1:80", "hello:app", cwd=APPS)
    assert ended.code == 1
    ended.line_with("Invalid address")
    assert not path.exists()
