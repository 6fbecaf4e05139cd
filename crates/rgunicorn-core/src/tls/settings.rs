//! What an operator may set about TLS, and what can be wrong with the files.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Ciphers;
use super::SelfSigned;

/// Settings of TLS. The files are read by [`Tls::load`](super::Tls::load).
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// The certificates. The first is for clients that ask for none of the names in any.
    pub certificates: Vec<CertificateSource>,
    /// What keys are encrypted with.
    pub password: Option<String>,
    /// What is asked of clients.
    pub clients: ClientCertificates,
    /// The oldest version that is spoken.
    pub minimum_version: MinimumVersion,
    /// The suites that are used.
    pub ciphers: Ciphers,
    /// What a client may agree on to speak over TLS (ALPN, RFC 7301), the most wanted first.
    pub protocols: Vec<Vec<u8>>,
    /// How long a handshake may take; `None` waits for ever.
    pub handshake_timeout: Option<Duration>,
}

/// Where a certificate and its key are.
#[derive(Clone, Debug)]
pub enum CertificateSource {
    /// In files.
    Files(CertificateFiles),
    /// In memory, for development.
    SelfSigned(Arc<SelfSigned>),
}

/// The files of one certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateFiles {
    /// PEM: the certificate, and those between it and its authority.
    pub chain: PathBuf,
    /// PEM: its key; `None` if that is in the same file.
    pub key: Option<PathBuf>,
    /// DER: what its authority says about it (OCSP, RFC 6960), for clients that want to know.
    pub ocsp: Option<PathBuf>,
}

/// Whether clients show certificates.
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// Nobody asks for them.
    Ignored,
    /// Those who have one show it, and it must be good.
    Optional(Authorities),
    /// Who has no good one is not served.
    Required(Authorities),
}

/// Whose signatures make a client's certificate good.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authorities {
    /// PEM: the certificates of the authorities.
    pub file: PathBuf,
    /// PEM: lists of certificates that they revoked.
    pub revoked: Option<PathBuf>,
}

/// The oldest version of TLS that is spoken. Older ones than these are broken (RFC 8996).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MinimumVersion {
    /// RFC 5246.
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileRole {
    /// The certificates of authorities.
    Authorities,
    /// A certificate of the server.
    Certificate,
    /// A key of the server.
    Key,
    /// The word of an authority about a certificate.
    Ocsp,
    /// Revoked certificates.
    Revoked,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{problem} ('{}')", path.display())]
pub struct TlsError {
    /// What it is for.
    pub role: FileRole,
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a file. What rustls says of a certificate is a text here: it names no file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is not PEM.
    #[error("is not PEM: {0}")]
    NotPem(String),
    /// There is nothing of the kind in it.
    #[error("holds no {0}")]
    Lacks(&'static str),
    /// The key is encrypted, and nobody said with what.
    #[error("holds an encrypted key: set keyfile_password")]
    Encrypted,
    /// The key is encrypted in a way that nobody should use any more.
    #[error(
        "holds a key encrypted in OpenSSL's old format: convert it with `openssl pkcs8 -topk8`"
    )]
    OldEncryption,
    /// The key cannot be decrypted.
    #[error("holds a key that keyfile_password does not decrypt: {0}")]
    Password(String),
    /// It is the key of another certificate.
    #[error("holds the key of another certificate")]
    OtherKey,
    /// It cannot be used.
    #[error("cannot be used: {0}")]
    Unusable(String),
}

impl Problem {
    pub(super) fn of(self, role: FileRole, path: impl Into<PathBuf>) -> TlsError {
        TlsError {
            role,
            path: path.into(),
            problem: self,
        }
    }
}

impl TlsSettings {
    /// A problem of no file in particular, said of the one that comes first.
    pub(super) fn own_problem(&self, error: impl ToString) -> TlsError {
        let path = self.certificates.iter().find_map(|source| match source {
            CertificateSource::Files(files) => Some(files.chain.clone()),
            CertificateSource::SelfSigned(_) => None,
        });
        let problem = Problem::Unusable(error.to_string());
        problem.of(FileRole::Certificate, path.unwrap_or_default())
    }

    /// Every file that is read, for whoever waits for changes.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let own = self.certificates.iter().flat_map(|source| match source {
            CertificateSource::Files(files) => {
                vec![Some(&files.chain), files.key.as_ref(), files.ocsp.as_ref()]
            }
            CertificateSource::SelfSigned(_) => Vec::new(),
        });
        let authorities = match &self.clients {
            ClientCertificates::Ignored => None,
            ClientCertificates::Optional(authorities)
            | ClientCertificates::Required(authorities) => Some(authorities),
        };
        let of_clients = authorities
            .into_iter()
            .flat_map(|them| [Some(&them.file), them.revoked.as_ref()]);
        own.chain(of_clients).flatten()
    }
}
