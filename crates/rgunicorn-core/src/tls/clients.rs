//! What is asked of clients, for rustls to check.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::identity;
use super::settings::Authorities;
use super::settings::ClientCertificates;
use super::settings::FileRole;
use super::settings::Problem;
use super::settings::TlsError;

pub(super) fn verifier(
    clients: &ClientCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let (authorities, optional) = match clients {
        ClientCertificates::Ignored => return Ok(WebPkiClientVerifier::no_client_auth()),
        ClientCertificates::Optional(authorities) => (authorities, true),
        ClientCertificates::Required(authorities) => (authorities, false),
    };
    let roots = Arc::new(roots(authorities)?);
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
        .with_crls(revoked(authorities)?)
        // A list of one authority says nothing about the certificates of others.
        .allow_unknown_revocation_status();
    if optional {
        builder = builder.allow_unauthenticated();
    }
    let built = builder.build().map_err(|error| error.to_string());
    built.map_err(|error| Problem::Unusable(error).of(FileRole::Authorities, &authorities.file))
}

fn roots(authorities: &Authorities) -> Result<RootCertStore, TlsError> {
    let problem = |problem: Problem| problem.of(FileRole::Authorities, &authorities.file);
    let text = identity::read(FileRole::Authorities, &authorities.file)?;
    let mut roots = RootCertStore::empty();
    for certificate in identity::certificates(&text).map_err(problem)? {
        let added = roots.add(certificate);
        added.map_err(|error| problem(Problem::Unusable(error.to_string())))?;
    }
    Ok(roots)
}

fn revoked(
    authorities: &Authorities,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let Some(path) = &authorities.revoked else {
        return Ok(Vec::new());
    };
    let problem = |problem: Problem| problem.of(FileRole::Revoked, path);
    let text = identity::read(FileRole::Revoked, path)?;
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
    let lists = lists.map_err(|error| problem(Problem::NotPem(error.to_string())))?;
    if lists.is_empty() {
        return Err(problem(Problem::Lacks("list of revoked certificates")));
    }
    Ok(lists)
}
