"""Both logs through Python's logging: logconfig, logconfig_json, logconfig_dict, logger_class, and applications that
use gunicorn's loggers by their names."""

import json
import re
import signal
import socket
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from command import eventually, run, serving, text_of

APPS = Path(__file__).parent / "apps"
WORKER_CLASSES = ["asgi", "sync", "gthread"]

INI = """
[loggers]
keys=root, gunicorn.error, gunicorn.access
[handlers]
keys=both, access
[formatters]
keys=short
[logger_root]
level=WARNING
handlers=both
[logger_gunicorn.error]
level=INFO
handlers=both
propagate=0
qualname=gunicorn.error
[logger_gunicorn.access]
level=INFO
handlers=access
propagate=0
qualname=gunicorn.access
[handler_both]
class=StreamHandler
formatter=short
args=(sys.stderr,)
[handler_access]
class=FileHandler
formatter=short
args=('{access}',)
[formatter_short]
format={mark}|%(name)s|%(levelname)s|%(message)s
"""


def dictionary(mark, access):
    """A configuration for `dictConfig` that leaves it to the defaults what `version` and root are."""
    return {
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": ["error"], "propagate": False},
            "gunicorn.access": {"level": "INFO", "handlers": ["access"], "propagate": False},
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "marked"},
            "error": {"class": "logging.StreamHandler", "formatter": "marked"},
            "access": {"class": "logging.FileHandler", "formatter": "marked", "filename": str(access)},
        },
        "formatters": {"marked": {"format": f"{mark}|%(name)s|%(levelname)s|%(message)s"}},
    }


@contextmanager
def site(tmp_path, *flags, config="", worker_class="sync", await_line="Listening at: ", **options):
    """A server with a configuration file."""
    file = tmp_path / "conf.py"
    file.write_text(config)
    app = "logging_apps:asgi" if worker_class == "asgi" else "logging_apps:wsgi"
    flags = ("-c", file, "-k", worker_class, "-b", "127.0.0.1:0", *flags, app)
    with serving(*flags, cwd=APPS, await_line=await_line, **options) as s:
        yield s


def without_traceback(s):
    """Stops a server of whose log a traceback is a part."""
    ended = s.stop()
    stderr, ended.stderr = ended.stderr, ""
    return stderr


# logconfig, logconfig_json, logconfig_dict


@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_an_ini_file_takes_both_logs(tmp_path, worker_class):
    access = tmp_path / "access.log"
    (tmp_path / "log.ini").write_text(INI.format(mark="ini", access=access))
    with site(tmp_path, "--log-config", tmp_path / "log.ini", worker_class=worker_class) as s:
        httpx.get(s.url + "/x")
        eventually(lambda: text_of(access), "the access line")
        s.wait_for_line(r"^ini\|gunicorn\.error\|INFO\|Booting worker with pid: \d+$")
        ended = s.stop()
    assert re.fullmatch(r'ini\|gunicorn\.access\|INFO\|127\.0\.0\.1 .*"GET /x HTTP/1\.1" 200 5 .*\n', text_of(access))
    assert ended.stdout == "" and all(line.startswith("ini|") for line in ended.stderr.splitlines())
    assert ended.stderr.splitlines()[-1] == "ini|gunicorn.error|INFO|Shutting down: Master"


@pytest.mark.parametrize("expected", ["dict", "json", "ini"])
def test_the_most_particular_configuration_counts(tmp_path, expected):
    access = {mark: tmp_path / f"{mark}.log" for mark in ("ini", "json", "dict")}
    (tmp_path / "log.ini").write_text(INI.format(mark="ini", access=access["ini"]))
    (tmp_path / "log.json").write_text(json.dumps(dictionary("json", access["json"])))
    flags = ["--log-config", tmp_path / "log.ini"]
    if expected != "ini":
        flags += ["--log-config-json", tmp_path / "log.json"]
    config = f"logconfig_dict = {dictionary('dict', access['dict'])!r}" if expected == "dict" else ""
    with site(tmp_path, *flags, config=config) as s:
        httpx.get(s.url)
        eventually(lambda: text_of(access[expected]), "the access line")
        assert {line.partition("|")[0] for line in s.stop().stderr.splitlines()} == {expected}


def test_a_dictionary_is_laid_over_the_defaults_key_by_key(tmp_path):
    config = 'logconfig_dict = {"formatters": {"generic": {"format": "mine|%(message)s"}}}'
    with site(tmp_path, config=config) as s:
        httpx.get(s.url + "/x")
        s.stdout.wait_for(r"^mine\|127\.0\.0\.1 .*GET /x")  # the default handler of gunicorn.access
        assert all(line.startswith("mine|") for line in s.stop().stderr.splitlines())


def test_formatters_get_the_atoms_and_levels_are_those_of_the_configuration(tmp_path):
    (tmp_path / "formatting.py").write_text(
        "import logging\n"
        "class Atoms(logging.Formatter):\n"
        "    def format(self, record):\n"
        "        args = record.args\n"
        "        names = ['m', 'U', 's', '{x-in}i', '{x-out}o', '{nothing}i']\n"
        "        return ' '.join(str(args[name]) for name in names)\n"
    )
    config = (
        "logconfig_dict = {'formatters': {'generic': {'()': 'formatting.Atoms'}, 'plain': {}},"
        " 'loggers': {'gunicorn.access': {'level': 'INFO', 'handlers': ['console']},"
        " 'gunicorn.error': {'level': 'ERROR', 'handlers': ['error']}},"
        " 'handlers': {'console': {'class': 'logging.StreamHandler', 'formatter': 'generic', 'stream': 'ext://sys.stdout'},"
        " 'error': {'class': 'logging.StreamHandler', 'formatter': 'plain'}},"
        " 'root': {}}"
    )
    path = tmp_path / "socket"
    flags = ("-b", f"unix:{path}")
    with site(tmp_path, *flags, config=config, env={"PYTHONPATH": str(tmp_path)}, await_line=None) as s:
        eventually(path.exists, "the socket")
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path), retries=3), base_url="http://x") as client:
            client.get("/a%20b", headers={"x-in": 'in"'})
        s.stdout.wait_for(r'^GET /a b 200 in\\" from the app -$')
        assert s.stop().stderr == ""


@pytest.mark.parametrize(
    "config, words",
    [
        ('logconfig = "nothing.ini"', ("logconfig", "nothing.ini", "no such file")),
        ("logconfig = __file__", ("logconfig", "conf.py", "no section headers")),
        ("logconfig_json = __file__", ("logconfig_json", "conf.py", "Expecting value")),
        ('logconfig_dict = {"handlers": {"console": {"class": "no.Class"}}}', ("logconfig_dict", "console", "no")),
        ("logconfig_dict = [1]", ("logconfig_dict", "must be a dict")),
        ('logger_class = "no.such.Class"', ("logger_class", "no.such.Class", "No module named 'no'")),
        ('logger_class = "logging_apps.Nothing"', ("logger_class", "logging_apps.Nothing", "no attribute")),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named_in_one_line(tmp_path, config, words):
    (tmp_path / "conf.py").write_text(config)
    ended = run("-c", tmp_path / "conf.py", "-b", "127.0.0.1:0", "logging_apps:wsgi", cwd=APPS)
    ended.assert_explained(1, *words)


def test_a_json_file_that_does_not_exist_is_mentioned_and_ignored(tmp_path):
    with site(tmp_path, "--log-config-json", "nothing.json") as s:
        s.wait_for_line(r"\[WARNING\] logconfig_json = 'nothing\.json': there is no such file")
        assert httpx.get(s.url).text == "hello"


def test_a_reload_configures_logging_anew_and_keeps_the_old_way_if_that_fails(tmp_path):
    ini = tmp_path / "log.ini"
    ini.write_text(INI.format(mark="first", access=tmp_path / "access.log"))
    with site(tmp_path, config=f"logconfig = {str(ini)!r}") as s:
        ini.write_text(INI.format(mark="second", access=tmp_path / "access.log"))
        s.process.send_signal(signal.SIGHUP)
        s.wait_for_line(r"^second\|.*Booting worker")
        ini.write_text("nonsense")
        s.process.send_signal(signal.SIGHUP)
        s.wait_for_line(r"Reload with the old configuration: logconfig")
        assert httpx.get(s.url).text == "hello"
        (tmp_path / "conf.py").write_text("")
        s.process.send_signal(signal.SIGHUP)
        s.wait_for_line(r"^\[\d{4}-.*\[INFO\] Booting worker")
        requests = []

        def logged_by_the_new_worker():
            requests.append(httpx.get(s.url + "/error"))
            return [line for line in s.stderr.snapshot() if re.search(r"^\[.*\[ERROR\] from the application$", line)]

        eventually(logged_by_the_new_worker, "a line of the new worker")
        lines = s.stop().stderr.splitlines()
        assert len([line for line in lines if "from the application" in line]) == len(requests)


@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_files_of_handlers_are_opened_anew_by_usr1(tmp_path, worker_class):
    access, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    (tmp_path / "log.ini").write_text(INI.format(mark="ini", access=access))
    with site(tmp_path, "--log-config", tmp_path / "log.ini", worker_class=worker_class) as s:
        httpx.get(s.url + "/before")
        eventually(lambda: "/before" in text_of(access), "the first line")
        access.rename(moved)
        s.process.send_signal(signal.SIGUSR1)
        eventually(access.exists, "the new file")

        def logged_anew():
            httpx.get(s.url + "/after")
            return "/after" in text_of(access)

        eventually(logged_anew, "a line in the new file")
    assert "/before" in text_of(moved) and "/before" not in text_of(access)


# logger_class


@pytest.mark.parametrize("named", ["'logging_apps.Tagged'", "logging_apps.Tagged"])
@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_a_logger_derived_from_ours_adds_what_it_wants(tmp_path, named, worker_class):
    config = f"import logging_apps\nlogger_class = {named}\naccesslog = '-'\naccess_log_format = '%(tag)s %(s)s'"
    with site(tmp_path, config=config, worker_class=worker_class) as s:
        httpx.get(s.url + "/a%20b?q")
        s.stdout.wait_for(r"^GET /a%20b \(1, 1\) 200 OK 5 200$")
        s.wait_for_line(r"\[INFO\] tagged: Booting worker with pid")
        s.stop()


@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_a_logger_needs_only_the_methods(tmp_path, worker_class):
    log = tmp_path / "bare.log"
    config = "import logging_apps\nlogger_class = logging_apps.Bare"
    flags = ("--error-logfile", log)
    with site(tmp_path, *flags, config=config, worker_class=worker_class, await_line=None) as s:
        pattern = r"Listening at: (http://[\d.]+:\d+)"
        url = eventually(lambda: re.search(pattern, text_of(log)), "the address")[1]
        httpx.get(url + "/x?y", headers={"x-in": "here"})
        eventually(lambda: "GET /x?y 200 True here" in text_of(log), "the exchange")
        log.rename(tmp_path / "moved")
        s.process.send_signal(signal.SIGUSR1)
        eventually(log.exists, "the new file")
        s.stop()
    lines = (text_of(tmp_path / "moved") + text_of(log)).splitlines()
    assert all(re.match(r"bare \d+: ", line) for line in lines)
    assert lines[-1].endswith("Shutting down: Master")


def test_a_logger_that_fails_loses_neither_lines_nor_requests(tmp_path):
    config = "import logging_apps\nlogger_class = logging_apps.Failing"
    with site(tmp_path, config=config) as s:
        assert httpx.get(s.url).text == "hello"
        s.wait_for_line(r"\[ERROR\] The logger failed")
        stderr = without_traceback(s)
    assert "[INFO] Shutting down: Master" in stderr and "the logger is broken" in stderr


def test_a_logger_that_cannot_be_made_stops_the_start(tmp_path):
    (tmp_path / "conf.py").write_text("import logging_apps\nlogger_class = logging_apps.Unbuildable")
    ended = run("-c", tmp_path / "conf.py", "-b", "127.0.0.1:0", "logging_apps:wsgi", cwd=APPS)
    assert ended.code != 0 and "this logger cannot be made" in ended.stderr


def test_gunicorns_own_class_means_our_own_way(tmp_path):
    with site(tmp_path, config="logger_class = 'gunicorn.glogging.Logger'") as s:
        s.wait_for_line(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[\d+\] \[INFO\] Booting")


def test_json_lines_are_the_same_with_and_without_python(tmp_path):
    headers = {"user-agent": '"\\ä', "authorization": "Basic YTpi", "referer": "http://r/"}
    headers = {name: value.encode() for name, value in headers.items()}
    lines = []
    for config in ("", "import logging_apps\nlogger_class = logging_apps.Tagged"):
        with site(tmp_path, "--access-logfile", "-", "--access-log-json", config=config) as s:
            httpx.get(s.url + "/ä%22?q=1", headers=headers)
            line = json.loads(s.stdout.wait_for("^{").string)
        times = {key: type(line.pop(key)) for key in ("time", "duration", "pid")}
        lines.append((line.pop("host").partition(":")[0], list(line), line, times))
    assert lines[0] == lines[1]


@pytest.mark.parametrize("flags", [(), ("--access-log-json",)])
def test_a_request_that_was_refused_is_told_too(tmp_path, flags):
    config = "logconfig_dict = {'version': 1, 'formatters': {'generic': {'format': '%(message)s'}}}"
    with site(tmp_path, *flags, config=config) as s:
        host, port = re.search(r"//(.+):(\d+)", s.url).groups()
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(b'NO "REQUEST\r\n\r\n')
            assert b" 400 " in client.recv(4096)
        s.stdout.wait_for(r'"request":"NO \\"REQUEST".*"status":400' if flags else r'"NO \\"REQUEST" 400')


def test_excluded_paths_are_not_told(tmp_path):
    config = "logconfig_dict = {'version': 1}\naccess_log_exclude = '/healthz'\naccess_log_format = '%(U)s'"
    with site(tmp_path, config=config) as s:
        httpx.get(s.url + "/healthz")
        httpx.get(s.url + "/x")
        s.stdout.wait_for("/x$")
        assert "healthz" not in s.stop().stdout


# Applications


@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_an_application_finds_gunicorns_error_log(tmp_path, worker_class):
    with site(tmp_path, worker_class=worker_class) as s:
        httpx.get(s.url + "/error")
        s.wait_for_line(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[\d+\] \[ERROR\] from the application$")


def test_an_application_finds_gunicorns_access_log_and_its_level(tmp_path):
    access = tmp_path / "access.log"
    with site(tmp_path, "--access-logfile", access, "--access-logformat", "%(U)s") as s:
        httpx.get(s.url + "/access")
        httpx.get(s.url + "/silent")
        eventually(lambda: len(text_of(access).splitlines()) == 3, "the lines")
        assert "not to be seen" not in s.stop().stderr
    assert sorted(text_of(access).splitlines()) == ["/access", "/silent", "a line of the application's own"]


@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_what_applications_log_goes_where_all_goes(tmp_path, worker_class):
    (tmp_path / "log.ini").write_text(INI.format(mark="ini", access=tmp_path / "access.log"))
    with site(tmp_path, "--log-config", tmp_path / "log.ini", worker_class=worker_class) as s:
        httpx.get(s.url + "/error")
        s.wait_for_line(r"^ini\|gunicorn\.error\|ERROR\|from the application$")
