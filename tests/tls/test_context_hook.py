"""The hook `ssl_context`: what it may change, and that everything else is named."""

import ssl

import pytest
from certificates import key_bytes
from command import run
from conftest import APPS


@pytest.fixture(scope="module")
def mine(authority):
    return authority.issue("localhost")


@pytest.fixture
def config(tmp_path, mine):
    """A function from the body of a hook to a configuration file."""

    def write(*lines):
        file = tmp_path / "gunicorn.conf.py"
        body = "\n    ".join(lines)
        head = f"import ssl\ncertfile = {str(mine.certfile)!r}\nkeyfile = {str(mine.keyfile)!r}\n"
        file.write_text(f"{head}def ssl_context(config, default_ssl_context_factory):\n    {body}\n")
        return ("-c", file)

    return write


FACTORY = "context = default_ssl_context_factory()"


def test_the_default_of_gunicorn_changes_nothing(server, config, authority, mine):
    with server("echo:app", *config("return default_ssl_context_factory()")) as s:
        with authority.client().connect(s) as connection:
            assert connection.certificate == mine.certificate


def test_the_example_of_gunicorns_documentation_works(server, config, authority):
    lines = [FACTORY, "context.minimum_version = ssl.TLSVersion.TLSv1_3", "return context"]
    with server("echo:app", *config(*lines)) as s:
        assert authority.client().get(s).status == 200
        with pytest.raises(ssl.SSLError):
            authority.client(version=ssl.TLSVersion.TLSv1_2).connect(s)


def test_it_changes_certificates_clients_and_ciphers(server, config, authority):
    other = authority.issue("localhost")
    other.keyfile.write_bytes(key_bytes(other.key, password="secret"))
    theirs = authority.issue(common_name="client", usage="client")
    lines = [
        "assert config.certfile and config.workers == 1",
        FACTORY,
        f"context.load_cert_chain({str(other.certfile)!r}, {str(other.keyfile)!r}, password=lambda: b'secret')",
        f"context.load_verify_locations(cafile={str(authority.file)!r})",
        "context.verify_mode = ssl.CERT_REQUIRED",
        "context.set_ciphers('ECDHE-ECDSA-AES256-GCM-SHA384')",
        "context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_COMPRESSION",
        "context.check_hostname = False",
        "return context",
    ]
    with server("echo:app", *config(*lines)) as s:
        with authority.client(theirs, version=ssl.TLSVersion.TLSv1_2).connect(s) as connection:
            assert connection.certificate == other.certificate
            assert connection.socket.cipher()[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"
        with pytest.raises(ssl.SSLError):
            authority.client(version=ssl.TLSVersion.TLSv1_2).connect(s)


@pytest.mark.parametrize(
    "lines,words",
    [
        (
            ["return ssl.create_default_context()"],
            ["must return what default_ssl_context_factory() gives", "SSLContext"],
        ),
        (["return None"], ["must return what default_ssl_context_factory() gives", "NoneType"]),
        ([FACTORY, "context.sni_callback = print", "return context"], ["SSLContext.sni_callback", "`certificates`"]),
        ([FACTORY, "context.set_alpn_protocols(['h2'])", "return context"], ["set_alpn_protocols", "http_protocols"]),
        ([FACTORY, "context.keylog_filename = 'a'", "return context"], ["SSLContext.keylog_filename"]),
        ([FACTORY, "context.load_verify_locations(capath='/etc')", "return context"], ["capath", "one file"]),
        ([FACTORY, "context.verify_mode = ssl.CERT_REQUIRED", "return context"], ["needs load_verify_locations"]),
        ([FACTORY, "context.load_cert_chain('nowhere.pem')", "return context"], ["nowhere.pem", "No such file"]),
        ([FACTORY, "context.set_ciphers('nothing')", "return context"], ["there is no cipher suite 'nothing'"]),
        ([FACTORY, "context.maximum_version = ssl.TLSVersion.TLSv1_2", "return context"], ["maximum_version"]),
    ],
)
def test_what_cannot_be_done_is_named(config, lines, words):
    ended = run("-b", "127.0.0.1:0", *config(*lines), "echo:app", cwd=APPS)
    assert ended.code == 1
    ended.line_with("ssl_context = ", *words)
    ended.assert_no_traceback()


def test_an_error_of_the_hooks_own_is_shown_with_its_traceback(config):
    ended = run("-b", "127.0.0.1:0", *config("return 1 / 0"), "echo:app", cwd=APPS)
    assert ended.code == 1
    ended.line_with("ZeroDivisionError")
    ended.assert_only_the_users_traceback()
