"""Programs that are their own server: `rgunicorn.app.base`, `rgunicorn.app.wsgiapp` and `rgunicorn.run`."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest
from command import DEADLINE, Ended, Serving, environment, kill_all
from rgunicorn.app.base import BaseApplication
from rgunicorn.config import Config

STANDALONE = """
import sys
import rgunicorn.app.base

class StandaloneApplication(rgunicorn.app.base.BaseApplication):
    def __init__(self, app, options=None):
        self.options = options or {}
        self.application = app
        super().__init__()

    def load_config(self):
        config = {key: value for key, value in self.options.items()
                  if key in self.cfg.settings and value is not None}
        for key, value in config.items():
            self.cfg.set(key.lower(), value)

    def load(self):
        return self.application
"""
ASGI = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"asgi"})
"""
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"wsgi"]
"""
BOOTING = r"Booting worker with pid: (\d+)"


@pytest.fixture
def program(tmp_path):
    """Writes a program and runs it: as a server, or to its end."""

    class Program:
        def __init__(self):
            self.file = tmp_path / "program.py"

        def _start(self, source, arguments, module):
            self.file.write_text(source)
            what = ["-m", module] if module else [self.file]
            return subprocess.Popen(
                [sys.executable, *map(str, what), *map(str, arguments)],
                cwd=tmp_path,
                env=environment({}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )

        @contextmanager
        def serving(self, source, *arguments, module=None):
            process = self._start(source, arguments, module)
            server = Serving(process)
            try:
                server.wait_for_line("Listening at: ")
                yield server
                assert server.stop().code == 0
                server.ended.assert_no_traceback()
            finally:
                kill_all(process)

        def ended(self, source, *arguments):
            process = self._start(source, arguments, None)
            try:
                stdout, stderr = process.communicate(timeout=DEADLINE)
            finally:
                kill_all(process)
            return Ended(process.returncode, stdout.decode(), stderr.decode())

    return Program()


def test_an_application_that_no_module_holds_is_served_by_several_workers(program):
    source = STANDALONE + "import os\ndef make(body):\n    def inner(environ, start_response):\n"
    source += (
        "        start_response('200 OK', [])\n        return [body + str(os.getpid()).encode()]\n    return inner\n"
    )
    source += "StandaloneApplication(make(b'made '), {'BIND': '127.0.0.1:0', 'workers': 2}).run()\n"
    source = source.replace("if key in", "if key.lower() in")
    with program.serving(source) as s:
        pids = {s.wait_for_line(BOOTING, count=number)[1] for number in (1, 2)}
        kind, pid = httpx.get(s.url).text.split()
        assert kind == "made" and pid in pids


def test_the_worker_class_may_be_said_and_other_options_ignored(program):
    source = STANDALONE + ASGI
    options = "{'bind': '127.0.0.1:0', 'worker_class': 'asgi', 'not_a_setting': 1}"
    with program.serving(f"{source}\nStandaloneApplication(app, {options}).run()") as s:
        assert httpx.get(s.url).text == "asgi"


@pytest.fixture
def counting(program, tmp_path):
    """A program that reads how many workers it has from a file, which `count` writes."""
    source = STANDALONE.replace("config = {", "self.options['workers'] = open('count').read()\n        config = {")
    source += WSGI + "StandaloneApplication(app, {'bind': '127.0.0.1:0'}).run()"
    count = (tmp_path / "count").write_text
    count("1")
    with program.serving(source) as s:
        s.wait_for_line(BOOTING)
        assert httpx.get(s.url).text == "wsgi"
        yield s, count
        assert httpx.get(s.url).text == "wsgi"


def test_hup_reads_the_configuration_again(counting):
    s, count = counting
    count("2")
    s.process.send_signal(signal.SIGHUP)
    s.wait_for_line(BOOTING, count=3)


def test_a_configuration_that_breaks_is_not_taken_on_hup(counting):
    s, count = counting
    count("several")
    s.process.send_signal(signal.SIGHUP)
    s.wait_for_line("workers = 'several'")
    s.wait_for_line("Reload with the old configuration")
    s.wait_for_line(BOOTING, count=2)


def test_load_is_called_once_in_the_master_with_preload(program):
    source = STANDALONE + WSGI
    source += "class Once(StandaloneApplication):\n    def load(self):\n"
    source += "        print('loaded', file=sys.stderr, flush=True)\n        return self.application\n"
    source += "Once(app, {'bind': '127.0.0.1:0', 'workers': 2, 'preload_app': True}).run()"
    with program.serving(source) as s:
        s.wait_for_line(BOOTING, count=2)
        assert httpx.get(s.url).text == "wsgi"
        assert s.stop().stderr.count("loaded") == 1


def test_an_error_in_load_config_ends_the_program_with_one_line(program):
    for options, text in [
        ("{'workers': 'four'}", "Error: workers = 'four': must be a whole number of 0 or more"),
        ("{'workers': None, 'bind': 5}", "Error: bind = 5: must be a text or a list of texts"),
    ]:
        ended = program.ended(f"{STANDALONE}\nStandaloneApplication(None, {options}).run()")
        assert (ended.code, ended.stderr.strip()) == (1, text)


def test_a_value_that_is_refused_later_names_the_program(program):
    ended = program.ended(f"{STANDALONE}{WSGI}StandaloneApplication(app, {{'bind': 'a:99999'}}).run()")
    assert ended.code == 1
    assert ended.line_with("bind = 'a:99999'", "the program")


def test_a_load_that_fails_ends_the_server_as_a_failed_import_does(program):
    source = STANDALONE + "class Bad(StandaloneApplication):\n    def load(self):\n        return 1 / 0\n"
    ended = program.ended(source + "Bad(None, {'bind': '127.0.0.1:0'}).run()")
    assert ended.code == 3
    assert "ZeroDivisionError" in ended.stderr


def test_an_application_of_the_wrong_kind_is_named(program):
    options = "{'bind': '127.0.0.1:0', 'worker_class': 'asgi'}"
    ended = program.ended(f"{STANDALONE}{WSGI}StandaloneApplication(app, {options}).run()")
    assert ended.code == 4
    assert ended.line_with("'StandaloneApplication.load()' is a WSGI application")


def test_wsgiapp_run_is_the_command(program):
    source = "from rgunicorn.app.wsgiapp import run\n" + WSGI + "if __name__ == '__main__':\n    run(prog='mine')\n"
    with program.serving(source, "-b", "127.0.0.1:0", "-w", "2", "program:app") as s:
        s.wait_for_line(BOOTING, count=2)
        assert httpx.get(s.url).text == "wsgi"


def test_wsgiapp_is_a_module_to_run(program):
    with program.serving(WSGI, "-b", "127.0.0.1:0", "program:app", module="rgunicorn.app.wsgiapp") as s:
        assert httpx.get(s.url).text == "wsgi"


def test_a_wsgi_application_class_reads_the_command_line(program):
    source = "from rgunicorn.app.wsgiapp import WSGIApplication\n" + WSGI
    source += "if __name__ == '__main__':\n    WSGIApplication('%(prog)s [OPTIONS]', prog='mine').run()\n"
    with program.serving(source, "-b", "127.0.0.1:0", "program:app") as s:
        assert httpx.get(s.url).text == "wsgi"
    ended = program.ended(source)
    assert ended.code == 1
    assert ended.line_with("Error: no application was named")
    ended = program.ended(source, "--wokers", "2")
    assert ended.code == 2
    assert "--wokers" in ended.stderr


def test_a_wsgi_application_class_with_its_own_settings_needs_no_command_line(program):
    source = "from rgunicorn.app.wsgiapp import WSGIApplication\n" + ASGI
    source += (
        "class Own(WSGIApplication):\n    def __init__(self, app_uri, options):\n"
        "        self.app_uri, self.options = app_uri, options\n        super().__init__()\n"
        "    def load_config(self):\n        for key, value in self.options.items():\n            self.cfg.set(key, value)\n"
        "if __name__ == '__main__':\n"
        "    Own('program:app', {'bind': '127.0.0.1:0', 'worker_class': 'asgi'}).run()\n"
    )
    with program.serving(source, "--not-ours") as s:
        assert httpx.get(s.url).text == "asgi"


def test_what_init_returns_gives_way_to_file_environment_and_command_line(program, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text("threads = 3\n")
    source = """
import sys
from rgunicorn.app.base import Application

class Shown(Application):
    def init(self, parser, opts, args):
        print(parser.prog, opts.workers, opts.backlog, args)
        return {"workers": 5, "threads": 5, "backlog": 5}

cfg = Shown(prog="mine").cfg
print(cfg.workers, cfg.threads, cfg.backlog, cfg.keepalive)
"""
    ended = program.ended(source, "-w", "2", "a:b")
    assert ended.stdout.splitlines() == ["mine 2 None ['a:b']", "2 3 5 2"]


RUN = "import rgunicorn\n{app}\nif __name__ == '__main__':\n    rgunicorn.run({target}, bind='127.0.0.1:0', {more})\n"


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
@pytest.mark.parametrize("target", ["app", "'program:app'"])
def test_run_serves_an_object_or_what_a_name_names(program, kind, target):
    source = RUN.format(app={"asgi": ASGI, "wsgi": WSGI}[kind], target=target, more="workers=2")
    with program.serving(source) as s:
        assert httpx.get(s.url).text == kind


def test_run_takes_a_configuration_file_below_its_own_settings(program, tmp_path):
    (tmp_path / "mine.py").write_text("workers = 3\nthreads = 4\n")
    source = RUN.format(app=WSGI, target="app", more="config='mine.py', workers=1, worker_class='gthread'")
    with program.serving(source) as s:
        assert httpx.get(s.url).text == "wsgi"
        assert s.stop().stderr.count("Booting") == 1


def test_run_says_what_is_wrong_before_it_serves(program):
    for more, text in [
        ("no_such_setting=1", "TypeError: No configuration setting for: no_such_setting"),
        ("workers='many'", "ValueError: workers = 'many'"),
        ("reload=True", "ValueError: reload needs the name of the application"),
    ]:
        ended = program.ended(RUN.format(app=WSGI, target="app", more=more))
        assert ended.code == 1 and ended.line_with(text)


def test_settings_are_read_set_and_refused_as_in_gunicorn():
    cfg = Config()
    assert (cfg.workers, cfg.bind, cfg.loglevel, cfg.pidfile) == (1, ["127.0.0.1:8000"], "info", None)
    cfg.set("workers", "3")
    cfg.set("BIND", ["a:1", "b:2"])
    cfg.set("proxy_headers", "false")
    cfg.set("secure_scheme_headers", {"X-TLS": "yes"})
    assert (cfg.workers, cfg.bind, cfg.proxy_headers) == (3, ["a:1", "b:2"], False)
    assert cfg.secure_scheme_headers == {"X-TLS": "yes"}
    assert cfg.settings["workers"].get() == 3 and cfg.settings["workers"].default == 1
    assert "workers" in cfg.settings and "wrokers" not in cfg.settings
    assert set(cfg.given()) == {"workers", "bind", "proxy_headers", "secure_scheme_headers"}
    with pytest.raises(AttributeError, match="Invalid access!"):
        cfg.workers = 4
    for name, value, kind in [
        ("workers", -1, ValueError),
        ("workers", 1.5, TypeError),
        ("proxy_headers", "perhaps", ValueError),
        ("loglevel", 5, ValueError),
    ]:
        with pytest.raises(kind, match=name):
            cfg.set(name, value)
    for use in (lambda: cfg.wokers, lambda: cfg.set("wokers", 1)):
        with pytest.raises(AttributeError, match="No configuration setting for: wokers"):
            use()
    assert "workers" in str(cfg)


def test_every_setting_of_gunicorn_is_known_to_a_program():
    known = Config().settings
    for name in "bind workers worker_class threads post_fork logger_class logconfig_dict ssl_context on_exit".split():
        assert name in known


def test_a_subclass_must_say_what_to_load():
    class Nothing(BaseApplication):
        def load_config(self):
            pass

    with pytest.raises(NotImplementedError):
        Nothing().wsgi()
