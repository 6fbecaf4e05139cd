"""Certificates for tests of TLS: an authority, what it signs, and clients that trust it.

    authority = Authority(tmp_path)
    mine = authority.issue("localhost")
    with server("echo:app", *mine.flags) as s, authority.client().connect(s) as client:
        client.get("/")

The fixture `authority` is one for all tests of a module.
"""

import datetime
import ipaddress
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from client import Client
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="the command openssl is not installed")
DAY = datetime.timedelta(days=1)
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
PKCS8 = serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def new_key(kind="ecdsa"):
    match kind:
        case "ecdsa":
            return ec.generate_private_key(ec.SECP256R1())
        case "rsa":
            return rsa.generate_private_key(65537, 2048)
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()


def key_bytes(key, form=PKCS8, password=None):
    encryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(PEM, form, encryption)


@dataclass
class Issued:
    """A certificate and its key, in files."""

    certfile: Path
    keyfile: Path
    certificate: x509.Certificate
    key: object

    @property
    def flags(self):
        return ("--certfile", self.certfile, "--keyfile", self.keyfile)

    @property
    def pem(self):
        return self.certificate.public_bytes(PEM).decode()


class Authority:
    """Signs certificates. Its own is in `file`."""

    def __init__(self, folder, name="Test Authority"):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.key = new_key()
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(self.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - DAY)
            .not_valid_after(now() + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        self.file = self.folder / "authority.pem"
        self.file.write_bytes(self.certificate.public_bytes(PEM))
        self._count = 0

    @property
    def pem(self):
        return self.certificate.public_bytes(PEM).decode()

    def issue(self, *names, kind="ecdsa", common_name="test", until=None, file=None, key=None, usage="server"):
        """A certificate for these names and addresses. `file` is the path that both files begin with."""
        key = key or new_key(kind)
        self._count += 1
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests, Inc."),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
        usages = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - 2 * DAY)
            .not_valid_after(until or now() + 7 * DAY)
            .add_extension(x509.ExtendedKeyUsage([usages[usage]]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(map(general_name, names))), False)
        certificate = builder.sign(self.key, hashes.SHA256())
        file = Path(file or self.folder / f"issued-{self._count}")
        issued = Issued(file.with_suffix(".pem"), file.with_suffix(".key"), certificate, key)
        issued.certfile.write_bytes(certificate.public_bytes(PEM))
        issued.keyfile.write_bytes(key_bytes(key))
        return issued

    def revoke(self, *issued):
        """A file with the list of revoked certificates."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(now() - DAY).next_update(now() + DAY)
        builder = builder.add_extension(x509.CRLNumber(1), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        for one in issued:
            revoked = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
            builder = builder.add_revoked_certificate(revoked.revocation_date(now() - DAY).build())
        file = self.folder / "revoked.pem"
        file.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(PEM))
        return file

    def vouch(self, issued):
        """A file that says that a certificate is good (OCSP)."""
        response = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                issued.certificate,
                self.certificate,
                hashes.SHA1(),
                ocsp.OCSPCertStatus.GOOD,
                now(),
                now() + DAY,
                None,
                None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, self.certificate)
            .sign(self.key, hashes.SHA256())
        )
        file = issued.certfile.with_suffix(".ocsp")
        file.write_bytes(response.public_bytes(DER))
        return file

    def client(self, certificate=None, version=None, alpn=None, ciphers=None):
        """A client that trusts this authority."""
        context = ssl.create_default_context(cafile=self.file)
        if certificate:
            context.load_cert_chain(certificate.certfile, certificate.keyfile)
        if version:
            context.minimum_version = context.maximum_version = version
        if alpn:
            context.set_alpn_protocols(alpn)
        if ciphers:
            context.set_ciphers(ciphers)
        return TlsClient(context)


def general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class TlsClient:
    """Connects with a context."""

    def __init__(self, context):
        self.context = context

    def connect(self, server, name="localhost", session=None):
        return Secured(self.context, (server.host, server.port), name, session)

    def get(self, server, path="/", *headers, name="localhost"):
        with self.connect(server, name) as client:
            client.get(path, *headers)
            return client.read_response()


class Secured(Client):
    """`Client` over TLS."""

    def __init__(self, context, address, name="localhost", session=None):
        super().__init__(address)
        self.socket = context.wrap_socket(
            self.socket, server_hostname=name, session=session, suppress_ragged_eofs=False
        )

    @property
    def certificate(self):
        """The one that the server showed."""
        return x509.load_der_x509_certificate(self.socket.getpeercert(True))
