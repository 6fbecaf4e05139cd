//! A certificate made on the spot, for development.

use std::fmt;

use rcgen::CertifiedKey as Made;
use rcgen::KeyPair;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;

use super::identity::Identity;

/// A certificate that nobody but itself vouches for, and its key. They are in no file.
pub struct SelfSigned {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

/// Why none could be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate: {0}")]
pub struct CannotSign(String);

impl SelfSigned {
    /// Makes one for these names and addresses.
    ///
    /// # Errors
    /// For a name that cannot stand in a certificate, or without random numbers.
    pub fn make(names: Vec<String>) -> Result<Self, CannotSign> {
        let Made { cert, signing_key } = rcgen::generate_simple_self_signed(names)
            .map_err(|error| CannotSign(error.to_string()))?;
        Ok(Self {
            certificate: cert.der().clone(),
            key: PrivatePkcs8KeyDer::from(KeyPair::serialize_der(&signing_key)),
        })
    }

    pub(super) fn identity(&self, provider: &CryptoProvider) -> Result<Identity, String> {
        let chain = vec![self.certificate.clone()];
        let key = self.key.clone_key().into();
        let certified = CertifiedKey::from_der(chain, key, provider);
        Identity::new(certified.map_err(|error| error.to_string())?)
    }
}

impl fmt::Debug for SelfSigned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SelfSigned").finish_non_exhaustive()
    }
}
