//! Which certificate a client gets, by the name that it asks for (SNI, RFC 6066 section 3).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use rustls::SignatureScheme;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;

use super::identity::Identity;

/// The certificates, by their names.
#[derive(Debug)]
pub(crate) struct Names {
    /// In the order of the settings.
    all: Vec<Arc<Identity>>,
    exact: HashMap<String, Vec<Arc<Identity>>>,
    /// By the domain behind `*.`.
    domains: HashMap<String, Vec<Arc<Identity>>>,
    /// The latest choice. Asked for right after, on the same thread: rustls does not tell.
    latest: Mutex<Option<Choice>>,
}

/// What a client asked for, and what it got.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) server_name: Option<Box<str>>,
    pub(crate) identity: Arc<Identity>,
}

impl Names {
    /// `identities` are at least one; the first is for who asks for none of the names.
    pub(super) fn new(identities: Vec<Arc<Identity>>) -> Self {
        let mut exact: HashMap<String, Vec<Arc<Identity>>> = HashMap::new();
        let mut domains: HashMap<String, Vec<Arc<Identity>>> = HashMap::new();
        for identity in &identities {
            for name in &identity.names {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(domain) => (&mut domains, domain),
                    None => (&mut exact, name.as_str()),
                };
                names
                    .entry(name.to_owned())
                    .or_default()
                    .push(Arc::clone(identity));
            }
        }
        Self {
            all: identities,
            exact,
            domains,
            latest: Mutex::new(None),
        }
    }

    /// What the certificate of the default is for.
    pub(super) fn of_default(&self) -> &[String] {
        self.all.first().map_or(&[], |identity| &identity.names)
    }

    /// The certificates for a name: those that have it, or else those of its whole domain
    /// (RFC 6125 section 6.4.3), or else all.
    fn candidates(&self, name: Option<&str>) -> &[Arc<Identity>] {
        let Some(name) = name.map(str::to_ascii_lowercase) else {
            return &self.all;
        };
        let of_domain = || {
            let (_, domain) = name.split_once('.')?;
            self.domains.get(domain)
        };
        self.exact
            .get(&name)
            .or_else(of_domain)
            .map_or(&self.all, |found| found)
    }

    /// The first of them whose key the client can check; or the first, which rustls will refuse.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<&Arc<Identity>> {
        let suits = |identity: &&Arc<Identity>| identity.key.key.choose_scheme(schemes).is_some();
        let candidates = self.candidates(name);
        let found = candidates.iter().find(suits);
        found.or_else(|| candidates.first())
    }

    /// What was chosen since the last call, for the handshake that went on just now.
    pub(super) fn take_choice(&self) -> Option<Choice> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.take()
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        let identity = self.choose(name, hello.signature_schemes())?;
        let choice = Choice {
            server_name: name.map(Box::from),
            identity: Arc::clone(identity),
        };
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Some(choice);
        Some(Arc::clone(&identity.key))
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs;

    use super::*;
    use crate::tls::SelfSigned;

    /// Names of one certificate each; the schemes are those of its kind of key.
    fn names(certificates: &[&[&str]]) -> Names {
        let identity = |names: &&[&str]| {
            let made = SelfSigned::make(names.iter().map(ToString::to_string).collect()).unwrap();
            let provider = aws_lc_rs::default_provider();
            Arc::new(made.identity(&provider).unwrap())
        };
        Names::new(certificates.iter().map(identity).collect())
    }

    #[test]
    fn a_name_is_looked_for_exactly_then_by_its_domain_and_else_the_first_serves() {
        let names = names(&[
            &["first.test"],
            &["second.test", "both.test"],
            &["*.domain.test"],
            &["exact.domain.test"],
        ]);
        for (asked, expected) in [
            (Some("first.test"), 0),
            (Some("both.test"), 1),
            (Some("Both.TEST"), 1),
            (Some("any.domain.test"), 2),
            (Some("exact.domain.test"), 3),
            (Some("a.b.domain.test"), 0),
            (Some("domain.test"), 0),
            (Some("unknown"), 0),
            (None, 0),
        ] {
            let chosen = names.choose(asked, &[SignatureScheme::ECDSA_NISTP256_SHA256]);
            assert!(
                Arc::ptr_eq(chosen.unwrap(), &names.all[expected]),
                "{asked:?}"
            );
        }
    }

    #[test]
    fn where_no_key_suits_the_client_the_first_candidate_is_left_to_rustls() {
        let names = names(&[&["first.test"], &["second.test"]]);
        let chosen = names.choose(Some("second.test"), &[SignatureScheme::ED25519]);
        assert!(Arc::ptr_eq(chosen.unwrap(), &names.all[1]));
    }
}
