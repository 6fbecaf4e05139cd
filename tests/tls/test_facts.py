"""What applications are told of TLS: ASGI's extension `tls`, and mod_ssl's names in WSGI."""

import ssl
from ast import literal_eval

import pytest

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def mine(authority):
    return authority.issue("localhost", "other.test")


@pytest.fixture(scope="module")
def theirs(authority):
    return authority.issue("client.test", common_name="client, with comma", usage="client")


@pytest.fixture(scope="module")
def asgi(server, authority, mine):
    with server("scopes:vandal", *mine.flags, "--cert-reqs", "1", "--ca-certs", authority.file) as s:
        yield s


@pytest.fixture(scope="module", params=["sync", "gthread"])
def wsgi(request, server, authority, mine):
    flags = (*mine.flags, "--cert-reqs", "1", "--ca-certs", authority.file)
    with server("wsgi_environ:app", *flags, worker_class=request.param) as s:
        yield s


def told(client, s, *headers, name="localhost"):
    return literal_eval(client.get(s, "/", *headers, name=name).body.decode())


def test_a137_the_tls_extension_says_how_the_connection_is_secured(asgi, authority, mine):
    for version, number, ciphers in [(TLS_1_2, 0x0303, "ECDHE-ECDSA-AES128-GCM-SHA256"), (TLS_1_3, 0x0304, None)]:
        scope = told(authority.client(version=version, ciphers=ciphers), asgi)
        assert scope["scheme"] == "https"
        tls = scope["extensions"]["tls"]
        assert set(tls) == {
            "server_cert", "client_cert_chain", "client_cert_name", "client_cert_error", "tls_version", "cipher_suite",
        }  # fmt: skip
        assert tls["tls_version"] == number
        assert tls["cipher_suite"] in ([0xC02B] if ciphers else [0x1301, 0x1302, 0x1303])
        assert tls["server_cert"] == mine.pem
        assert (tls["client_cert_chain"], tls["client_cert_name"], tls["client_cert_error"]) == ([], None, None)


def test_a137_a_client_certificate_is_shown_with_its_name(asgi, authority, theirs):
    tls = told(authority.client(theirs), asgi)["extensions"]["tls"]
    assert tls["client_cert_chain"] == [theirs.pem, authority.pem]  # OpenSSL sends the authority too
    assert tls["client_cert_name"] == "CN=client\\, with comma,O=Tests\\, Inc.,C=DE"
    assert tls["client_cert_error"] is None


def test_a137_each_request_has_an_extension_of_its_own(asgi, authority):
    with authority.client().connect(asgi) as client:
        for _ in range(2):
            client.get()
            scope = literal_eval(client.read_response().body.decode())
            assert "scribble" not in scope["extensions"] and "tls" in scope["extensions"]


def test_a137_without_tls_there_is_no_extension(server):
    with server("scopes:dump") as s:
        scope = literal_eval(s.get().body.decode())
        assert scope["scheme"] == "http" and "tls" not in scope["extensions"]


def test_the_environ_has_the_names_of_mod_ssl(wsgi, authority, mine):
    client = authority.client(version=TLS_1_2, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    environ = told(client, wsgi, name="other.test")
    expected = {
        "wsgi.url_scheme": "https",
        "HTTPS": "on",
        "SSL_PROTOCOL": "TLSv1.2",
        "SSL_CIPHER": "ECDHE-ECDSA-AES128-GCM-SHA256",
        "SSL_CIPHER_USEKEYSIZE": "128",
        "SSL_CIPHER_ALGKEYSIZE": "128",
        "SSL_TLS_SNI": "other.test",
        "SSL_SERVER_CERT": mine.pem,
        "SSL_CLIENT_VERIFY": "NONE",
    }
    assert {key: environ.get(key) for key in expected} == expected
    assert not [key for key in environ if key.startswith("SSL_CLIENT_") and key != "SSL_CLIENT_VERIFY"]


def test_the_environ_describes_a_client_certificate(wsgi, authority, theirs):
    environ = told(authority.client(theirs, version=TLS_1_3), wsgi)
    certificate = theirs.certificate
    expected = {
        "SSL_PROTOCOL": "TLSv1.3",
        "SSL_CLIENT_VERIFY": "SUCCESS",
        "SSL_CLIENT_CERT": theirs.pem,
        "SSL_CLIENT_S_DN": "CN=client\\, with comma,O=Tests\\, Inc.,C=DE",
        "SSL_CLIENT_S_DN_CN": "client\\, with comma",
        "SSL_CLIENT_S_DN_O": "Tests\\, Inc.",
        "SSL_CLIENT_S_DN_C": "DE",
        "SSL_CLIENT_I_DN": "CN=Test Authority",
        "SSL_CLIENT_I_DN_CN": "Test Authority",
        "SSL_CLIENT_M_VERSION": "3",
        "SSL_CLIENT_SAN_DNS_0": "client.test",
        "SSL_CLIENT_V_START": certificate.not_valid_before_utc.strftime("%b %e %H:%M:%S %Y GMT"),
        "SSL_CLIENT_V_END": certificate.not_valid_after_utc.strftime("%b %e %H:%M:%S %Y GMT"),
    }
    assert {key: environ.get(key) for key in expected} == expected
    assert int(environ["SSL_CLIENT_M_SERIAL"], 16) == certificate.serial_number


def test_a_proxy_that_says_http_takes_https_away(wsgi, authority):
    environ = told(authority.client(), wsgi, "x-forwarded-proto: http")
    assert environ["wsgi.url_scheme"] == "http" and "HTTPS" not in environ
