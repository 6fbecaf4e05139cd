"""gunicorn's switches for clients that get HTTP wrong: what each lets through, and that the others do not (B20)."""

import ast

import pytest

GET = b"GET / HTTP/1.1\r\nhost: x\r\n"

# What each switch permits: a request, and what the application then sees of it.
PERMITTED = {
    "permit-obsolete-folding": (
        GET + b"x-name: one\r\n\ttwo \r\n  three\r\n\r\n",
        {"headers": [(b"host", b"x"), (b"x-name", b"one two three")]},
    ),
    "strip-header-spaces": (
        GET + b"x-name \t: value\r\n\r\n",
        {"headers": [(b"host", b"x"), (b"x-name", b"value")]},
    ),
    "permit-unconventional-http-method": (b"G#T / HTTP/1.1\r\nhost: x\r\n\r\n", {"method": "G#T"}),
    "permit-unconventional-http-version": (b"GET / HTTP/1.2\r\nhost: x\r\n\r\n", {"http_version": "1.1"}),
    "casefold-http-method": (b"get / HTTP/1.1\r\nhost: x\r\n\r\n", {"method": "GET"}),
}

# What no switch permits.
REFUSED = {
    "folded-length": b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n 0\r\n\r\n",
    "folded-coding": b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n \r\n\r\n0\r\n\r\n",
    "folded-host": b"GET / HTTP/1.1\r\nhost: x\r\n y\r\n\r\n",
    "folded-first": b"GET / HTTP/1.1\r\n host: x\r\n\r\n",
    "folded-with-line-feed": GET + b"x-name: one\n two\r\n\r\n",
    "folded-with-carriage-return": GET + b"x-name: one\r two\r\n\r\n",
    "folded-zero": GET + b"x-name: one\r\n \x00\r\n\r\n",
    "space-in-name": GET + b"x name: value\r\n\r\n",
    "spaced-length-and-coding": GET + b"content-length : 1\r\ntransfer-encoding : chunked\r\n\r\n",
    "spaced-length-twice": GET + b"content-length : 1\r\ncontent-length: 2\r\n\r\n",
    "method-not-a-token": b"g(t / HTTP/1.1\r\nhost: x\r\n\r\n",
    "version-of-three-digits": b"GET / HTTP/1.10\r\nhost: x\r\n\r\n",
    "chunked-on-0.9": b"POST / HTTP/0.9\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "http2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "trailer-with-space": GET + b"transfer-encoding: chunked\r\n\r\n0\r\nx-name : value\r\n\r\n",
    "trailer-folded": GET + b"transfer-encoding: chunked\r\n\r\n0\r\nx-name: one\r\n two\r\n\r\n",
}


def shown(server, request):
    return ast.literal_eval(server.exchange(request).body.decode())


@pytest.mark.parametrize("flag", PERMITTED)
def test_b20_a_switch_permits_what_it_says_and_nothing_else(server, flag):
    with server("scopes:dump", f"--{flag}") as s:
        request, seen = PERMITTED[flag]
        assert seen.items() <= shown(s, request).items()
        # Any token may have lower case; only casefold changes it.
        implied = {"casefold-http-method"} if flag == "permit-unconventional-http-method" else set()
        for other in PERMITTED.keys() - {flag} - implied:
            assert s.exchange(PERMITTED[other][0]).status == 400, other


@pytest.fixture(scope="module")
def permissive(server, tmp_path_factory):
    """A server that permits everything, by its configuration file."""
    file = tmp_path_factory.mktemp("config") / "gunicorn.conf.py"
    file.write_text("".join(f"{flag.replace('-', '_')} = True\n" for flag in PERMITTED))
    with server("scopes:dump", "-c", file) as s:
        yield s


@pytest.mark.parametrize("flag", PERMITTED)
def test_b20_a_configuration_file_can_permit_it_too(permissive, flag):
    request, seen = PERMITTED[flag]
    assert seen.items() <= shown(permissive, request).items()


@pytest.mark.parametrize("name", REFUSED)
def test_b20_what_smugglers_need_is_refused_whatever_is_permitted(permissive, name):
    response = permissive.exchange(REFUSED[name])
    assert response.status == 400 and response.closes


def test_b20_any_token_is_given_as_it_came(server):
    with server("scopes:dump", "--permit-unconventional-http-method") as s:
        assert shown(s, b"get / HTTP/1.1\r\nhost: x\r\n\r\n")["method"] == "get"


def test_b20_a_connection_goes_on_after_a_permitted_fault(permissive):
    with permissive.connect() as client:
        client.send(PERMITTED["permit-obsolete-folding"][0] * 2)
        assert client.read_response().body == client.read_response().body


@pytest.mark.parametrize(("size", "status"), [(8190, 200), (8191, 431)], ids=["longest", "too-long"])
def test_b20_a_folded_header_has_the_limit_of_one(permissive, size, status):
    fold = b"\r\n two"
    field = b"x-name:" + b"v" * (size - len(b"x-name:") - 2 * len(fold) - 2) + 2 * fold + b"\r\n"
    assert len(field) == size
    assert permissive.exchange(GET + field + b"\r\n").status == status


@pytest.mark.parametrize(("count", "status"), [(100, 200), (101, 431)], ids=["most", "too-many"])
def test_b20_a_folded_header_counts_as_one(permissive, count, status):
    request = GET + b"x-name: one\r\n two\r\n three\r\n" * (count - 1) + b"\r\n"
    assert permissive.exchange(request).status == status
