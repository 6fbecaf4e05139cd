//! One certificate of the server with its key, read from its files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::SecretDocument;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;

use super::certificate;
use super::settings::CertificateFiles;
use super::settings::CertificateSource;
use super::settings::FileRole;
use super::settings::Problem;
use super::settings::TlsError;
use super::settings::TlsSettings;

/// A certificate that the server can show.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    /// The names that it is for, in lower case; `*.` begins those of a whole domain.
    pub(super) names: Vec<String>,
    pem: String,
}

impl Identity {
    pub(super) fn new(key: CertifiedKey) -> Result<Self, String> {
        let leaf = key.end_entity_cert().map_err(|error| error.to_string())?;
        Ok(Self {
            names: certificate::dns_names(leaf)?,
            pem: certificate::pem(leaf),
            key: Arc::new(key),
        })
    }

    /// The certificate itself, without those of its authorities, in PEM.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }
}

/// Every certificate that the settings name, in their order.
pub(super) fn load_all(
    settings: &TlsSettings,
    provider: &CryptoProvider,
) -> Result<Vec<Arc<Identity>>, TlsError> {
    let password = settings.password.as_deref();
    let load = |source: &CertificateSource| match source {
        CertificateSource::Files(files) => load(files, password, provider).map(Arc::new),
        CertificateSource::SelfSigned(made) => made
            .identity(provider)
            .map(Arc::new)
            .map_err(|error| settings.own_problem(error)),
    };
    settings.certificates.iter().map(load).collect()
}

fn load(
    files: &CertificateFiles,
    password: Option<&str>,
    provider: &CryptoProvider,
) -> Result<Identity, TlsError> {
    let in_chain = |problem: Problem| problem.of(FileRole::Certificate, &files.chain);
    let chain = certificates(&read(FileRole::Certificate, &files.chain)?).map_err(in_chain)?;
    let (role, path) = match &files.key {
        Some(path) => (FileRole::Key, path),
        None => (FileRole::Certificate, &files.chain),
    };
    let in_key = |problem: Problem| problem.of(role, path);
    let key = private_key(&read(role, path)?, password).map_err(in_key)?;
    let unusable = |error: rustls::Error| Problem::Unusable(error.to_string());
    let signing = provider.key_provider.load_private_key(key);
    let mut certified = CertifiedKey::new(chain, signing.map_err(unusable).map_err(in_key)?);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => return Err(in_key(Problem::OtherKey)),
        Err(error) => return Err(in_chain(unusable(error))),
    }
    if let Some(path) = &files.ocsp {
        certified.ocsp = Some(read(FileRole::Ocsp, path)?);
    }
    Identity::new(certified).map_err(|reason| in_chain(Problem::Unusable(reason)))
}

pub(super) fn read(role: FileRole, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| Problem::from(error).of(role, path))
}

/// Every certificate in a PEM file, at least one.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text).collect();
    match found.map_err(|error| Problem::NotPem(error.to_string()))? {
        none if none.is_empty() => Err(Problem::Lacks("certificate")),
        found => Ok(found),
    }
}

/// The first private key in a PEM file: PKCS#1, PKCS#8 or SEC1.
fn private_key(text: &[u8], password: Option<&str>) -> Result<PrivateKeyDer<'static>, Problem> {
    if let Some(encrypted) = section(text, "ENCRYPTED PRIVATE KEY") {
        let password = password.ok_or(Problem::Encrypted)?;
        return decrypt(encrypted, password);
    }
    if section(text, "Proc-Type: 4,ENCRYPTED").is_some() || has_old_encryption(text) {
        return Err(Problem::OldEncryption);
    }
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(Problem::Lacks("private key")),
        Err(error) => Err(Problem::NotPem(error.to_string())),
    }
}

/// The section of a PEM file with that label, its first and last line included.
fn section<'a>(text: &'a [u8], label: &str) -> Option<&'a str> {
    let text = str::from_utf8(text).ok()?;
    let last = format!("-----END {label}-----");
    let begin = text.find(&format!("-----BEGIN {label}-----"))?;
    let end = begin + text[begin..].find(&last)? + last.len();
    Some(&text[begin..end])
}

/// RFC 1421's way of saying so, which OpenSSL took for its own formats of keys.
fn has_old_encryption(text: &[u8]) -> bool {
    let says_so = |line: &[u8]| line.trim_ascii() == b"Proc-Type: 4,ENCRYPTED";
    text.split(|byte| *byte == b'\n').any(says_so)
}

/// RFC 8018's PBES2, which is what `openssl pkcs8 -topk8` and most others write.
fn decrypt(section: &str, password: &str) -> Result<PrivateKeyDer<'static>, Problem> {
    let (_, sealed) =
        SecretDocument::from_pem(section).map_err(|error| Problem::NotPem(error.to_string()))?;
    let cannot = |error: pkcs8::Error| Problem::Password(error.to_string());
    let sealed = EncryptedPrivateKeyInfoRef::try_from(sealed.as_bytes())
        .map_err(|error| Problem::Unusable(error.to_string()))?;
    let key = sealed.decrypt(password).map_err(cannot)?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}
