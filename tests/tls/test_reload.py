"""New certificates are taken into use while the server serves."""

import os
import shutil
import threading

import httpx
import pytest
from command import eventually


def shown(authority, s):
    with authority.client().connect(s) as connection:
        return connection.certificate


def replace(old, new):
    """As certbot does it: by renaming, first one file and then the other."""
    for source, target in [(new.keyfile, old.keyfile), (new.certfile, old.certfile)]:
        shutil.copy(source, f"{target}.new")
        os.replace(f"{target}.new", target)


class Load:
    """Requests on kept and on new connections, as fast as they go, until it is stopped."""

    def __init__(self, authority, s):
        self.failures, self.count, self._stop = [], 0, threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(authority, s, kept)) for kept in (True, False)]

    def _run(self, authority, s, kept):
        url = f"https://localhost:{s.port}/echo"
        limits = httpx.Limits(max_keepalive_connections=None if kept else 0)
        context = authority.client().context
        with httpx.Client(verify=context, limits=limits, transport=None) as client:
            while not self._stop.is_set():
                try:
                    assert client.post(url, content=b"hello").text == "hello"
                    self.count += 1
                except Exception as error:
                    self.failures.append(repr(error))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def await_more(self):
        before = self.count
        eventually(lambda: self.count > before + 20, "more requests")


@pytest.mark.parametrize("worker_class,app", [("asgi", "echo:app"), ("gthread", "wsgi_input:app")])
def test_hup_takes_new_files_into_use_and_fails_no_request(server, authority, worker_class, app):
    mine, new = authority.issue("localhost"), authority.issue("localhost")
    with server(app, *mine.flags, workers=2, worker_class=worker_class) as s, Load(authority, s) as load:
        load.await_more()
        pids = s.worker_pids()
        replace(mine, new)
        s.kill(1)
        for pid in pids:
            # One that was not ready yet when HUP came ends without a word of its own.
            s.wait_for_line(rf"Worker exiting \(pid: {pid}\)|Worker \(pid:{pid}\) was sent SIGTERM")
        load.await_more()
        assert shown(authority, s) == new.certificate
    assert load.failures == []


def test_new_files_are_noticed_by_every_worker_and_no_connection_ends(server, authority):
    mine, new = authority.issue("localhost"), authority.issue("localhost")
    with server("echo:app", "--keep-alive", "60", *mine.flags, workers=2) as s, Load(authority, s) as load:
        with authority.client().connect(s) as kept:
            kept.post(b"before")
            assert kept.read_response().body == b"before"
            replace(mine, new)
            s.wait_for_line("Took the new certificates into use", count=2)
            for _ in range(10):
                assert shown(authority, s) == new.certificate
            kept.post(b"after")
            assert kept.read_response().body == b"after"
            assert kept.certificate == mine.certificate
    assert load.failures == []


def test_broken_files_are_logged_once_and_the_old_ones_stay(server, authority):
    mine, new = authority.issue("localhost"), authority.issue("localhost")
    with server("echo:app", *mine.flags) as s:
        mine.certfile.write_bytes(b"nonsense")
        s.wait_for_line(r"\[ERROR\] The old certificates stay in use: holds no certificate \('.*pem'\)")
        assert shown(authority, s) == mine.certificate
        mine.certfile.write_bytes(new.certfile.read_bytes())  # and not its key
        s.wait_for_line("The old certificates stay in use: holds the key of another certificate")
        assert shown(authority, s) == mine.certificate
        mine.keyfile.write_bytes(new.keyfile.read_bytes())
        s.wait_for_line("Took the new certificates into use")
        assert shown(authority, s) == new.certificate
        assert len([line for line in s.lines if "stay in use" in line]) <= 3


def test_a_reload_with_broken_files_keeps_the_old_configuration(server, authority):
    mine = authority.issue("localhost")
    with server("echo:app", *mine.flags) as s:
        mine.keyfile.unlink()
        s.kill(1)
        s.wait_for_line("Reload with the old configuration: keyfile = ")
        assert shown(authority, s) == mine.certificate


def test_a_link_to_new_files_is_noticed(server, authority, tmp_path):
    """Kubernetes replaces a directory by a link."""
    old, new = authority.issue("localhost"), authority.issue("localhost")
    for name, issued in (("one", old), ("two", new)):
        (tmp_path / name).mkdir()
        shutil.copy(issued.certfile, tmp_path / name / "tls.crt")
        shutil.copy(issued.keyfile, tmp_path / name / "tls.key")
    (tmp_path / "data").symlink_to("one")
    flags = ("--certfile", tmp_path / "data" / "tls.crt", "--keyfile", tmp_path / "data" / "tls.key")
    with server("echo:app", *flags) as s:
        assert shown(authority, s) == old.certificate
        (tmp_path / "new").symlink_to("two")
        os.replace(tmp_path / "new", tmp_path / "data")
        s.wait_for_line("Took the new certificates into use")
        assert shown(authority, s) == new.certificate
