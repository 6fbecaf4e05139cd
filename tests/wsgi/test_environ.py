"""The environ of a request (W1 to W14), and what validators make of it (W80, W81)."""

import ast

import pytest
from client import Client
from command import serving
from conftest import APPS

APP, VALIDATED = "wsgi_environ:app", "wsgi_environ:validated"
TRUSTING = ("--forwarded-allow-ips", "127.0.0.1")


def environ_of(response):
    assert response.status == 200, response.body
    return ast.literal_eval(response.body.decode())


def ask(s, path="/", *headers):
    return environ_of(s.get(path, *headers))


def send(s, request):
    return environ_of(s.exchange(request))


def test_w1_environ_is_a_dict_of_its_own_for_each_request_that_the_app_may_change(either):
    with either.connect() as client:
        for _ in range(3):
            client.get("/path")
            environ = environ_of(client.read_response())
            assert (environ["type"], environ["leak"], environ["PATH_INFO"]) == ("dict", None, "/path")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_w2_the_method_and_the_path_of_an_app_at_the_root(either, method):
    environ = send(either, f"{method} /a/b HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    assert (environ["REQUEST_METHOD"], environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (method, "", "/a/b")


@pytest.mark.parametrize(
    ("path", "rest"), [("/app/x", "/x"), ("/app", ""), ("/app/", "/"), ("/x", "/x"), ("/apple", "/apple"), ("/", "/")]
)
def test_w2_w11_a_mount_point_is_taken_off_the_path_where_it_is_there(site, path, rest):
    """A path that is not below it was taken off by the proxy already; gunicorn answers that with a 500."""
    environ = ask(site("--root-path", "/app"), path)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", rest)


def test_w9_the_mount_point_may_come_from_the_servers_environment(wsgi):
    """gunicorn's only setting for it."""
    with wsgi(APP, env={"SCRIPT_NAME": "/app"}) as s:
        environ = ask(s, "/app/x")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", "/x")


def test_w2_asterisk_form_is_no_path_and_shown_as_it_is(plain):
    """As in gunicorn. PEP 3333 has no place for it: a path begins with a slash, and one must be there."""
    environ = send(plain, b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (environ["PATH_INFO"], environ["RAW_URI"]) == ("*", "*")


def test_w2_absolute_form_has_the_path_alone_in_path_info(either):
    environ = send(either, b"GET http://x.example/a%20b?q=1 HTTP/1.1\r\nhost: x.example\r\n\r\n")
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/a b", "q=1")


def test_w3_a_query_is_always_there_and_content_fields_only_if_sent(either):
    environ = ask(either, "/")
    assert environ["QUERY_STRING"] == ""
    assert not {"CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & environ.keys()
    environ = send(
        either, b"POST /?a=1&b=%20+%ff HTTP/1.1\r\nhost: x\r\ncontent-type: a/b\r\ncontent-length: 2\r\n\r\nhi"
    )
    assert environ["QUERY_STRING"] == "a=1&b=%20+%ff"
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("a/b", "2")
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & environ.keys()


def test_w4_w81_the_server_is_named_in_strings(either):
    environ = ask(either)
    assert environ["SERVER_NAME"] == either.host
    assert environ["SERVER_PORT"] == str(either.port)
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"


def test_w4_w81_the_protocol_of_an_old_client_is_told_in_full(either):
    assert send(either, b"GET / HTTP/1.0\r\n\r\n")["SERVER_PROTOCOL"] == "HTTP/1.0"


@pytest.mark.parametrize(
    ("sent", "path"),
    [("/%C3%BC", "/ü"), ("/%FF", "/ÿ"), ("/a%2Fb", "/a/b"), ("/%25", "/%"), ("/%252F", "/%2F"), ("/a+b", "/a+b")],
)
def test_w5_a_path_is_decoded_once_and_each_byte_is_a_character(either, sent, path):
    environ = ask(either, sent)
    assert environ["PATH_INFO"].encode("latin-1") == path.encode("latin-1" if sent == "/%FF" else "utf-8")
    assert environ["RAW_URI"] == sent


def test_w5_each_byte_of_a_field_is_a_character(either):
    environ = send(either, b"GET / HTTP/1.1\r\nhost: x\r\nx-bytes: \xff\xc3\xbc a\r\n\r\n")
    assert environ["HTTP_X_BYTES"] == "\xff\xc3\xbc a"


def test_w6_version_and_scheme(either):
    environ = ask(either)
    assert (environ["wsgi.version"], environ["wsgi.url_scheme"]) == ((1, 0), "http")


def test_w6_the_scheme_is_what_a_trusted_proxy_says(site):
    s = site(*TRUSTING)
    assert ask(s, "/", "x-forwarded-proto: https")["wsgi.url_scheme"] == "https"
    assert ask(s, "/")["wsgi.url_scheme"] == "http"
    untrusting = site("--forwarded-allow-ips", "192.0.2.1")
    assert ask(untrusting, "/", "x-forwarded-proto: https")["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize("workers", [1, 2])
def test_w7_the_flags_tell_how_the_app_is_called(wsgi, worker_class, workers):
    with wsgi(APP, workers=workers) as s:
        environ = ask(s)
    flags = [environ[f"wsgi.{name}"] for name in ("multithread", "multiprocess", "run_once")]
    assert flags == [worker_class == "gthread", workers > 1, False]


def test_w8_fields_become_keys_and_repeated_ones_are_joined(either):
    environ = ask(either, "/", "x-a-b: 1", "X-A-B: 2", "accept: a, b", "x-a-b: 3", "x-empty:")
    assert (environ["HTTP_X_A_B"], environ["HTTP_ACCEPT"], environ["HTTP_X_EMPTY"]) == ("1,2,3", "a, b", "")
    assert environ["HTTP_HOST"] == "test"


def test_w8_repeated_cookies_are_one_list_of_cookies(either):
    """RFC 6265 knows only "; " between cookies. gunicorn joins with a comma, and cookie parsers then lose one."""
    assert ask(either, "/", "cookie: a=1", "cookie: b=2")["HTTP_COOKIE"] == "a=1; b=2"


def test_w9_the_keys_that_gunicorn_adds(either):
    with either.connect() as client:
        port = client.socket.getsockname()[1]
        client.get("/a%20b?q=1")
        environ = environ_of(client.read_response())
    assert environ["SERVER_SOFTWARE"].startswith("rgunicorn/")
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("127.0.0.1", str(port))
    assert environ["RAW_URI"] == "/a%20b?q=1"
    assert environ["wsgi.input_terminated"] is True
    assert {"wsgi.file_wrapper", "wsgi.early_hints"} <= environ.keys()


def test_w9_a_trusted_proxy_names_the_client_and_the_mount_point(site):
    s = site(*TRUSTING, "--proxy-headers")
    assert ask(s, "/", "x-forwarded-for: 192.0.2.7")["REMOTE_ADDR"] == "192.0.2.7"
    environ = ask(s, "/shop/cart", "script_name: /shop")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/shop", "/cart")


def test_w9_the_client_in_a_proxy_header_is_the_remote_address(wsgi):
    with wsgi(APP, "--proxy-protocol", "v1") as s:
        environ = send(s, b"PROXY TCP4 192.0.2.9 192.0.2.1 4242 80\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("192.0.2.9", "4242")


def test_w9_a_proxy_header_is_shown_in_keys_of_its_own(wsgi):
    with wsgi(APP, "--proxy-protocol", "v1") as s:
        environ = send(s, b"PROXY TCP4 192.0.2.9 192.0.2.1 4242 80\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (environ["PROXY_PROTOCOL"], environ["PROXY_ADDR"], environ["PROXY_PORT"]) == ("TCP4", "192.0.2.1", "80")


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [("shop.example:81", "shop.example", "81"), ("shop.example", "shop.example", "80"), ("[::1]:81", "[::1]", "81")],
)
def test_w10_on_a_unix_socket_the_host_field_names_the_server(worker_class, tmp_path, host, name, port):
    address = tmp_path / "socket"
    with serving("-k", worker_class, "-b", f"unix:{address}", VALIDATED, cwd=APPS), Client(address) as client:
        client.send(f"GET / HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        environ = environ_of(client.read_response())
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)
    assert environ["REMOTE_ADDR"] == "" and "REMOTE_PORT" not in environ


def test_w12_a_name_with_an_underscore_is_dropped_by_default(either):
    environ = ask(either, "/", "x_user: forged", "x-user: real", "x_other: 1")
    assert environ["HTTP_X_USER"] == "real" and "HTTP_X_OTHER" not in environ


def test_w12_a_trusted_proxy_may_send_the_names_of_forwarder_headers(site):
    s = site(*TRUSTING, "--forwarder-headers", "SCRIPT_NAME,REMOTE_USER")
    environ = ask(s, "/", "remote-user: forged", "remote_user: real", "x_other: 1")
    assert environ["HTTP_REMOTE_USER"] == "real" and "HTTP_X_OTHER" not in environ
    assert ask(s, "/", "remote_user: first", "remote-user: forged")["HTTP_REMOTE_USER"] == "first"
    untrusting = site("--forwarder-headers", "*", "--forwarded-allow-ips", "192.0.2.1")
    assert "HTTP_REMOTE_USER" not in ask(untrusting, "/", "remote_user: forged")
    everything = site(*TRUSTING, "--forwarder-headers", "*", "--header-map", "refuse")
    assert ask(everything, "/", "x_other: 1")["HTTP_X_OTHER"] == "1"


def test_w12_a_dropped_name_does_not_come_back_with_a_repeated_one(either):
    environ = ask(either, "/", "x-user: 1", "x_user: forged", "x-user: 2", "x-a: 3", "x-a: 4")
    assert (environ["HTTP_X_USER"], environ["HTTP_X_A"]) == ("1,2", "3,4")


def test_w12_header_map_refuse_answers_400_and_names_the_field(wsgi):
    with wsgi("wsgi_environ:called", "--header-map", "refuse") as s:
        assert s.get("/", "x-user: real").status == 200
        with s.connect() as client:
            client.get("/", "x_user: forged")
            response = client.read_response()
            assert response.status == 400 and response.closes
            client.expect_closed()
        s.wait_for_line("WARNING.*x_user")
        assert len(s.notes) == 1


def test_w12_header_map_dangerous_gives_the_app_both(site):
    environ = ask(site("--header-map", "dangerous"), "/", "x-user: real", "x_user: forged")
    assert environ["HTTP_X_USER"] == "real,forged"


def test_w12_a_proxy_field_does_not_become_http_proxy(site):
    for s in site(), site("--header-map", "dangerous"):
        assert "HTTP_PROXY" not in ask(s, "/", "proxy: http://evil.example/")


def test_w13_a_chunked_body_gets_no_content_length(either):
    environ = send(either, b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
    assert "CONTENT_LENGTH" not in environ and environ["wsgi.input_terminated"] is True
    assert environ["HTTP_TRANSFER_ENCODING"] == "chunked"


def test_w13_hop_by_hop_fields_are_shown_as_received(either):
    environ = ask(either, "/", "connection: keep-alive, x-a", "te: trailers", "x-a: 1")
    assert (environ["HTTP_CONNECTION"], environ["HTTP_TE"], environ["HTTP_X_A"]) == ("keep-alive, x-a", "trailers", "1")


def test_w55_what_the_app_writes_to_wsgi_errors_is_in_the_error_log(wsgi):
    with wsgi("wsgi_environ:validated_errors") as s:
        s.get()
        for line in "written", "line one", "line twö", "printed":
            s.wait_for_line(f"^{line}$")


def test_w70_one_thread_calls_iterates_and_closes_and_no_loop_runs_in_it(wsgi, worker_class):
    with wsgi("wsgi_environ:validated_thread") as s:
        response = s.get()
        assert (response.body, response.get("x-asyncio")) == (b"1", b"ran")
        assert s.wait_for_note("threads") == {"event": "threads", "count": 1, "main": worker_class == "sync"}


def test_w80_a_validator_finds_nothing_to_complain_about(validated):
    """Every file of tests/wsgi runs its apps behind one; its warnings would be lines of the log."""
    ask(validated, "/a?b=c", "accept: */*")
    assert not [line for line in validated.lines if "Warning" in line or "AssertionError" in line]
