//! How the connection of a request is secured, under the names that Apache's `mod_ssl` gave it.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rgunicorn_core::tls::ClientCertificate;
use rgunicorn_core::tls::TlsFacts;

/// Puts in what all requests of a connection have in common.
///
/// # Errors
/// `MemoryError`.
pub(crate) fn describe(environ: &Bound<'_, PyDict>, facts: &TlsFacts) -> PyResult<()> {
    let (cipher, bits) = facts.cipher();
    environ.set_item("HTTPS", "on")?;
    environ.set_item("SSL_PROTOCOL", facts.version_name())?;
    environ.set_item("SSL_CIPHER", cipher)?;
    environ.set_item("SSL_CIPHER_USEKEYSIZE", bits.to_string())?;
    environ.set_item("SSL_CIPHER_ALGKEYSIZE", bits.to_string())?;
    if let Some(name) = facts.server_name() {
        environ.set_item("SSL_TLS_SNI", name)?;
    }
    if let Some(certificate) = facts.server_certificate() {
        environ.set_item("SSL_SERVER_CERT", certificate)?;
    }
    let mut chain = facts.client_chain();
    let Some(certificate) = chain.next() else {
        return environ.set_item("SSL_CLIENT_VERIFY", "NONE");
    };
    environ.set_item("SSL_CLIENT_VERIFY", "SUCCESS")?; // others are not served
    environ.set_item("SSL_CLIENT_CERT", certificate)?;
    for (index, certificate) in chain.enumerate() {
        environ.set_item(format!("SSL_CLIENT_CERT_CHAIN_{index}"), certificate)?;
    }
    match facts.client() {
        Some(client) => describe_client(environ, client),
        None => Ok(()),
    }
}

fn describe_client(environ: &Bound<'_, PyDict>, client: &ClientCertificate) -> PyResult<()> {
    let (start, end) = client.validity();
    for (key, value) in [
        ("SSL_CLIENT_S_DN", client.subject()),
        ("SSL_CLIENT_I_DN", client.issuer()),
        ("SSL_CLIENT_M_SERIAL", client.serial()),
        ("SSL_CLIENT_M_VERSION", client.format().to_string()),
        ("SSL_CLIENT_V_START", start),
        ("SSL_CLIENT_V_END", end),
    ] {
        environ.set_item(key, value)?;
    }
    for (prefix, parts) in [
        ("SSL_CLIENT_S_DN", client.subject_parts()),
        ("SSL_CLIENT_I_DN", client.issuer_parts()),
    ] {
        for (part, value) in parts {
            environ.set_item(format!("{prefix}_{part}"), value)?;
        }
    }
    for (prefix, names) in [
        ("SSL_CLIENT_SAN_DNS", client.dns_names()),
        ("SSL_CLIENT_SAN_Email", client.mail_addresses()),
    ] {
        for (index, name) in names.into_iter().enumerate() {
            environ.set_item(format!("{prefix}_{index}"), name)?;
        }
    }
    Ok(())
}
