"""The scope of a request (A20-A37)."""

import ast
from urllib.parse import unquote

import pytest
from client import Client


@pytest.fixture(scope="module")
def dump(server):
    with server("scopes:dump") as s:
        yield lambda request: ast.literal_eval(s.exchange(request).body.decode())


def get(target, *headers, version="1.1"):
    lines = [f"GET {target} HTTP/{version}", "host: example.org", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def test_a20_the_type_is_http(dump):
    assert dump(get("/"))["type"] == "http"


def test_the_scope_has_exactly_the_keys_of_the_specification(dump):
    required = {
        "type",
        "asgi",
        "http_version",
        "method",
        "scheme",
        "path",
        "raw_path",
        "query_string",
        "root_path",
        "headers",
        "client",
        "server",
    }
    keys = set(dump(get("/")))
    assert required <= keys <= required | {"state", "extensions"}


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a21_b16_the_http_version_is_the_requests(dump, version):
    assert dump(get("/", version=version))["http_version"] == version


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "M-SEARCH", "PROPFIND"]
)
def test_a22_the_method_is_given_even_if_unusual(dump, method):
    request = f"{method} / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".encode()
    assert dump(request)["method"] == method


def test_a23_the_scheme_is_http(dump):
    assert dump(get("/"))["scheme"] == "http"


TARGETS = [
    "/",
    "/a/b",
    "/a%20b",
    "/one%2Ftwo",
    "/%E4%BD%A0%E5%A5%BD",
    "/%e4%bd%a0",
    "/%2541",
    "/100%25",
    "/a+b",
    "/%FF%FE",
    "/%E4%BD",
    "/a%C3%28b",
    "/%00",
    "/%zz",
    "/%",
    "/%4",
    "//double//slash",
    "/a/../b",
    "/;p=1",
]


@pytest.mark.parametrize("target", TARGETS)
def test_a24_a25_the_path_is_decoded_once_and_the_raw_path_is_kept(dump, target):
    scope = dump(get(target))
    assert scope["path"] == unquote(target)
    assert scope["raw_path"] == target.encode()


@pytest.mark.parametrize(
    ("target", "query"),
    [("/", b""), ("/?", b""), ("/?a=b%20c&d=%2F+e", b"a=b%20c&d=%2F+e"), ("/?a?b", b"a?b"), ("/p%3Fx?y", b"y")],
)
def test_a26_the_query_string_stays_encoded(dump, target, query):
    scope = dump(get(target))
    assert scope["query_string"] == query
    assert scope["raw_path"] == target.split("?")[0].encode()


def test_a27_the_root_path_is_empty_by_default(dump):
    assert dump(get("/"))["root_path"] == ""


def test_a27_b17_the_root_path_is_put_before_the_path(server):
    with server("scopes:dump", "--root-path", "/app") as s:
        scope = ast.literal_eval(s.get("/one%2Ftwo").body.decode())
    assert scope["root_path"] == "/app"
    assert scope["path"] == "/app/one/two"
    assert scope["raw_path"] == b"/app/one%2Ftwo"


@pytest.mark.parametrize(("target", "path"), [("/app/x", "/app/x"), ("/app", "/app"), ("/apple", "/app/apple")])
def test_a27_the_root_path_is_not_put_before_a_path_that_has_it(server, target, path):
    with server("scopes:dump", "--root-path", "/app") as s:
        scope = ast.literal_eval(s.get(target).body.decode())
    assert scope["path"] == path
    assert scope["raw_path"] == path.encode()


def test_a28_a29_headers_are_lower_case_pairs_in_order_with_duplicates(dump):
    scope = dump(get("/", "X-B: 1", "x-a: 2", "X-b: 3", "Cookie: a=1", "X-Empty:", "cookie: b=2"))
    assert [tuple(pair) for pair in scope["headers"]] == [
        (b"host", b"example.org"),
        (b"x-b", b"1"),
        (b"x-a", b"2"),
        (b"x-b", b"3"),
        (b"cookie", b"a=1"),
        (b"x-empty", b""),
        (b"cookie", b"b=2"),
    ]


def test_a28_white_space_around_a_value_is_not_part_of_it(dump):
    headers = dict(dump(get("/", "x-a: \t one  two\t "))["headers"])
    assert headers[b"x-a"] == b"one  two"


def test_a32_header_bytes_above_ascii_are_untouched(dump):
    request = b"GET / HTTP/1.1\r\nhost: x\r\nx-name: abra\xc3\xa3o \xff\r\n\r\n"
    assert dict(dump(request)["headers"])[b"x-name"] == b"abra\xc3\xa3o \xff"


def test_a33_client_and_server_are_pairs_of_address_and_integer_port(server):
    with server("scopes:dump") as s, s.connect() as client:
        client.get("/")
        scope = ast.literal_eval(client.read_response().body.decode())
        assert tuple(scope["server"]) == ("127.0.0.1", s.port)
        assert tuple(scope["client"]) == client.socket.getsockname()


def test_a33_a_unix_socket_is_a_server_with_a_path_and_a_client_without_address(server, tmp_path):
    path = tmp_path / "server.sock"
    with server("scopes:dump", "-b", f"unix:{path}"), Client(path) as client:
        client.get("/")
        scope = ast.literal_eval(client.read_response().body.decode())
    assert tuple(scope["server"]) == (str(path), None)
    assert scope["client"] is None


def test_a35_an_absolute_target_becomes_its_path(dump):
    scope = dump(get("http://example.org/p%20q?r=s"))
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/p q", b"/p%20q", b"r=s")


def test_a35_an_absolute_target_without_path_becomes_a_slash(dump):
    assert dump(get("http://example.org?r=s"))["path"] == "/"


def test_a35_the_target_of_options_may_be_an_asterisk(dump):
    assert dump(b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n")["path"] == "*"


def test_a35_connect_is_not_implemented(server):
    with server("scopes:dump") as s:
        response = s.exchange(b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n")
    assert response.status == 501 and response.closes


def test_a36_framing_headers_stay_visible(dump):
    request = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n"
    headers = dict(dump(request)["headers"])
    assert headers[b"transfer-encoding"] == b"chunked" and headers[b"connection"] == b"close"
    request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab"
    assert dict(dump(request)["headers"])[b"content-length"] == b"2"


def test_a37_header_names_with_underscores_are_kept(dump):
    assert dict(dump(get("/", "x_name: value"))["headers"])[b"x_name"] == b"value"


def test_a34_b41_each_request_has_a_shallow_copy_of_the_lifespan_state(server):
    with server("lifespans:stateful") as s:
        first, second = s.get(), s.get()
    assert ast.literal_eval(first.body.decode()) == {"a": 123, "b": [1]}
    assert ast.literal_eval(second.body.decode()) == {"a": 123, "b": [1, 2]}
    assert first.get("x-type") == b"dict"


def test_a92_context_variables_do_not_leak_from_one_request_to_the_next(server):
    with server("scopes:context") as s, s.connect() as client:
        client.get("/one")
        assert client.read_response().body == b"nobody /one"
        client.get("/two")
        assert client.read_response().body == b"nobody /two"
        client.send(b"GET /three HTTP/1.1\r\nhost: x\r\n\r\nGET /four HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.read_response().body == b"nobody /three"
        assert client.read_response().body == b"nobody /four"
