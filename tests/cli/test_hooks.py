"""The server hooks: in which process, in which order, with what, and what happens when one fails. docs/HOOKS.md"""

import json
import os
import re
import signal
import textwrap
from pathlib import Path

import pytest
from command import run
from rgunicorn._hooks import ARITIES

HOOKED = Path(__file__).parent / "apps" / "hooked"
EVERY_KIND = [("sync", "served:wsgi"), ("gthread", "served:wsgi"), ("asgi", "served:asgi")]
every_kind = pytest.mark.parametrize(("kind", "app"), EVERY_KIND, ids=[kind for kind, _ in EVERY_KIND])


@pytest.fixture
def hooked(server, tmp_path):
    """Starts a site with the hooks of apps/hooked/noting.py, but for what `instead` says."""

    def start(*flags, kind="sync", app="served:wsgi", instead="", **options):
        conf = written(tmp_path, instead)
        threads = ("--threads", "2") if kind == "gthread" else ()
        return server(app, "-c", conf, *threads, *flags, worker_class=kind, cwd=HOOKED, **options)

    return start


@pytest.fixture
def failing(tmp_path):
    """Runs a site that must not come up, to its end."""

    def start(instead, *flags, app="served:wsgi"):
        return run("-c", written(tmp_path, instead), "-b", "127.0.0.1:0", *flags, app, cwd=HOOKED)

    return start


def written(folder, instead):
    conf = folder / "hooks.conf.py"
    conf.write_text("from noting import *\n" + textwrap.dedent(instead))
    return conf


def facts(source):
    """What the hooks have noted, in order: of a running server or of one that ended."""
    lines = source.lines if hasattr(source, "lines") else source.stderr.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("hook: ")]


def names(source, within=None):
    return [fact["hook"] for fact in facts(source) if within in (None, fact["in"])]


def the(source, hook):
    """The facts of the only call of a hook."""
    (only,) = [fact for fact in facts(source) if fact["hook"] == hook]
    return only


def await_hook(s, hook, count=1):
    s.wait_for_line(rf'^hook: {{"hook": "{hook}"', count=count)


# Order and process


def test_a_start_calls_the_hooks_in_order(hooked):
    with hooked() as s:
        await_hook(s, "post_worker_init")
        start = ["nworkers_changed", "on_starting", "when_ready", "pre_fork", "post_fork", "post_worker_init"]
        assert names(s) == start
        assert names(s, within="worker") == start[4:]


def test_the_pid_file_is_there_before_on_starting_and_the_sockets_are_not(hooked, tmp_path):
    pidfile = tmp_path / "pid"
    instead = f"""
        def on_starting(server):
            note("on_starting", there=os.path.exists({str(pidfile)!r}), listeners=len(server.LISTENERS))
    """
    with hooked("-p", pidfile, instead=instead) as s:
        await_hook(s, "post_worker_init")
        seen = the(s, "on_starting")
        assert (seen["there"], seen["listeners"]) == (True, 0)


@every_kind
def test_a_request_is_between_pre_request_and_post_request(hooked, kind, app):
    with hooked(kind=kind, app=app) as s:
        assert s.get("/").body == b"hello"
        await_hook(s, "post_request")
        order = names(s, within="worker")
        assert order[order.index("pre_request") :] == ["pre_request", "application", "close", "post_request"]


@every_kind
def test_a_request_that_fails_is_told_to_post_request_as_what_the_client_got(hooked, kind, app):
    with hooked(kind=kind, app=app) as s:
        s.expect_errors()
        assert s.get("/fail").status == 500
        await_hook(s, "post_request")
        assert the(s, "post_request")["code"] == 500


def test_a_stop_ends_with_worker_exit_child_exit_and_on_exit(hooked):
    with hooked() as s:
        assert s.get("/").status == 201  # TERM kills a worker that is not ready yet
        await_hook(s, "post_request")
        assert s.stop() == 0
        assert names(s)[-3:] == ["worker_exit", "child_exit", "on_exit"]
        assert the(s, "worker_exit")["in"] == "worker"
        assert the(s, "child_exit")["left"] == []


@every_kind
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_stop_calls_worker_int_once(hooked, kind, app, number):
    with hooked(kind=kind, app=app) as s:
        assert s.get("/").status == 201
        await_hook(s, "post_request")
        assert s.stop(number) == 0
        assert names(s)[-4:] == ["worker_int", "worker_exit", "child_exit", "on_exit"]
        assert the(s, "worker_int")["alive"] is False


def test_hup_calls_the_hooks_of_the_new_configuration_before_the_new_workers(hooked, tmp_path):
    with hooked() as s:
        await_hook(s, "post_worker_init")
        before = len(names(s))
        written(tmp_path, "workers = 2\ndef on_reload(server): note('another on_reload', workers=server.cfg.workers)")
        s.kill(signal.SIGHUP)
        await_hook(s, "child_exit")
        in_master = [fact for fact in facts(s)[before:] if fact["in"] == "master"]
        # The tests' command line says how many workers there are, and wins.
        hooks = ["nworkers_changed", "another on_reload", "pre_fork", "child_exit"]
        assert [fact["hook"] for fact in in_master] == hooks
        assert (in_master[0]["old"], in_master[0]["new"], in_master[0]["attribute"]) == (1, 1, 1)
        assert (in_master[2]["age"], in_master[3]["age"]) == (2, 1)


def test_hooks_that_come_with_a_reload_know_the_workers_there_are(server, tmp_path):
    conf = tmp_path / "hooks.conf.py"
    conf.write_text("")
    with server("served:wsgi", "-c", conf, cwd=HOOKED, worker_class="sync") as s:
        assert s.get("/").status == 201
        written(tmp_path, "")
        s.kill(signal.SIGHUP)
        await_hook(s, "child_exit")
        assert the(s, "child_exit")["age"] == 1


def test_hooks_that_come_with_a_reload_know_the_application_and_the_number_of_workers(server, tmp_path):
    conf = tmp_path / "hooks.conf.py"
    conf.write_text("")
    with server("served:wsgi", "--preload", "-c", conf, cwd=HOOKED, worker_class="sync") as s:
        s.wait_for_line("Booting worker")
        s.kill(signal.SIGTTIN)
        s.wait_for_line("Booting worker", count=2)
        written(tmp_path, "def on_reload(server): note('on_reload', app=server.app.callable.__name__)")
        s.kill(signal.SIGHUP)
        await_hook(s, "child_exit")
        assert the(s, "on_reload")["app"] == "wsgi"
        assert (the(s, "nworkers_changed")["old"], the(s, "nworkers_changed")["new"]) == (2, 1)


def test_ttin_and_ttou_tell_nworkers_changed_but_not_below_one_worker(hooked):
    with hooked() as s:
        await_hook(s, "post_worker_init")
        s.kill(signal.SIGTTIN)
        await_hook(s, "post_worker_init", count=2)
        s.kill(signal.SIGTTOU)
        await_hook(s, "child_exit")
        s.kill(signal.SIGTTOU)
        s.wait_for_line("Handling signal: ttou", count=2)
        s.stop()
        changes = [(fact["old"], fact["new"]) for fact in facts(s) if fact["hook"] == "nworkers_changed"]
        assert changes == [(None, 1), (1, 2), (2, 1)]


@pytest.mark.parametrize(("kind", "app"), [EVERY_KIND[0], EVERY_KIND[2]], ids=["sync", "asgi"])
def test_a_worker_that_hangs_is_told_so_and_leaves_in_order(hooked, kind, app):
    with hooked("--timeout", "1", kind=kind, app=app) as s:
        s.expect_errors()
        assert s.get("/hang").status == 500
        await_hook(s, "child_exit")
        pid = the(s, "child_exit")["worker"]
        last = [fact["hook"] for fact in facts(s) if fact["pid"] == pid]
        assert last[last.index("worker_abort") :] == ["worker_abort", "post_request", "worker_exit"]
        s.wait_for_line(rf"Worker \(pid:{pid}\) exited with code 1\.")
        assert any("Current thread" in line for line in s.lines)  # its stacks came first


@pytest.mark.parametrize(("app", "code"), [("served:nothing", 4), ("nowhere:app", 3)])
def test_a_worker_that_fails_to_boot_has_its_worker_exit_and_child_exit(failing, app, code):
    ended = failing("", app=app)
    assert ended.code == code
    assert names(ended)[-4:] == ["post_fork", "worker_exit", "child_exit", "on_exit"]


def test_a_killed_worker_has_a_child_exit_but_no_worker_exit(hooked):
    with hooked() as s:
        assert s.get("/").status == 201
        os.kill(the(s, "post_worker_init")["pid"], signal.SIGKILL)
        await_hook(s, "child_exit")
        assert "worker_exit" not in names(s)


def test_a_worker_that_leaves_without_its_threads_has_a_worker_exit(hooked):
    with hooked("--graceful-timeout", "1", kind="gthread") as s, s.connect() as client:
        client.get("/hang")
        await_hook(s, "application")
        assert s.stop() == 0
        s.wait_for_line("leaving without them")
        assert names(s)[-3:] == ["worker_exit", "child_exit", "on_exit"]


def test_a_preloaded_application_is_known_to_the_master(hooked):
    instead = "def when_ready(server): note('when_ready', app=server.app.wsgi().__name__, uri=server.app.app_uri)"
    with hooked("--preload", instead=instead) as s:
        await_hook(s, "post_worker_init")
        assert (the(s, "when_ready")["app"], the(s, "when_ready")["uri"]) == ("wsgi", "served:wsgi")


def test_at_debug_a_request_is_logged_as_gunicorns_own_pre_request_does(server, tmp_path):
    with server("served:wsgi", "--log-level", "debug", cwd=HOOKED, worker_class="sync") as s:
        assert s.get("/some/path").status == 201
        s.wait_for_line(r"\[DEBUG\] GET /some/path$")


def test_usr2_calls_pre_exec_in_the_copy_that_becomes_the_next_master(hooked):
    with hooked() as s:
        assert s.get("/").status == 201
        s.kill(signal.SIGUSR2)
        await_hook(s, "when_ready", count=2)
        starts = [fact["pid"] for fact in facts(s) if fact["hook"] == "on_starting"]
        assert the(s, "pre_exec")["pid"] == starts[1] != s.pid
        os.kill(starts[1], signal.SIGTERM)
        s.wait_for_line(rf"The new master \(pid:{starts[1]}\) has stopped")


def test_a_pre_exec_that_fails_leaves_the_old_master_serving(hooked):
    with hooked(instead="def pre_exec(server): raise ValueError('no')") as s:
        s.expect_errors()
        assert s.get("/").status == 201
        s.kill(signal.SIGUSR2)
        s.wait_for_line("Cannot start a new master")
        assert s.get("/").status == 201


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_post_fork_runs_before_the_worker_becomes_its_user(hooked):
    # The module is imported beforehand: nobody may not be able to read it.
    instead = """
        import served
        def post_fork(server, worker): note("post_fork", uid=os.geteuid())
        def post_worker_init(worker): note("post_worker_init", uid=os.geteuid())
    """
    with hooked("--user", "65534", instead=instead) as s:
        await_hook(s, "post_worker_init")
        assert (the(s, "post_fork")["uid"], the(s, "post_worker_init")["uid"]) == (0, 65534)


@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_post_request_is_not_told_an_answer_where_the_application_took_the_connection_over(hooked, kind):
    with hooked(kind=kind, app="served:taken_over") as s, s.connect() as client:
        client.get("/")
        assert client.socket.recv(100).startswith(b"mine")
        await_hook(s, "post_request")
        assert the(s, "post_request")["status"] is None


# What hooks are given


def test_the_server_and_the_worker_have_what_gunicorn_gives_them(hooked):
    with hooked() as s:
        assert s.get("/").status == 201
        worker = the(s, "post_fork")["pid"]
        assert the(s, "on_starting")["address"] == [["127.0.0.1", 0]]
        assert the(s, "when_ready")["listeners"] == [s.url]
        assert the(s, "when_ready")["names"] == [["127.0.0.1", s.port]]
        assert (the(s, "pre_fork")["worker"], the(s, "pre_fork")["age"]) == ("[booting]", 1)
        born = the(s, "post_fork")
        assert (born["worker"], born["ppid"], born["master"]) == (worker, s.pid, s.pid)
        assert (the(s, "post_worker_init")["app"], the(s, "post_worker_init")["same"]) == ("wsgi", True)


@every_kind
def test_a_request_hook_sees_the_request_as_gunicorn_shows_it(hooked, kind, app):
    with hooked(kind=kind, app=app) as s, s.connect() as client:
        client.send(b"GET /a%20b?x=1 HTTP/1.1\r\nHost: x\r\nX-Twice: 1\r\nx-twice: 2\r\n\r\n")
        assert client.read_response().status == 201
        await_hook(s, "post_request")
        seen = the(s, "pre_request")
        # gunicorn decodes the path for ASGI only.
        path = "/a b" if kind == "asgi" else "/a%20b"
        assert (seen["method"], seen["uri"], seen["path"], seen["query"]) == ("GET", "/a%20b?x=1", path, "x=1")
        assert seen["headers"] == [["HOST", "x"], ["X-TWICE", "1"], ["X-TWICE", "2"]]
        assert (seen["version"], seen["scheme"], seen["client"]) == ([1, 1], "http", "127.0.0.1")


@every_kind
def test_post_request_sees_the_answer_and_the_environ(hooked, kind, app):
    with hooked(kind=kind, app=app) as s:
        assert s.get("/a%20b").status == 201
        await_hook(s, "post_request")
        seen = the(s, "post_request")
        # As in gunicorn, the status is the line for WSGI and the number for ASGI.
        assert (seen["status"], seen["code"]) == (201 if kind == "asgi" else "201 Made", 201)
        assert (seen["sent"], seen["path_info"]) == (5, "/a b")
        assert ["content-type", "text/plain"] in seen["headers"]


@every_kind
def test_the_workers_requests_are_counted_before_the_application(hooked, kind, app):
    with hooked(kind=kind, app=app) as s:
        for count in (1, 2):
            s.get("/")
            await_hook(s, "post_request", count=count)
        counts = [(fact["hook"], fact["nr"]) for fact in facts(s) if fact["hook"].endswith("_request")]
        assert counts == [("pre_request", 0), ("post_request", 1), ("pre_request", 1), ("post_request", 2)]


@every_kind
def test_worker_exit_knows_how_many_requests_there_were_without_request_hooks(hooked, kind, app):
    with hooked(kind=kind, app=app, instead="pre_request = post_request = None") as s:
        for _ in range(3):
            assert s.get("/").status == 201
        assert s.stop() == 0
        assert the(s, "worker_exit")["nr"] == 3


def test_gthread_calls_request_hooks_on_the_thread_that_calls_the_application(hooked):
    with hooked(kind="gthread") as s:
        s.get("/")
        await_hook(s, "post_request")
        assert the(s, "pre_request")["thread"] == "other"


@pytest.mark.parametrize("parameters", ["worker, req", "worker, req, environ", "worker, req, environ, resp"])
def test_post_request_may_take_two_three_or_four_arguments(hooked, parameters):
    with hooked(instead=f"def post_request({parameters}): note('post_request', path=req.path)") as s:
        s.get("/short")
        await_hook(s, "post_request")
        assert the(s, "post_request")["path"] == "/short"


def test_a_header_that_pre_request_adds_reaches_a_wsgi_application(hooked):
    instead = """
        def pre_request(worker, req):
            req.headers.append(("X-HOOK", "something"))
    """
    with hooked(instead=instead) as s:
        assert s.get("/").get("x-seen") == b"something"


def test_a_header_that_pre_request_removes_does_not(hooked):
    instead = """
        def pre_request(worker, req):
            req.headers[:] = [(name, value) for name, value in req.headers if name != "X-HOOK"]
    """
    with hooked(instead=instead) as s:
        assert s.get("/", "X-Hook: something").get("x-seen") == b"nothing"


@pytest.mark.parametrize(
    ("kind", "app", "other"),
    [
        ("sync", "served:wsgi", "replaced"),
        ("gthread", "served:wsgi", "replaced"),
        ("asgi", "served:asgi", "replaced_asgi"),
    ],
)
def test_the_application_that_post_worker_init_leaves_is_served(hooked, kind, app, other):
    instead = f"""
        import served
        def post_worker_init(worker):
            worker.wsgi = served.{other}
    """
    with hooked(kind=kind, app=app, instead=instead) as s:
        assert s.get("/").body == b"replaced"


@every_kind
def test_a_worker_that_a_hook_wants_to_leave_is_replaced_without_losing_a_request(hooked, kind, app):
    instead = """
        def post_request(worker, req):
            worker.alive = req.path != "/leave"
    """
    with hooked(kind=kind, app=app, instead=instead) as s:
        assert s.get("/leave").status == 201
        await_hook(s, "child_exit")
        assert s.get("/").status == 201
        await_hook(s, "post_worker_init", count=2)


def test_the_log_of_hooks_is_the_servers_error_log(hooked):
    instead = """
        def when_ready(server):
            for level in ("debug", "info", "warning", "error", "critical"):
                getattr(server.log, level)("at %s", level)
            server.log.log("warning", "at a named level")
            try:
                1 / 0
            except ZeroDivisionError:
                server.log.exception("with a traceback")
    """
    with hooked(instead=instead) as s:
        s.expect_errors()
        await_hook(s, "post_worker_init")
        stamp = rf"^\[.*\] \[{s.pid}\] "
        for level in ("INFO", "WARNING", "ERROR", "CRITICAL"):
            s.wait_for_line(rf"{stamp}\[{level}\] at {level.lower()}$")
        s.wait_for_line(rf"{stamp}\[WARNING\] at a named level$")
        s.wait_for_line(rf"{stamp}\[ERROR\] with a traceback$")
        s.wait_for_line("^ZeroDivisionError")
        assert not [line for line in s.lines if "at debug" in line]


def test_the_configuration_of_hooks_has_every_setting_as_gunicorn_shows_it(hooked):
    instead = """
        def when_ready(server):
            cfg = server.cfg
            assert cfg.bind == ["127.0.0.1:0"] and cfg.workers == 1 and cfg.timeout == 30
            assert cfg.forwarded_allow_ips == ["127.0.0.1", "::1"]
            assert cfg.secure_scheme_headers["X-FORWARDED-PROTO"] == "https"
            assert cfg.worker_class_str == "sync" and cfg.pidfile is None and cfg.preload_app is False
            assert cfg.settings["workers"].get() == 1
            assert cfg.pre_fork is pre_fork and cfg.when_ready is when_ready
            try:
                cfg.wrokers
            except AttributeError as error:
                note("asked", error=str(error))
    """
    with hooked(instead=instead) as s:
        await_hook(s, "asked")
        assert the(s, "asked")["error"] == "No configuration setting for: wrokers"


# What a wrong or failing hook does


@pytest.mark.parametrize(
    ("hook", "function", "arity"),
    [
        ("pre_fork", "def pre_fork(server): pass", 2),
        ("pre_exec", "def pre_exec(): pass", 1),
        ("post_request", "def post_request(worker): pass", 4),
    ],
)
def test_a_hook_of_the_wrong_arity_is_named_in_gunicorns_words(failing, hook, function, arity):
    ended = failing(function)
    ended.assert_explained(1, hook, "hooks.conf.py", f"Value must have an arity of: {arity}")


@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        ("'json'", "Value 'json' is not import string. Format: module[.submodules...].object"),
        ("'json.nothing'", "Can not load 'nothing' from 'json'"),
        ("'no_such_module.hook'", "No module named 'no_such_module'"),
        ("'json.__name__'", "Value is not callable: json"),
    ],
)
def test_a_hook_that_cannot_be_imported_is_named_in_gunicorns_words(failing, hook, problem):
    ended = failing(f"on_exit = {hook}")
    ended.assert_explained(1, "on_exit", problem)


def test_a_hook_may_be_the_dotted_path_of_a_function(server, tmp_path):
    conf = tmp_path / "hooks.conf.py"
    conf.write_text("when_ready = 'noting.when_ready'")
    with server("served:wsgi", "-c", conf, cwd=HOOKED, worker_class="sync") as s:
        await_hook(s, "when_ready")


def test_a_hook_may_be_named_in_the_environment(server):
    env = {"RGUNICORN_WHEN_READY": "noting.when_ready"}
    with server("served:wsgi", cwd=HOOKED, worker_class="sync", env=env) as s:
        await_hook(s, "when_ready")


@pytest.mark.parametrize("hook", ["on_starting", "when_ready"])
def test_a_hook_that_fails_before_the_first_worker_ends_the_server(failing, hook):
    ended = failing(f"def {hook}(server): raise ValueError('no')")
    assert ended.code == 1
    ended.assert_only_the_users_traceback()
    ended.line_with(f"Error: the hook {hook} failed")


@pytest.mark.parametrize("hook", ["on_starting", "when_ready"])
def test_a_hook_may_end_the_server_with_a_code(failing, hook):
    ended = failing(f"def {hook}(server): raise SystemExit(7)")
    assert ended.code == 7
    ended.assert_no_traceback()


@pytest.mark.parametrize("hook", ["post_fork(server, worker)", "post_worker_init(worker)"])
def test_a_hook_that_fails_in_a_worker_is_a_failure_to_boot(failing, hook):
    ended = failing(f"def {hook}: raise ValueError('no')")
    assert ended.code == 3
    ended.line_with("Exception in worker process")
    ended.assert_only_the_users_traceback()
    assert names(ended)[-3:] == ["worker_exit", "child_exit", "on_exit"]


def test_a_pre_fork_that_fails_is_a_worker_that_cannot_be_started(failing):
    ended = failing("def pre_fork(server, worker): raise ValueError('no')")
    assert ended.code == 3
    ended.line_with("Exception in pre_fork hook")
    assert names(ended)[-1] == "on_exit"


@every_kind
def test_a_pre_request_that_fails_is_answered_with_500_and_the_application_not_called(hooked, kind, app):
    instead = """
        def pre_request(worker, req):
            if req.path == "/no":
                raise ValueError("no")
    """
    with hooked(kind=kind, app=app, instead=instead) as s:
        s.expect_errors()
        assert s.get("/no").status == 500
        await_hook(s, "post_request")
        assert "application" not in names(s)
        assert s.get("/").status == 201


@every_kind
def test_a_post_request_that_fails_is_logged_and_nothing_else(hooked, kind, app):
    with hooked(kind=kind, app=app, instead="def post_request(worker, req): raise ValueError('no')") as s:
        s.expect_errors()
        assert s.get("/").status == 201
        s.wait_for_line(r"\[ERROR\] Exception in post_request hook")
        assert s.get("/").status == 201
        assert "child_exit" not in names(s)


@every_kind
@pytest.mark.parametrize("hook", ["pre_request(worker, req)", "post_request(worker, req)"])
def test_a_request_hook_that_exits_ends_its_worker_and_no_other(hooked, kind, app, hook):
    instead = f"""
        def {hook}:
            if req.path == "/exit":
                raise SystemExit(0)
    """
    with hooked(kind=kind, app=app, instead=instead) as s:
        s.expect_errors()
        assert s.get("/exit").status in (201, 500)
        await_hook(s, "child_exit")
        await_hook(s, "post_worker_init", count=2)
        assert s.get("/").status == 201


@pytest.mark.parametrize(
    "hook",
    ["child_exit(server, worker)", "nworkers_changed(server, new_value, old_value)", "on_reload(server)"],
)
def test_a_hook_that_fails_while_the_master_serves_is_logged_and_nothing_else(hooked, hook, tmp_path):
    with hooked() as s:
        s.expect_errors()
        assert s.get("/").status == 201
        written(tmp_path, f"def {hook}: raise ValueError('no')")
        s.kill(signal.SIGHUP)
        s.wait_for_line(rf"\[ERROR\] Exception in {hook.partition('(')[0]} hook")
        await_hook(s, "worker_exit")
        assert s.get("/").status == 201


def test_a_worker_exit_that_fails_is_logged(hooked):
    with hooked(instead="def worker_exit(server, worker): raise ValueError('no')") as s:
        s.expect_errors()
        assert s.get("/").status == 201
        assert s.stop() == 0
        s.wait_for_line(r"\[WARNING\] Exception during worker exit:")
        assert names(s)[-2:] == ["child_exit", "on_exit"]


def test_an_on_exit_that_fails_does_not_change_the_exit_code(hooked):
    with hooked(instead="def on_exit(server): raise ValueError('no')") as s:
        s.expect_errors()
        await_hook(s, "post_worker_init")
        assert s.stop() == 0
        s.wait_for_line("Exception in on_exit hook")


def test_a_configuration_without_hooks_has_none_of_their_machinery(server, tmp_path):
    app = """
        import sys

        def app(environ, start_response):
            start_response("200 OK", [])
            return [str("rgunicorn._hooks" in sys.modules).encode()]
    """
    (tmp_path / "bare.py").write_text(textwrap.dedent(app))
    with server("bare:app", cwd=tmp_path, worker_class="sync") as s:
        assert s.get("/").body == b"False"


def test_the_page_about_hooks_has_each_with_its_arguments():
    page = (HOOKED.parents[3] / "docs" / "HOOKS.md").read_text()
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \|", page, re.M)
    described = {name: arguments.count(",") + 1 for name, arguments in rows}
    assert described == {name: most for name, (most, *_) in ARITIES.items()}
