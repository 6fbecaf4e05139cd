"""Every setting, set in a file, in the environment and on the command line, and seen at work in the running process.

A new setting needs one entry. Either it joins a `Case`: the settings it sets, and a function that looks at the server for
their effect. Every case is started once for each of the three sources. Or it is in `ENDS`, if there is no server with it. Or,
where another file sees to it already, a line in `SEEN_ELSEWHERE` names that file.
"""

import json
import re
import signal
import socket
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from client import Client
from command import eventually, run, serving, text_of
from rgunicorn._hooks import ARITIES

TESTS = Path(__file__).parents[1]
APPS = Path(__file__).parent / "apps"
SOURCES = ["file", "environment", "command line"]


class Running:
    """A server with the settings of a case."""

    def __init__(self, server, folder):
        self.server = server
        self.folder = folder
        self.pid = server.pid

    def connect(self):
        """A connection to the first address."""
        address = self.log(r"Listening at: (?:http://([\d.]+):(\d+)|unix:([^ ,]+))")
        host, port, path = address.groups()
        return Client(path or (host, int(port)))

    def send(self, *lines, body=b""):
        """One answer to a request of these lines."""
        with self.connect() as client:
            client.send("\r\n".join([*lines, "", ""]).encode() + body)
            return client.read_response()

    def get(self, path="/", *headers):
        return self.send(f"GET {path} HTTP/1.1", "host: test", *headers)

    def told(self, path="/", *headers):
        """What the application says of a request."""
        return json.loads(self.get(path, *headers).body)

    def scope(self, *headers):
        return self.told("/", *headers)["scope"]

    def log(self, pattern, count=1):
        return self.server.wait_for_line(pattern, count=count)

    def stop(self):
        return self.server.stop()

    def workers(self):
        return [child.pid for child in psutil.Process(self.pid).children()]


@dataclass
class Case:
    name: str
    settings: dict  # In texts {folder} is a fresh directory.
    seen: object  # A function of a `Running`, which fails if it does not see their effect.
    app: str = "inspecting:asgi"
    also: dict = field(default_factory=dict)  # Settings that make it visible.
    files: dict = field(default_factory=dict)  # Files in the fresh directory.


# What is looked at


def binds(s):
    assert s.log("Listening at: (.*) ")[1] == f"unix:{s.folder}/a.sock"
    assert s.get().status == 200


def waits_for_two(s):
    """A unix socket refuses whoever comes when its backlog is full: Linux lets one more than that wait."""
    assert s.get().status == 200
    (worker,) = map(psutil.Process, s.workers())
    worker.suspend()
    eventually(lambda: worker.status() == psutil.STATUS_STOPPED, "the worker to stand still")
    clients = []
    try:
        for _ in range(10):
            clients.append(socket.socket(socket.AF_UNIX))
            clients[-1].setblocking(False)
            clients[-1].connect(str(s.folder / "a.sock"))
        raise AssertionError("ten clients wait")
    except BlockingIOError:
        assert len(clients) - 1 == 3
    finally:
        for client in clients:
            client.close()
        worker.resume()


def is_called_shop(s):
    title = Path(f"/proc/{s.pid}/cmdline")
    eventually(lambda: title.read_bytes().startswith(b"rgunicorn: master [shop]"), "the title of the master")


def has_a_private_socket(s):
    s.log("Listening at")
    assert (s.folder / "a.sock").stat().st_mode & 0o777 == 0o700


def lets_others_listen(s):
    host, port = s.log(r"Listening at: http://([\d.]+):(\d+)").groups()
    socket.create_server((host, int(port)), reuse_port=True).close()


def has_two_workers(s):
    s.log("Booting worker", count=2)
    assert len(s.workers()) == 2


def is_called_by_threads(s):
    s.log("Using worker: gthread$")
    assert s.told()["called"] == "wsgi"


def has_three_threads(s):
    environ = s.told()["environ"]
    assert environ["wsgi.multithread"]


def is_called_as_asgi(s):
    s.log("Using worker: asgi$")
    assert s.told()["called"] == "asgi"


def refuses_the_second_call(s):
    with s.connect() as first:
        first.get("/wait")
        eventually(lambda: s.get().status == 503, "the first call to run")


def retires_after_one(s):
    old = s.told()["pid"]
    s.log("Autorestarting worker")
    s.log(rf"Worker exiting \(pid: {old}\)")


def does_not_retire_soon(s):
    """With a jitter of up to a thousand million requests none of the first five is the last."""
    assert len({s.told()["pid"] for _ in range(5)}) == 1
    assert "Autorestarting" not in s.stop().stderr


def kills_the_silent(s):
    with s.connect() as client:
        client.get("/block")
        s.log("WORKER TIMEOUT")


def ends_in_time(s):
    with s.connect() as client:
        client.get("/stay")
        s.told()  # After the other call began: one turn takes both in order.
        s.server.process.send_signal(signal.SIGTERM)
        s.log("Cancelling 1 running task")


def gives_up_booting(s):
    s.log("WORKER TIMEOUT")
    s.log("Reason: Worker failed to boot")
    assert s.server.process.wait(30) == s.stop().code == 3


def serves_after_term(s):
    assert s.get().status == 200
    s.server.process.send_signal(signal.SIGTERM)
    s.log("Handling signal: term")
    assert s.get().status == 200


def closes_after_an_answer(s):
    assert s.get().closes


def runs_no_lifespan(s):
    assert s.told()["lifespan"] is False


def runs_the_stock_loop(s):
    assert "rgunicorn._asyncio.StockLoop" in s.told()["loop"]


def ends_the_silent(s):
    with s.connect() as client:
        assert client.read_until_eof() == b""


def ends_half_a_body(s):
    with s.connect() as client:
        client.send(b"POST /body HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\nhalf")
        client.read_until_eof()


def limits_requests(s):
    assert s.get("/" + "x" * 60).status == 414
    assert s.get("/", "a: 1", "b: 2", "c: 3").status == 431
    assert s.get("/", "a: " + "x" * 60).status == 431


def believes_the_proxy(s):
    scope = s.scope("x-forwarded-host: site.example", "x-forwarded-prefix: /shop", "x-sealed: yes", "script_name: /no")
    assert ["host", "site.example"] in scope["headers"]
    assert (scope["root_path"], scope["scheme"]) == ("/shop", "https")


def believes_forwarded(s):
    assert s.scope("forwarded: for=192.0.2.1", "x-forwarded-for: 192.0.2.2")["client"][0] == "192.0.2.1"


def believes_nobody(s):
    assert s.scope("x-forwarded-for: 192.0.2.2")["client"][0] == "127.0.0.1"


def takes_the_proxy_protocol(s):
    line = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2"
    answer = s.send(line, "GET / HTTP/1.1", "host: test")
    assert json.loads(answer.body)["scope"]["client"][0] == "192.0.2.1"


def refuses_the_proxy_protocol(s):
    with s.connect() as client:
        client.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nhost: test\r\n\r\n")
        assert b" 200 " not in client.read_until_eof()


def refuses_underscores(s):
    assert s.get("/", "a_b: 1").status == 400


def loads_in_the_master(s):
    told = s.told()
    assert told["at import"] == s.pid == told["parent"]


def is_in_the_folder(s):
    assert s.told()["cwd"] == str(s.folder)


def writes_its_pid(s):
    assert text_of(s.folder / "pid").strip() == str(s.pid)


def tolerates(s):
    host = "host: test"
    assert s.send("GET / HTTP/1.1", host, "a: 1", " 2").status == 200
    assert s.send("GET / HTTP/1.1", host, "a : 1").status == 200
    assert s.send("G#T / HTTP/1.1", host).status == 200
    assert s.send("GET / HTTP/1.2", host).status == 200
    told = json.loads(s.send("post / HTTP/1.1", host, "content-length: 0").body)
    assert told["scope"]["method"] == "POST"


def spools_in_the_folder(s):
    body = b"x" * (1 << 20)
    answer = s.send("POST / HTTP/1.1", "host: test", f"content-length: {len(body)}", body=body)
    assert any(file.startswith(f"{s.folder}/") for file in json.loads(answer.body)["open files"])


def is_mounted(s):
    assert s.scope()["root_path"] == "/shop"


def logs_as_told(s):
    assert s.get("/logged").status == 200
    s.log(r"\[DEBUG\]")
    s.stop()
    assert text_of(s.folder / "access.log") == "format /logged\n"


def logs_json_but_for_health_checks(s):
    for path in ("/healthz", "/logged"):
        assert s.get(path).status == 200
    text = eventually(lambda: text_of(s.folder / "access.log"), "the access line")
    assert json.loads(text)["path"] == "/logged"


def captures_output(s):
    path = s.folder / "a.sock"
    eventually(path.exists, "the socket")
    log = s.folder / "error.log"
    eventually(lambda: "Listening at" in text_of(log), "the server")
    with Client(str(path)) as client:
        client.get("/print")
        assert client.read_response().status == 200
    eventually(lambda: "printed by the application" in text_of(log), "what was printed")


def logs_through_python(s):
    s.log(r"^marked\|INFO\|Booting worker")


def logs_by_a_class(s):
    s.log(r"\[INFO\] tagged: Booting worker")


def datagrams(s, name):
    """What comes at a socket while requests are made."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(s.folder / name))
        receiver.settimeout(0.1)
        while True:
            assert s.get("/error").status == 200
            try:
                yield from receiver.recv(1 << 16).decode().split("\n")
            except TimeoutError:
                pass  # The server has to notice first that somebody listens.


def tells_syslog(s):
    wanted = [r"<155>gunicorn\.site\.error: .*from the application", r"<158>gunicorn\.site\.access: .*GET /error"]
    see_all(wanted, datagrams(s, "log"))


def tells_syslog_only_of_errors(s):
    messages = datagrams(s, "log")
    assert all(".error: " in next(messages) for _ in range(5))


def tells_statsd(s):
    wanted = [r"site\.gunicorn\.requests:1\|c\|@1\.0\|#a:b", r"site\.gunicorn\.backlog:\d+\|h\|#a:b"]
    see_all(wanted, datagrams(s, "statsd"))


def see_all(patterns, messages):
    while patterns:
        message = next(messages)
        patterns = [pattern for pattern in patterns if not re.match(pattern, message)]


def logs_errors_to_a_file(s):
    log = eventually(lambda: re.search("Listening at: .*", text_of(s.folder / "error.log")), "the log")
    assert log and s.stop().stderr == ""


def is_found_elsewhere(s):
    assert s.get().body == b"elsewhere"


def has_variables(s):
    environment = s.told()["environment"]
    assert [environment.get(name) for name in ("GIVEN", "MORE", "FILED")] == ["a=b", "c", "d"]


def prints_lines(s):
    assert s.get().status == 200
    s.server.stdout.wait_for(r"inspecting:\d+:     if scope\[")


def is_made_by_paste(s):
    told = s.told()
    assert told["local"] == {"size": "large"} and told["global"]["colour"] == "red"


def warns_of_each(s):
    for setting in NO_EFFECT:
        s.log(rf"\[WARNING\] .*: {setting} has no effect: \w+")
    assert s.get().status == 200


def has_no_control_socket(s):
    assert s.get().status == 200
    assert not [one for one in psutil.Process(s.pid).net_connections("unix") if one.raddr == "" and one.laddr]


ELSEWHERE = {"somewhere/elsewhere.py": (APPS / "hello.py").read_text() + "\nfound = answering(b'elsewhere')\n"}
PROXIED = {"forwarded_host": True, "forwarded_prefix": True, "forwarder_headers": "OTHER"}
NO_EFFECT = {
    "http_parser": "fast",
    "worker_tmp_dir": "/dev/shm",
    "uwsgi_allow_ips": "*",
    "ssl_version": "TLSv1_2",
    "suppress_ragged_eofs": False,
    "do_handshake_on_connect": True,
    "dirty_apps": ["tasks:App"],
    "dirty_workers": 1,
    "dirty_timeout": 1,
    "dirty_threads": 2,
    "dirty_graceful_timeout": 1,
    "on_dirty_starting": "shapes.function",
    "dirty_post_fork": "shapes.function",
    "dirty_worker_init": "shapes.function",
    "dirty_worker_exit": "shapes.function",
    "control_socket": "control.sock",
    "control_socket_mode": 0o666,
}
TOLERANT = {
    "permit_obsolete_folding": True,
    "strip_header_spaces": True,
    "permit_unconventional_http_method": True,
    "permit_unconventional_http_version": True,
    "casefold_http_method": True,
}
UNIX = {"bind": "unix:{folder}/a.sock"}
INI = "[app:main]\npaste.app_factory = inspecting:make_by_paste\nsize = large\n"

LOG_INI = """
[loggers]
keys=root, gunicorn
[handlers]
keys=all
[formatters]
keys=marked
[logger_root]
level=INFO
handlers=all
[logger_gunicorn]
level=INFO
handlers=all
propagate=0
qualname=gunicorn.error
[handler_all]
class=StreamHandler
formatter=marked
args=(sys.stderr,)
[formatter_marked]
format=marked|%(levelname)s|%(message)s
"""
LOG_JSON = '{"formatters": {"generic": {"format": "marked|%(levelname)s|%(message)s"}}}'
SYSLOG = {
    "syslog": True,
    "syslog_addr": "unix://{folder}/log#dgram",
    "syslog_prefix": "site",
    "syslog_facility": "local3",
}
STATSD = {
    "statsd_host": "unix://{folder}/statsd",
    "statsd_prefix": "site",
    "dogstatsd_tags": "a:b",
    "enable_backlog_metric": True,
}

CASES = [
    Case("bind", UNIX, binds),
    Case("backlog", {"backlog": 2}, waits_for_two, also=UNIX),
    Case("workers", {"workers": 2}, has_two_workers),
    Case("worker class", {"worker_class": "gthread"}, is_called_by_threads, "inspecting:wsgi"),
    Case("threads", {"threads": 3}, has_three_threads, "inspecting:wsgi"),
    Case("interface", {"interface": "asgi"}, is_called_as_asgi, "inspecting:either"),
    Case("concurrency", {"limit_concurrency": 1}, refuses_the_second_call),
    Case("max requests", {"max_requests": 1}, retires_after_one),
    Case("jitter", {"max_requests_jitter": 10**9}, does_not_retire_soon, also={"max_requests": 1}),
    Case("timeout", {"timeout": 1}, kills_the_silent),
    Case("boot timeout", {"boot_timeout": 1}, gives_up_booting, "inspecting:slow()"),
    Case("graceful timeout", {"graceful_timeout": 1}, ends_in_time),
    Case("drain delay", {"drain_delay": 1}, serves_after_term),
    Case("keep-alive", {"keepalive": 0}, closes_after_an_answer),
    Case("lifespan", {"asgi_lifespan": "off"}, runs_no_lifespan),
    Case("event loop", {"asgi_loop": "asyncio"}, runs_the_stock_loop),
    Case("header timeout", {"header_timeout": 1}, ends_the_silent),
    Case("body timeout", {"body_timeout": 1}, ends_half_a_body),
    Case(
        "request limits",
        {"limit_request_line": 50, "limit_request_fields": 3, "limit_request_field_size": 50},
        limits_requests,
    ),
    Case("proxies", {**PROXIED, "secure_scheme_headers": {"X-SEALED": "yes"}}, believes_the_proxy),
    Case("forwarded header", {"forwarded_header": "forwarded"}, believes_forwarded),
    Case("no trusted proxy", {"forwarded_allow_ips": "192.0.2.9"}, believes_nobody),
    Case("no proxy headers", {"proxy_headers": False}, believes_nobody),
    Case("proxy protocol", {"proxy_protocol": "v1"}, takes_the_proxy_protocol),
    Case("its proxies", {"proxy_allow_ips": "192.0.2.9"}, refuses_the_proxy_protocol, also={"proxy_protocol": "v1"}),
    Case("header map", {"header_map": "refuse"}, refuses_underscores, "inspecting:wsgi"),
    Case("preload", {"preload_app": True}, loads_in_the_master),
    Case("chdir", {"chdir": "{folder}"}, is_in_the_folder, also={"pythonpath": str(APPS)}),
    Case("pid file", {"pidfile": "{folder}/pid"}, writes_its_pid),
    Case("tolerance", TOLERANT, tolerates),
    Case("spool", {"tmp_upload_dir": "{folder}"}, spools_in_the_folder, "inspecting:wsgi"),
    Case("root path", {"root_path": "/shop"}, is_mounted),
    Case(
        "logs",
        {"accesslog": "{folder}/access.log", "access_log_format": "format %(U)s", "loglevel": "debug"},
        logs_as_told,
    ),
    Case(
        "access log as JSON",
        {"access_log_json": True, "access_log_exclude": "/healthz"},
        logs_json_but_for_health_checks,
        also={"accesslog": "{folder}/access.log"},
    ),
    Case(
        "captured output",
        {"capture_output": True},
        captures_output,
        app="logging_apps:wsgi",
        also={"errorlog": "{folder}/error.log", "bind": "unix:{folder}/a.sock"},
    ),
    Case("logconfig", {"logconfig": "{folder}/log.ini"}, logs_through_python, files={"log.ini": LOG_INI}),
    Case("logconfig_json", {"logconfig_json": "{folder}/log.json"}, logs_through_python, files={"log.json": LOG_JSON}),
    Case("logger class", {"logger_class": "logging_apps.Tagged"}, logs_by_a_class),
    Case("syslog", SYSLOG, tells_syslog, app="logging_apps:wsgi"),
    Case(
        "syslog for errors",
        {"disable_redirect_access_to_syslog": True},
        tells_syslog_only_of_errors,
        app="logging_apps:wsgi",
        also=SYSLOG,
    ),
    Case("statsd", STATSD, tells_statsd, app="logging_apps:wsgi"),
    Case("error log", {"errorlog": "{folder}/error.log"}, logs_errors_to_a_file),
    Case(
        "python path",
        {"pythonpath": "{folder}/somewhere", "wsgi_app": "elsewhere:found"},
        is_found_elsewhere,
        files=ELSEWHERE,
    ),
    Case("factory", {"factory": True}, is_called_as_asgi, "inspecting:make", also={"worker_class": "asgi"}),
    Case(
        "environment",
        {"raw_env": ["GIVEN=a=b", "MORE=c"], "env_file": "{folder}/env"},
        has_variables,
        files={"env": "FILED=d\n"},
    ),
    Case("spew", {"spew": True}, prints_lines),
    Case(
        "paste",
        {"paste": "{folder}/site.ini", "raw_paste_global_conf": ["colour=red"]},
        is_made_by_paste,
        files={"site.ini": INI},
    ),
    Case("proc_name", {"proc_name": "shop"}, is_called_shop),
    Case("default_proc_name", {"default_proc_name": "shop"}, is_called_shop),
    Case("umask", {"umask": 0o077}, has_a_private_socket, also={"bind": "unix:{folder}/a.sock"}),
    Case("reuse_port", {"reuse_port": True}, lets_others_listen),
    Case("no effect", NO_EFFECT, warns_of_each),
    Case("control socket", {"control_socket_disable": True}, has_no_control_socket),
]

# Settings with which there is no server, the exit code, and a word of what is said instead.
ENDS = {
    "certfile": ("server.pem", 1, "certfile = "),
    "keyfile": ("server.pem", 1, "set certfile"),
    "protocol": ("uwsgi", 1, "let the proxy speak HTTP"),
    "check_config": (True, 0, ""),
    "print_config": (True, 0, "print_config"),
}

HTTP2 = [
    "http2",
    "http2_adaptive_window",
    "http2_cleartext",
    "http2_initial_window_size",
    "http2_max_concurrent_streams",
    "http2_max_frame_size",
    "http2_max_header_list_size",
    "http2_ping_interval",
    "http2_ping_timeout",
    "http_protocols",
]
SEEN_ELSEWHERE = {
    **dict.fromkeys(ARITIES, "cli/test_hooks.py"),
    **dict.fromkeys(
        [
            "ca_certs",
            "cert_reqs",
            "certificates",
            "ciphers",
            "crl_file",
            "keyfile_password",
            "ocsp_file",
            "self_signed",
            "ssl_minimum_version",
        ],
        "tls/test_settings.py",
    ),
    "asgi_disconnect_grace_period": "asgi/test_send.py",
    "body_min_rate": "http/test_deadlines.py",
    "config": "cli/test_config.py",
    "daemon": "supervisor/test_daemon.py",
    "enable_stdio_inheritance": "supervisor/test_daemon.py",
    "group": "supervisor/test_owner.py",
    **dict.fromkeys(HTTP2, "http2/test_settings.py"),
    "initgroups": "supervisor/test_owner.py",
    "max_rss": "supervisor/test_max_rss.py",
    "logconfig_dict": "cli/test_logging_python.py",
    "reload": "cli/test_reload.py",
    "reload_dirs": "cli/test_reload.py",
    "reload_engine": "cli/test_reload.py",
    "reload_excludes": "cli/test_reload.py",
    "reload_extra_files": "cli/test_reload.py",
    "reload_includes": "cli/test_reload.py",
    "sendfile": "wsgi/test_files.py",
    "ssl_context": "tls/test_context_hook.py",
    "ssl_handshake_timeout": "tls/test_floods.py",
    "user": "supervisor/test_owner.py",
    "worker_connections": "http/test_limits.py",
    "write_timeout": "http/test_deadlines.py",
    "ws": "websocket/test_messages.py",
    "websocket_max_message_size": "websocket/test_closing.py",
    "ws_max_queue": "websocket/test_flow.py",
    "ws_per_message_deflate": "websocket/test_messages.py",
    "ws_ping_interval": "websocket/test_flow.py",
    "ws_ping_timeout": "websocket/test_flow.py",
}


@pytest.fixture(scope="module")
def flags():
    """The flags of each setting, from the page that is made of the table."""
    rows = re.findall(
        r"^\| \*\*`(\w+)`\*\*(.*?)<br>`\$RGUNICORN", text_of(TESTS.parent / "docs/SETTINGS.md"), re.MULTILINE
    )
    return {name: re.findall(r"`(-[^`]+)`", flags) for name, flags in rows}


def test_every_setting_is_seen_at_work_by_some_test():
    listing = run("--print-config", "hello:app", cwd=APPS).stdout
    settings = {line.split()[0] for line in listing.splitlines()}
    entries = {name for case in CASES for name in case.settings} | set(ENDS) | set(SEEN_ELSEWHERE)
    assert settings - entries == set(), "settings without an entry here"
    assert entries - settings == set(), "entries without a setting"


@pytest.mark.parametrize("setting", SEEN_ELSEWHERE)
def test_the_file_that_sees_a_setting_names_it(setting, flags):
    text = (TESTS / SEEN_ELSEWHERE[setting]).read_text()
    assert any(spelling in text for spelling in (setting, *flags[setting]))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_setting_has_its_effect(case, source, flags, tmp_path):
    for name, text in case.files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    settings = {name: placed(value, tmp_path) for name, value in {**case.also, **case.settings}.items()}
    settings.setdefault("wsgi_app", case.app)
    settings.setdefault("bind", "127.0.0.1:0")
    words, environment = given(settings, source, flags, tmp_path)
    line = "Listening at: " if "errorlog" not in settings else None
    with serving(*words, cwd=APPS, env=environment, await_line=line) as server:
        case.seen(Running(server, tmp_path))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("setting", ENDS)
def test_a_setting_ends_the_command(setting, source, flags, tmp_path):
    value, code, word = ENDS[setting]
    words, environment = given({setting: value, "wsgi_app": "inspecting:asgi"}, source, flags, tmp_path)
    ended = run(*words, cwd=APPS, env=environment)
    assert (ended.code, word in ended.output) == (code, True)


def placed(value, folder):
    if isinstance(value, str):
        return value.replace("{folder}", str(folder))
    return value


def given(settings, source, flags, folder):
    """The command line and the environment that give settings by one source. What has no flag is in a file."""
    if source == "environment":
        return [], {f"RGUNICORN_{name.upper()}": as_text(value) for name, value in settings.items()}
    words, in_file = [], dict(settings)
    if source == "command line":
        words = [word for name, value in settings.items() for word in as_flags(value, flags[name])]
        in_file = {name: value for name, value in settings.items() if not as_flags(value, flags[name])}
        words.append(in_file.pop("wsgi_app"))
    file = folder / "settings.conf.py"
    file.write_text("".join(f"{name} = {value!r}\n" for name, value in in_file.items()))
    return ["-c", file, *words], {}


def as_text(value):
    if isinstance(value, dict):
        return ", ".join(f"{name}: {text}" for name, text in value.items())
    return ",".join(value) if isinstance(value, list) else str(value)


def as_flags(value, flags):
    """The words that say a value; none where no flag can."""
    long = [flag for flag in flags if flag.startswith("--")]
    if value is False:
        return [flag for flag in long if flag.startswith("--no-")]
    if value is True:
        return long[:1]
    return [word for text in (value if isinstance(value, list) else [value]) for word in (*long[:1], text) if long]
