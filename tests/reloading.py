"""New code by HUP while clients ask all the time."""

import re
import signal
import threading


def check_reload(server, folder, source):
    """Serves `source` from `folder` in two versions; a version is what the application answers, and is formatted in."""
    file = folder / "changing.py"
    file.write_text(source.format(version=1))
    answers, failures, new_code = [], [], threading.Event()

    def ask_until_new(s):
        while not new_code.is_set() and not failures:
            try:
                response = s.get()
                answers.append(response.body)
                if response.body == b"2":
                    new_code.set()
            except (OSError, AssertionError) as error:
                failures.append(error)

    with server("changing:app", workers=2, cwd=folder) as s:
        assert s.get().body == b"1"
        threads = [threading.Thread(target=ask_until_new, args=(s,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        file.write_text(source.format(version=2))
        s.kill(signal.SIGHUP)
        assert new_code.wait(15) or failures
        for thread in threads:
            thread.join()
        assert failures == []
        assert set(answers) <= {b"1", b"2"}
        assert re.search("Handling signal: hup", "\n".join(s.lines))
