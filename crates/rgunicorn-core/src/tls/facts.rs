//! What a handshake decided: for applications that want to know how they are talked to.

use std::sync::OnceLock;

use rustls::CipherSuite;
use rustls::ProtocolVersion;
use rustls::pki_types::CertificateDer;

use super::certificate;
use super::certificate::ClientCertificate;
use super::ciphers;
use super::names::Choice;

/// How one connection is secured.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    version: ProtocolVersion,
    suite: CipherSuite,
    client_chain: Vec<CertificateDer<'static>>,
    choice: Option<Choice>,
    /// What the client's certificate says, once somebody asked.
    client: OnceLock<Option<ClientCertificate>>,
}

impl TlsFacts {
    pub(super) fn new(
        version: ProtocolVersion,
        suite: CipherSuite,
        client_chain: &[CertificateDer<'static>],
        choice: Option<Choice>,
    ) -> Self {
        Self {
            version,
            suite,
            client_chain: client_chain.to_vec(),
            choice,
            client: OnceLock::new(),
        }
    }

    /// The number of the version, as on the wire: 0x0303 is TLS 1.2, 0x0304 is TLS 1.3.
    #[must_use]
    pub fn version(&self) -> u16 {
        self.version.into()
    }

    /// The version as OpenSSL calls it: `TLSv1.2`, `TLSv1.3`.
    #[must_use]
    pub fn version_name(&self) -> &'static str {
        match self.version {
            ProtocolVersion::TLSv1_2 => "TLSv1.2",
            _ => "TLSv1.3", // no other one is spoken
        }
    }

    /// The number that IANA gave the cipher suite.
    #[must_use]
    pub fn cipher_suite(&self) -> u16 {
        self.suite.into()
    }

    /// The cipher suite as OpenSSL calls it, and the length of its key in bits.
    #[must_use]
    pub fn cipher(&self) -> (&'static str, u16) {
        ciphers::named(self.suite)
    }

    /// The name of the server that the client asked for (SNI).
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.choice.as_ref()?.server_name.as_deref()
    }

    /// The certificate that the server showed, in PEM.
    #[must_use]
    pub fn server_certificate(&self) -> Option<&str> {
        Some(self.choice.as_ref()?.identity.pem())
    }

    /// The client's certificate and those that came with it, in PEM; nothing where it showed none.
    pub fn client_chain(&self) -> impl Iterator<Item = String> + '_ {
        self.client_chain.iter().map(|one| certificate::pem(one))
    }

    /// What the client's certificate says, if it showed one.
    #[must_use]
    pub fn client(&self) -> Option<&ClientCertificate> {
        let read = || ClientCertificate::read(self.client_chain.first()?);
        self.client.get_or_init(read).as_ref()
    }
}
