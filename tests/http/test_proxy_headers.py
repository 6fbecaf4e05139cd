"""What proxies say about clients: believed from trusted peers, and of nobody else (B50)."""

import ast
from contextlib import ExitStack

import pytest
from client import Client
from command import serving
from conftest import APPS

PEER = "127.0.0.1"


@pytest.fixture(scope="module")
def scope(server):
    """A function from header lines and flags to the scope; servers with the same flags are shared."""
    with ExitStack() as stack:
        servers = {}

        def ask(*headers, flags=(), path="/"):
            if flags not in servers:
                servers[flags] = stack.enter_context(server("scopes:dump", *flags))
            response = servers[flags].get(path, *headers)
            assert response.status == 200, response.body
            return ast.literal_eval(response.body.decode())

        yield ask


@pytest.fixture(scope="module")
def status(server):
    with server("scopes:dump") as s:
        yield lambda *headers: s.get("/", *headers).status


def trusting(addresses):
    return ("--forwarded-allow-ips", addresses)


CHAIN = "1.2.3.4, 10.0.2.1, 192.168.0.2"

CLIENTS = [
    # trusted, value, client
    ("127.0.0.1", "1.2.3.4", ("1.2.3.4", 0)),
    ("127.0.0.1", CHAIN, ("192.168.0.2", 0)),
    ("192.168.0.2,127.0.0.1", CHAIN, ("10.0.2.1", 0)),
    ("127.0.0.1,10.0.0.0/8,192.168.0.0/16", CHAIN, ("1.2.3.4", 0)),
    ("127.0.0.1,1.2.3.4,10.0.2.1,192.168.0.2", CHAIN, ("1.2.3.4", 0)),
    ("0.0.0.0/0", CHAIN, ("1.2.3.4", 0)),
    ("*", CHAIN, ("1.2.3.4", 0)),
    ("*", "unknown, 1.2.3.4", ("unknown", 0)),
    ("127.0.0.1", "1.2.3.4:1024", ("1.2.3.4", 1024)),
    ("127.0.0.1", "[2001:db8::1]:443", ("2001:db8::1", 443)),
    ("127.0.0.1", "[2001:db8::1]", ("2001:db8::1", 0)),
    ("127.0.0.1", "2001:DB8::1", ("2001:db8::1", 0)),
    ("127.0.0.1,192.168.0.2", "1.2.3.4, 192.168.0.2:99", ("1.2.3.4", 0)),
    ("127.0.0.1,2001:db8::/32", "1.2.3.4, [2001:db8::1]:443", ("1.2.3.4", 0)),
    ("127.0.0.1,192.168.0.2", "1.2.3.4, ::ffff:192.168.0.2", ("1.2.3.4", 0)),
    ("127.0.0.1", "unknown", ("unknown", 0)),
    ("127.0.0.1", "1.2.3.4, _hidden", ("_hidden", 0)),
    ("127.0.0.1", "1.2.3.4:99999", ("1.2.3.4:99999", 0)),
    ("127.0.0.1", "<b>bold</b>", ("unknown", 0)),
    ("127.0.0.1", "1.2.3.4,,", ("1.2.3.4", 0)),
]


@pytest.mark.parametrize(("trusted", "value", "client"), CLIENTS)
def test_b50_the_client_is_the_last_address_that_is_not_trusted(scope, trusted, value, client):
    assert scope(f"x-forwarded-for: {value}", flags=trusting(trusted))["client"] == client


@pytest.mark.parametrize("header", ["x-forwarded-for:", "x-forwarded-for: , ,", "x-real-ip: 1.2.3.4", "accept: */*"])
def test_b50_without_an_address_the_client_is_the_peer(scope, header):
    host, port = scope(header)["client"]
    assert host == PEER and port > 0


def test_b50_several_fields_are_one_list(scope):
    flags = trusting("127.0.0.1,192.168.0.2")
    fields = [f"x-forwarded-for: {address}" for address in CHAIN.split(", ")]
    assert scope(*fields, flags=flags)["client"] == ("10.0.2.1", 0)
    assert scope(fields[0], "x-forwarded-for: 10.0.2.1,192.168.0.2", flags=flags)["client"] == ("10.0.2.1", 0)


SAYS_ALL = (
    "x-forwarded-for: 1.2.3.4",
    "x-forwarded-proto: https",
    "x-forwarded-host: a.org",
    "x-forwarded-prefix: /api",
    "script_name: /p",
)
BELIEVES_ALL = ("--forwarded-host", "--forwarded-prefix")


@pytest.mark.parametrize(
    "flags",
    [trusting("10.0.0.1,::1"), trusting(""), ("--no-proxy-headers",), ("--proxy-headers", "--no-proxy-headers")],
    ids=str,
)
def test_b50_nobody_else_is_believed_anything(scope, flags):
    found = scope(*SAYS_ALL, flags=flags + BELIEVES_ALL, path="/p/x")
    assert found["client"][0] == PEER
    assert (found["scheme"], found["server"][0]) == ("http", PEER)
    assert (found["root_path"], found["path"]) == ("", "/p/x")
    assert (b"host", b"test") in found["headers"]


def test_b50_the_application_still_sees_the_fields_as_they_were_sent(scope):
    found = scope("x-forwarded-for: 1.2.3.4", "X-Forwarded-Proto: https")
    assert (b"x-forwarded-for", b"1.2.3.4") in found["headers"]
    assert (b"x-forwarded-proto", b"https") in found["headers"]


def test_b50_each_request_of_a_connection_has_a_client_of_its_own(server):
    with server("scopes:dump") as s, s.connect() as client:
        clients = []
        for headers in (["x-forwarded-for: 1.1.1.1"], [], ["x-forwarded-for: 2.2.2.2"]):
            client.get("/", *headers)
            clients.append(ast.literal_eval(client.read_response().body.decode())["client"][0])
    assert clients == ["1.1.1.1", PEER, "2.2.2.2"]


def test_b50_a_unix_socket_is_trusted_whatever_the_setting_says(tmp_path):
    path = tmp_path / "http.sock"
    flags = ("--forwarded-allow-ips", "10.0.0.1", "scopes:dump")
    with serving("-k", "asgi", "-b", f"unix:{path}", *flags, cwd=APPS), Client(path) as client:
        client.get("/", "x-forwarded-for: 1.2.3.4:5", "x-forwarded-proto: https")
        found = ast.literal_eval(client.read_response().body.decode())
        client.get("/")
        assert ast.literal_eval(client.read_response().body.decode())["client"] is None
    assert (found["client"], found["scheme"]) == (("1.2.3.4", 5), "https")
    assert found["server"] == (str(path), None)


def test_b50_the_trusted_addresses_may_come_from_the_environment(server):
    for trusted, host in [("127.0.0.1", "1.2.3.4"), ("10.0.0.1", PEER), ("", PEER)]:
        with server("scopes:dump", env={"FORWARDED_ALLOW_IPS": trusted}) as s:
            found = ast.literal_eval(s.get("/", "x-forwarded-for: 1.2.3.4").body.decode())
        assert found["client"][0] == host


# The scheme

SCHEMES = [
    (["x-forwarded-proto: https"], "https"),
    (["x-forwarded-proto: HTTPS"], "https"),
    (["x-forwarded-proto: wss"], "https"),
    (["x-forwarded-proto: http"], "http"),
    (["x-forwarded-proto: ws"], "http"),
    (["x-forwarded-proto: gopher"], "http"),
    (["x-forwarded-proto:"], "http"),
    (["x-forwarded-proto: http", "x-forwarded-proto: https"], "https"),
    (["x-forwarded-proto: https", "x-forwarded-proto: http"], "http"),
    (["x-forwarded-proto: http, https"], "https"),
    (["x-forwarded-protocol: ssl"], "https"),
    (["x-forwarded-protocol: https"], "http"),
    (["x-forwarded-ssl: on"], "https"),
    (["x-forwarded-ssl: off"], "http"),
    (["x-forwarded-ssl: on", "x-forwarded-proto: https", "x-forwarded-protocol: ssl"], "https"),
    (["x-forwarded-ssl: off", "x-forwarded-proto: http"], "http"),
]


@pytest.mark.parametrize(("headers", "expected"), SCHEMES, ids=str)
def test_b50_the_scheme_is_what_the_nearest_proxy_says(scope, headers, expected):
    assert scope(*headers)["scheme"] == expected


@pytest.mark.parametrize(
    "headers",
    [
        ("x-forwarded-ssl: on", "x-forwarded-proto: http"),
        ("x-forwarded-ssl: off", "x-forwarded-proto: https"),
        ("x-forwarded-protocol: ssl", "x-forwarded-ssl: off"),
    ],
    ids=str,
)
def test_b50_contradictory_schemes_are_a_400_from_a_trusted_peer_only(status, scope, headers):
    assert status(*headers) == 400
    assert scope(*headers, flags=trusting("10.0.0.1"))["scheme"] == "http"


def test_b50_the_fields_that_tell_the_scheme_can_be_chosen(server, tmp_path):
    file = tmp_path / "chosen.py"
    file.write_text('secure_scheme_headers = {"Front-End-Https": "on"}\n')
    with server("scopes:dump", "-c", file) as s:

        def scheme(*headers):
            return ast.literal_eval(s.get("/", *headers).body.decode())["scheme"]

        assert scheme("front-end-https: on") == "https"
        assert scheme("front-end-https: off") == "http"
        assert scheme("x-forwarded-proto: https") == "http"


# Host and port

HOSTS = [
    (["x-forwarded-host: a.org"], b"a.org", ("a.org", 80)),
    (["x-forwarded-host: a.org", "x-forwarded-proto: https"], b"a.org", ("a.org", 443)),
    (["x-forwarded-host: a.org:8443"], b"a.org:8443", ("a.org", 8443)),
    (["x-forwarded-host: a.org", "x-forwarded-port: 8080"], b"a.org:8080", ("a.org", 8080)),
    (["x-forwarded-port: 8080"], b"test:8080", ("test", 8080)),
    (["x-forwarded-host: b.org, a.org"], b"a.org", ("a.org", 80)),
    (["x-forwarded-host: [::1]:81"], b"[::1]:81", ("::1", 81)),
]


@pytest.mark.parametrize(("headers", "host", "address"), HOSTS, ids=str)
def test_b50_host_and_server_are_what_the_proxy_was_asked_for_if_that_is_switched_on(scope, headers, host, address):
    found = scope(*headers, flags=("--forwarded-host",))
    assert [value for name, value in found["headers"] if name == b"host"] == [host]
    assert found["server"] == address


def test_b50_host_and_prefix_are_not_believed_by_default(scope):
    found = scope("x-forwarded-host: a.org", "x-forwarded-port: 1", "x-forwarded-prefix: /api")
    assert (b"host", b"test") in found["headers"]
    assert found["server"][0] == PEER
    assert (found["root_path"], found["path"]) == ("", "/")


def test_b50_an_old_request_without_host_gets_one(server):
    with server("scopes:dump", "--forwarded-host") as s:
        response = s.exchange(b"GET / HTTP/1.0\r\nx-forwarded-host: a.org\r\n\r\n")
    headers = ast.literal_eval(response.body.decode())["headers"]
    assert headers[0] == (b"host", b"a.org")


@pytest.mark.parametrize(
    "header",
    ["x-forwarded-host: a b", "x-forwarded-host:", "x-forwarded-host: a/b", "x-forwarded-port: 99999"],
)
def test_b50_what_is_no_host_or_port_is_a_400(server, header):
    with server("scopes:dump", "--forwarded-host") as s:
        assert s.get("/", header).status == 400
        assert s.get("/").status == 200


# Where the application is mounted

PREFIXES = [
    # root_path, prefix, path, the application's root_path and path
    ("", "/api", "/x", "/api", "/api/x"),
    ("", "/api", "/api/x", "/api", "/api/x"),
    ("", "/api/", "/x", "/api", "/api/x"),
    ("", "/", "/x", "", "/x"),
    ("/app", "/api", "/x", "/api/app", "/api/app/x"),
    ("/app", "/api", "/app/x", "/api/app", "/api/app/x"),
    ("/app", "/api", "/api/app/x", "/api/app", "/api/app/x"),
    ("/app", "/app", "/x", "/app", "/app/x"),
    ("/app", "/app", "/app/x", "/app", "/app/x"),
]


@pytest.mark.parametrize(("setting", "prefix", "path", "root", "whole"), PREFIXES)
def test_a27_a_prefix_is_put_before_root_path_and_path_once(scope, setting, prefix, path, root, whole):
    found = scope(f"x-forwarded-prefix: {prefix}", flags=("--forwarded-prefix", "--root-path", setting), path=path)
    assert (found["root_path"], found["path"], found["raw_path"]) == (root, whole, whole.encode())


@pytest.mark.parametrize("prefix", ["api", "//evil.org", "/a/../b", "/a%2fb", "/a?b", "http://a", ""])
def test_a27_a_prefix_that_is_no_plain_path_is_a_400(server, prefix):
    with server("scopes:dump", "--forwarded-prefix") as s:
        assert s.get("/", f"x-forwarded-prefix: {prefix}").status == 400


@pytest.mark.parametrize(
    ("name", "root"), [("/app", "/app"), ("/app/", "/app"), ("/app/v1", "/app/v1"), ("/ap", ""), ("/other", "")]
)
def test_a27_script_name_from_a_trusted_peer_is_the_root_path_if_the_path_lies_below_it(scope, name, root):
    found = scope(f"SCRIPT_NAME: {name}", path="/app/v1/x")
    assert (found["root_path"], found["path"]) == (root, "/app/v1/x")


def test_a27_script_name_goes_before_the_setting_and_can_be_switched_off(scope):
    found = scope("script_name: /app/v1", flags=("--root-path", "/app"), path="/app/v1/x")
    assert (found["root_path"], found["path"]) == ("/app/v1", "/app/v1/x")
    found = scope("script_name: /app", flags=("--forwarder-headers", "PATH_INFO"), path="/app/x")
    assert found["root_path"] == ""
    assert scope("script-name: /app", path="/app/x")["root_path"] == ""


# RFC 7239

FORWARDED = ("--forwarded-header", "forwarded", "--forwarded-host")

ELEMENTS = [
    ("for=1.2.3.4", ("1.2.3.4", 0), "http", b"test"),
    ('For="[2001:db8::1]:443";Proto=HTTPS;by=_me', ("2001:db8::1", 443), "https", b"test"),
    ('for=6.6.6.6;proto=https, for="1.2.3.4:80";host="a.org:81"', ("1.2.3.4", 80), "http", b"a.org:81"),
    ("for=1.2.3.4;proto=https;host=a.org, for=127.0.0.1;proto=http;host=inside", ("1.2.3.4", 0), "https", b"a.org"),
    ("for=127.0.0.1;proto=https, for=127.0.0.1;proto=http", ("127.0.0.1", 0), "https", b"test"),
    ("for=unknown", ("unknown", 0), "http", b"test"),
    ('for="_hidden:_port"', ("_hidden", 0), "http", b"test"),
]


@pytest.mark.parametrize(("value", "client", "scheme", "host"), ELEMENTS)
def test_b50_forwarded_is_read_if_that_is_what_the_proxy_writes(scope, value, client, scheme, host):
    found = scope(f"forwarded: {value}", flags=FORWARDED)
    assert (found["client"], found["scheme"]) == (client, scheme)
    assert (b"host", host) in found["headers"]


def test_b50_forwarded_may_come_in_several_fields(scope):
    found = scope("forwarded: for=6.6.6.6", "forwarded: for=1.2.3.4;proto=https, for=127.0.0.1", flags=FORWARDED)
    assert (found["client"], found["scheme"]) == (("1.2.3.4", 0), "https")


def test_b50_an_element_without_for_keeps_the_peer_and_ends_the_chain(scope):
    found = scope("forwarded: for=6.6.6.6, proto=https", flags=FORWARDED)
    assert (found["client"][0], found["scheme"]) == (PEER, "https")


def test_b50_a_client_cannot_use_the_family_that_its_proxy_does_not_write(scope):
    mixed = ("forwarded: for=6.6.6.6;proto=https", "x-forwarded-for: 1.2.3.4")
    assert scope(*mixed)["client"] == ("1.2.3.4", 0)
    assert scope(*mixed)["scheme"] == "http"
    other = ("x-forwarded-for: 6.6.6.6", "x-forwarded-ssl: on", "x-forwarded-host: evil.org")
    found = scope("forwarded: for=1.2.3.4", *other, flags=FORWARDED)
    assert (found["client"], found["scheme"]) == (("1.2.3.4", 0), "http")
    assert (b"host", b"test") in found["headers"]


@pytest.mark.parametrize("value", ['for="1.2.3.4', "for=", "1.2.3.4", "for=1;for=2", 'for=6.6.6.6;by=", for=1.2.3.4'])
def test_b50_a_malformed_forwarded_field_is_a_400(server, value):
    with server("scopes:dump", *FORWARDED) as s:
        assert s.get("/", f"forwarded: {value}").status == 400
        s.wait_for_line("malformed forwarded header field")


# The log


def test_b50_the_access_log_names_the_client_that_the_application_sees(server):
    with server("echo:path", "--access-logfile", "-") as s:
        s.get("/one", "x-forwarded-for: 1.2.3.4")
        assert s.stdout.wait_for("/one").string.startswith("1.2.3.4 - - [")
        s.get("/two")
        assert s.stdout.wait_for("/two").string.startswith(f"{PEER} - - [")


def test_b50_a_refused_request_is_not_logged_with_the_client_of_the_one_before(server):
    """One connection of a proxy's carries the requests of many clients."""
    with server("echo:path", "--access-logfile", "-") as s, s.connect() as proxy:
        proxy.get("/one", "x-forwarded-for: 1.2.3.4")
        assert proxy.read_response().status == 200
        proxy.send(b"GET /two HTTP/1.1\nhost: x\r\n\r\n")
        assert proxy.read_response().status == 400
        assert s.stdout.wait_for("/two").string.startswith(f"{PEER} - - [")
