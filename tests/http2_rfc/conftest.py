"""The server under test, in clear text with prior knowledge and over TLS with ALPN. See servers.py."""

import pytest
import trustme
from http2_rfc import servers


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    found = servers.Certificate(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(found.authority)
    for pem in issued.cert_chain_pems:
        pem.write_to_path(found.chain, append=True)
    issued.private_key_pem.write_to_path(found.key)
    return found


@pytest.fixture(scope="session", params=["cleartext", "tls"])
def session_target(request, certificate, tmp_path_factory):
    files = certificate if request.param == "tls" else None
    with servers.serving(files, tmp_path_factory.mktemp(request.param)) as target:
        yield target


@pytest.fixture
def target(session_target):
    """The server. Whatever a test does to it, it lives on and answers others."""
    yield session_target
    assert session_target.is_alive(), "the server ended"
    with session_target.start() as client:
        client.expect_still_serving()


@pytest.fixture
def client(target):
    """A connection after the exchange of SETTINGS, all at their defaults."""
    with target.start() as client:
        yield client
