"""The settings of TLS: certificates and keys of every kind, client certificates, versions, ciphers."""

import socket
import ssl
import subprocess
from ast import literal_eval

import pytest
from certificates import DAY, TRADITIONAL, Authority, key_bytes, needs_openssl, now
from command import run, serving
from conftest import APPS

BIND = ("-b", "127.0.0.1:0")
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def mine(authority):
    return authority.issue("localhost")


def greets(client, s, name="localhost"):
    return client.get(s, "/", name=name).status == 200


def refused(client, s, name="localhost"):
    with pytest.raises((ssl.SSLError, OSError)) as raised:
        with client.connect(s, name) as connection:
            connection.get()
            connection.read_head()  # with TLS 1.3 a client learns of it by its first read
    return str(raised.value)


def said(*flags, code=1):
    ended = run(*BIND, *flags, "echo:app", cwd=APPS)
    assert ended.code == code, ended.output
    ended.assert_no_traceback()
    return ended.output


KEYS = {
    "pkcs8 ecdsa": ("ecdsa", {}),
    "pkcs8 rsa": ("rsa", {}),
    "pkcs8 ed25519": ("ed25519", {}),
    "pkcs1": ("rsa", {"form": TRADITIONAL}),
    "sec1": ("ecdsa", {"form": TRADITIONAL}),
    "encrypted": ("ecdsa", {"password": "secret"}),
}


@pytest.mark.parametrize("form", KEYS)
def test_keys_are_read_in_all_usual_forms(server, authority, form):
    kind, options = KEYS[form]
    issued = authority.issue("localhost", kind=kind)
    issued.keyfile.write_bytes(key_bytes(issued.key, **options))
    password = ("--keyfile-password", options["password"]) if "password" in options else ()
    with server("echo:app", *issued.flags, *password) as s:
        assert greets(authority.client(), s)


def test_a_key_may_be_in_the_certfile(server, authority):
    issued = authority.issue("localhost")
    both = issued.certfile.with_suffix(".both")
    both.write_bytes(issued.keyfile.read_bytes() + issued.certfile.read_bytes())
    with server("echo:app", "--certfile", both) as s:
        assert greets(authority.client(), s)


def test_what_is_wrong_with_files_is_said_in_a_line(authority, mine, tmp_path):
    other = authority.issue("localhost")
    empty = tmp_path / "empty"
    empty.write_text("nothing\n")
    sealed = tmp_path / "sealed"
    sealed.write_bytes(key_bytes(mine.key, password="secret"))
    old = tmp_path / "old"
    old.write_bytes(key_bytes(mine.key, TRADITIONAL, "secret"))
    for flags, words in [
        (("--certfile", "nowhere.pem"), ("certfile = ", "nowhere.pem", "No such file")),
        (("--certfile", mine.certfile, "--keyfile", "nowhere.key"), ("keyfile = ", "nowhere.key", "No such file")),
        (("--certfile", mine.certfile), ("certfile = ", "holds no private key")),
        (("--certfile", empty, "--keyfile", mine.keyfile), ("certfile = ", "holds no certificate")),
        (("--certfile", mine.certfile, "--keyfile", empty), ("keyfile = ", "holds no private key")),
        (("--certfile", mine.certfile, "--keyfile", other.keyfile), ("keyfile = ", "the key of another certificate")),
        (("--certfile", mine.certfile, "--keyfile", sealed), ("keyfile = ", "set keyfile_password")),
        (
            ("--certfile", mine.certfile, "--keyfile", sealed, "--keyfile-password", "wrong"),
            ("keyfile = ", "does not decrypt"),
        ),
        (("--certfile", mine.certfile, "--keyfile", old), ("keyfile = ", "openssl pkcs8 -topk8")),
        (("--keyfile", mine.keyfile), ("keyfile = ", "set certfile")),
        ((*mine.flags, "--cert-reqs", "2"), ("cert_reqs = ", "needs ca_certs")),
        ((*mine.flags, "--cert-reqs", "3"), ("cert_reqs = ", "from 0 to 2")),
        ((*mine.flags, "--cert-reqs", "1", "--ca-certs", empty), ("ca_certs = ", "holds no certificate")),
        ((*mine.flags, "--certificate", ":"), ("certificates = ", "CERTFILE:KEYFILE")),
        (
            (*mine.flags, "--certificate", f"{mine.certfile}:{other.keyfile}"),
            ("certificates = ", "another certificate"),
        ),
        ((*mine.flags, "--ciphers", "ECDHE-RSA-AES129-GCM-SHA256"), ("ciphers = ", "ECDHE-RSA-AES128-GCM-SHA256")),
        ((*mine.flags, "--ssl-minimum-version", "TLSv1.1"), ("ssl_minimum_version = ", "TLSv1.2")),
        ((*mine.flags, "--self-signed"), ("self_signed = ", "there is a certfile")),
        ((*mine.flags, "--ocsp-file", "nowhere"), ("ocsp_file = ", "No such file")),
    ]:
        output = said(*flags)
        assert any(all(word in line for word in words) for line in output.splitlines()), (flags, output)


def test_the_password_is_not_shown(mine):
    output = said(*mine.flags, "--keyfile-password", "xyzzy", "--print-config", code=0)
    assert "xyzzy" not in output and "keyfile_password" in output


def test_settings_without_a_certificate_are_warned_of():
    with serving(*BIND, "--cert-reqs", "2", "--ca-certs", "a.pem", "echo:app", cwd=APPS) as s:
        s.wait_for_line("cert_reqs has no effect: there is no certfile")
        assert s.url.startswith("http://")


def test_a_client_gets_the_certificate_with_the_name_that_it_asks_for(server, authority):
    first = authority.issue("localhost", "first.test")
    second = authority.issue("second.test", "both.test")
    domain = authority.issue("*.domain.test", kind="rsa")
    exact = authority.issue("exact.domain.test")
    flags = [word for one in (second, domain, exact) for word in ("--certificate", f"{one.certfile}:{one.keyfile}")]
    with server("echo:app", *first.flags, *flags) as s:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = authority.client()
        client.context = context
        for name, expected in [
            ("first.test", first),
            ("second.test", second),
            ("SECOND.test", second),
            ("both.test", second),
            ("a.domain.test", domain),
            ("exact.domain.test", exact),
            ("a.b.domain.test", first),
            ("domain.test", first),
            ("unknown.test", first),
            (None, first),
        ]:
            with client.connect(s, name) as connection:
                assert connection.certificate == expected.certificate, name


def test_of_two_certificates_for_a_name_a_client_gets_one_that_it_can_check(server, authority):
    ecdsa, rsa = authority.issue("localhost"), authority.issue("localhost", kind="rsa")
    with server("echo:app", *ecdsa.flags, "--certificate", f"{rsa.certfile}:{rsa.keyfile}") as s:
        for ciphers, expected in [("ECDHE-RSA-AES128-GCM-SHA256", rsa), ("ECDHE-ECDSA-AES128-GCM-SHA256", ecdsa)]:
            with authority.client(version=TLS_1_2, ciphers=ciphers).connect(s) as connection:
                assert connection.certificate == expected.certificate


@pytest.mark.parametrize("spelling", ["TLSv1.3", "tls1.3"])
def test_a_minimum_version_keeps_older_ones_out(server, authority, mine, spelling):
    with server("echo:app", *mine.flags, "--ssl-minimum-version", spelling) as s:
        assert greets(authority.client(version=TLS_1_3), s)
        assert "PROTOCOL_VERSION" in refused(authority.client(version=TLS_1_2), s).upper()


def test_ciphers_are_those_of_the_list(server, authority, mine):
    with server("echo:app", *mine.flags, "--ciphers", "ECDHE+CHACHA20:DHE-RSA-AES128-GCM-SHA256") as s:
        s.wait_for_line("ciphers: of these there is none here: DHE-RSA-AES128-GCM-SHA256")
        with authority.client(version=TLS_1_2).connect(s) as connection:
            assert connection.socket.cipher()[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"
        only_aes = authority.client(version=TLS_1_2, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
        assert "handshake failure" in refused(only_aes, s).lower()
        assert greets(authority.client(version=TLS_1_3), s)


@needs_openssl
def test_an_ocsp_response_is_stapled(server, authority, mine):
    with server("echo:app", *mine.flags, "--ocsp-file", authority.vouch(mine)) as s:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{s.port}", "-servername", "localhost", "-status"]
        told = subprocess.run(command, input=b"", capture_output=True).stdout.decode()
        assert "OCSP Response Status: successful" in told and "Cert Status: good" in told


def test_what_is_agreed_to_be_spoken_is_http_1_1(server, authority, mine):
    with server("echo:app", *mine.flags) as s:
        with authority.client(alpn=["http/1.1"]).connect(s) as connection:
            assert connection.socket.selected_alpn_protocol() == "http/1.1"
        assert "NO_APPLICATION_PROTOCOL" in refused(authority.client(alpn=["smtp"]), s).upper().replace(" ", "_")


def test_a_self_signed_certificate_is_for_localhost_and_warned_of(server):
    with server("echo:app", "--self-signed", workers=2) as s:
        s.wait_for_line("self_signed: the certificate is made up, for development only")
        pem = ssl.get_server_certificate((s.host, s.port))
        context = ssl.create_default_context(cadata=pem)
        for name in ("localhost", "127.0.0.1"):
            with socket.create_connection((s.host, s.port)) as raw:
                context.wrap_socket(raw, server_hostname=name).close()


class TestClientCertificates:
    @pytest.fixture(scope="class")
    def theirs(self, authority):
        return authority.issue(common_name="client", usage="client")

    @pytest.fixture(scope="class")
    def revoked(self, authority):
        return authority.issue(common_name="revoked", usage="client")

    @pytest.fixture(scope="class", params=[1, 2], ids=["optional", "required"])
    def asking(self, request, server, authority, mine, revoked):
        flags = ("--cert-reqs", request.param, "--ca-certs", authority.file, "--crl-file", authority.revoke(revoked))
        with server("scopes:dump", *mine.flags, *flags) as s:
            s.asks = request.param
            yield s

    def told(self, client, s):
        return literal_eval(client.get(s).body.decode())["extensions"]["tls"]

    @pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
    def test_a_good_one_is_accepted(self, asking, authority, theirs, version):
        told = self.told(authority.client(theirs, version), asking)
        assert told["client_cert_chain"][0] == theirs.pem

    @pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
    def test_who_has_none_is_served_where_it_is_optional(self, asking, authority, version):
        client = authority.client(version=version)
        if asking.asks == 1:
            assert self.told(client, asking)["client_cert_chain"] == []
        else:
            assert "certificate" in refused(client, asking).lower()
            asking.wait_for_line("TLS failed: peer sent no certificates")

    def test_one_of_another_authority_is_refused(self, asking, authority, tmp_path):
        stranger = Authority(tmp_path / "other", "Others").issue(common_name="stranger", usage="client")
        refused(authority.client(stranger), asking)
        asking.wait_for_line("TLS failed: invalid peer certificate: UnknownIssuer")

    def test_one_that_ran_out_is_refused(self, asking, authority):
        late = authority.issue(common_name="late", usage="client", until=now() - DAY)
        refused(authority.client(late), asking)
        asking.wait_for_line("TLS failed: invalid peer certificate: certificate expired")

    def test_one_that_was_revoked_is_refused(self, asking, authority, revoked):
        refused(authority.client(revoked), asking)
        asking.wait_for_line("TLS failed: invalid peer certificate: Revoked")

    def test_one_for_servers_is_refused(self, asking, authority, mine):
        refused(authority.client(mine), asking)
        asking.wait_for_line("TLS failed: invalid peer certificate: .* extended key usage")

    def test_no_session_is_resumed(self, asking, authority, theirs):
        client = authority.client(theirs)
        with client.connect(asking) as first:
            first.get()
            first.read_response()
            session = first.socket.session
        with client.connect(asking, session=session) as second:
            assert not second.socket.session_reused

    def test_nobody_is_asked_with_0(self, server, authority, mine, theirs):
        with server("scopes:dump", *mine.flags, "--ca-certs", authority.file) as s:
            assert self.told(authority.client(theirs), s)["client_cert_chain"] == []
