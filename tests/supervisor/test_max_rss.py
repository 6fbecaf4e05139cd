"""`max_rss`: a worker that uses too much memory is replaced, and nobody notices."""

from pathlib import Path

from command import eventually, run
from load import wait_until_all_serve

APPS = Path(__file__).parent / "apps"


def test_a_worker_that_grew_too_much_is_replaced_and_serves_until_the_other_is_there(server):
    with server("hungry:app", "--max-rss", "204800K", workers=2, cwd=APPS) as s, s.connect() as client:
        wait_until_all_serve(s, s.worker_pids())
        client.get("/300")
        grown = int(client.read_response().body)
        (other,) = set(s.worker_pids()) - {grown}
        s.wait_for_line(rf"\[{grown}\] \[INFO\] Autorestarting worker: it uses \d{{3}} MiB, more than max_rss\.")
        s.wait_for_line(rf"Worker exiting \(pid: {grown}\)")
        assert len([line for line in s.lines if "Autorestarting" in line]) == 1, "said once"
        client.expect_closed()
        assert not client.was_reset
        eventually(lambda: int(s.get("/0").body) == other, "an answer of the one that did not grow")


def test_a_limit_that_is_no_size_is_named():
    ended = run("-k", "asgi", "--max-rss", "lots", "hungry:app", cwd=APPS)
    assert ended.code == 1
    ended.line_with("max_rss = 'lots'", "must be a number of MiB, or a number with K, M or G behind it")
