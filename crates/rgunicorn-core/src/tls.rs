//! TLS: what an operator sets, and what connections are secured with.
//!
//! rustls knows the protocol and the cryptography. Here is what a server adds:
//! reading the files ([`identity`]), choosing a certificate ([`names`]) and the
//! suites ([`ciphers`]), tickets that all workers can read ([`tickets`]), and
//! noticing new files ([`watch`]). [`session`] drives one connection, without
//! I/O: the sockets are in [`stream`](crate::stream).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS12;
use rustls::version::TLS13;

mod certificate;
mod ciphers;
mod clients;
mod facts;
mod identity;
mod names;
mod self_signed;
mod session;
mod settings;
mod tickets;
mod watch;

pub use certificate::ClientCertificate;
pub use ciphers::CipherError;
pub use ciphers::Ciphers;
pub use facts::TlsFacts;
pub(crate) use names::Names;
pub use self_signed::SelfSigned;
pub(crate) use session::LONGEST_RECORD;
pub(crate) use session::SealError;
pub(crate) use session::Session;
pub use settings::Authorities;
pub use settings::CertificateFiles;
pub use settings::CertificateSource;
pub use settings::ClientCertificates;
pub use settings::FileRole;
pub use settings::MinimumVersion;
pub use settings::Problem;
pub use settings::TlsError;
pub use settings::TlsSettings;
use watch::Stamp;
pub use watch::Watch;

/// All that it takes to secure connections, read and checked. A clone is the same.
#[derive(Clone)]
pub struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) names: Arc<Names>,
    /// How long a handshake may take.
    pub(crate) handshake_timeout: Option<Duration>,
    /// Which files it was read from.
    stamps: Arc<[Stamp]>,
}

impl Tls {
    /// Reads every file that `settings` name.
    ///
    /// # Errors
    /// Which of them cannot be used, and why.
    pub fn load(settings: &TlsSettings) -> Result<Self, TlsError> {
        // First, so that what is replaced meanwhile is found out.
        let stamps = watch::stamps(settings);
        let provider = provider(&settings.ciphers);
        let names = Arc::new(Names::new(identity::load_all(settings, &provider)?));
        let verifier = clients::verifier(&settings.clients, &provider)?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(settings.minimum_version))
            .map_err(|error| settings.own_problem(error))?
            .with_client_cert_verifier(verifier);
        let mut config = builder.with_cert_resolver(Arc::<Names>::clone(&names));
        config.alpn_protocols.clone_from(&settings.protocols);
        // An operator's list is an order of preference.
        config.ignore_client_order = settings.ciphers.is_chosen();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match settings.clients {
            ClientCertificates::Ignored => config.ticketer = tickets::ticketer(),
            // Who resumes a session is not asked for a certificate again, although it may have
            // run out or been revoked meanwhile.
            ClientCertificates::Optional(_) | ClientCertificates::Required(_) => {
                config.send_tls13_tickets = 0;
            }
        }
        Ok(Self {
            config: Arc::new(config),
            names,
            handshake_timeout: settings.handshake_timeout,
            stamps: stamps.into(),
        })
    }

    /// The names that the first certificate is for, to be shown to an operator.
    #[must_use]
    pub fn names(&self) -> &[String] {
        self.names.of_default()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// The cryptography, but for the suites that are not wanted.
fn provider(ciphers: &Ciphers) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = ciphers.among(&provider.cipher_suites);
    Arc::new(provider)
}

fn versions(minimum: MinimumVersion) -> &'static [&'static SupportedProtocolVersion] {
    match minimum {
        MinimumVersion::Tls12 => ALL_VERSIONS,
        MinimumVersion::Tls13 => &ALL_VERSIONS[..1],
    }
}

/// The newest first.
const ALL_VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
