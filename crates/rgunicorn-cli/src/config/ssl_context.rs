//! The hook `ssl_context`: what it says about TLS, in the terms of our own settings.
//!
//! `rgunicorn._ssl_context` has the object that the hook changes.

use std::path::PathBuf;

use figment::Figment;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rgunicorn_core::tls::Authorities;
use rgunicorn_core::tls::CertificateFiles;
use rgunicorn_core::tls::CertificateSource;
use rgunicorn_core::tls::Ciphers;
use rgunicorn_core::tls::ClientCertificates;
use rgunicorn_core::tls::MinimumVersion;
use rgunicorn_core::tls::TlsSettings;

use super::Config;
use super::check::wrong;
use crate::failure::Failure;

/// The setting's name.
pub(super) const HOOK: &str = "ssl_context";

/// What the hook makes of `settings`.
pub(super) fn ask(
    py: Python<'_>,
    config: &Config,
    hook: &Bound<'_, PyAny>,
    settings: TlsSettings,
    figment: &Figment,
) -> Result<TlsSettings, Failure> {
    let refused = |problem: &str| {
        let name = figment.find_value(HOOK).ok();
        let name = name.as_ref().and_then(|name| name.as_str());
        wrong(figment, HOOK, name.unwrap_or_default(), problem)
    };
    let module = py.import("rgunicorn._ssl_context")?;
    let given = (hook, config.as_python(py)?, told(py, config, &settings)?);
    let said = module.call_method1("translate", given);
    let said = said.map_err(|error| {
        let is_ours = |class: &str| {
            let class = module.getattr(class);
            class.is_ok_and(|class| error.matches(py, class).unwrap_or_default())
        };
        if is_ours("Unsupported") || is_ours("NoContextOfOurs") {
            refused(&error.value(py).to_string())
        } else {
            Failure::of_hook(py, HOOK, error)
        }
    })?;
    let said: Said = said.extract()?;
    said.applied_to(settings, config)
        .map_err(|problem| refused(&problem))
}

/// The settings as the hook finds them.
fn told<'py>(
    py: Python<'py>,
    config: &Config,
    settings: &TlsSettings,
) -> PyResult<Bound<'py, PyDict>> {
    let files = |source: &CertificateSource| match source {
        CertificateSource::Files(files) => Some((files.chain.clone(), files.key.clone())),
        CertificateSource::SelfSigned(_) => None,
    };
    let certificates: Vec<_> = settings.certificates.iter().filter_map(files).collect();
    let told = PyDict::new(py);
    told.set_item("certificates", certificates)?;
    told.set_item("password", &settings.password)?;
    let text = |setting| config.text_of(setting);
    told.set_item("ca_certs", text("ca_certs"))?;
    told.set_item("ciphers", text("ciphers"))?;
    told.set_item("cert_reqs", asked_of_clients(settings))?;
    let version = match settings.minimum_version {
        MinimumVersion::Tls12 => "TLSv1.2",
        MinimumVersion::Tls13 => "TLSv1.3",
    };
    told.set_item("minimum_version", version)?;
    Ok(told)
}

fn asked_of_clients(settings: &TlsSettings) -> u8 {
    match settings.clients {
        ClientCertificates::Ignored => 0,
        ClientCertificates::Optional(_) => 1,
        ClientCertificates::Required(_) => 2,
    }
}

/// What the hook said.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Said {
    certificates: Vec<(PathBuf, Option<PathBuf>)>,
    password: Option<String>,
    ca_certs: Option<PathBuf>,
    ciphers: Option<String>,
    cert_reqs: u8,
    minimum_version: String,
}

impl Said {
    fn applied_to(self, before: TlsSettings, config: &Config) -> Result<TlsSettings, String> {
        let ciphers = match self.ciphers.as_deref() {
            None | Some("") => Ciphers::default(),
            Some(list) => Ciphers::parse(list).map_err(|error| format!("set_ciphers: {error}"))?,
        };
        Ok(TlsSettings {
            clients: self.clients(&before, config)?,
            certificates: self.sources(&before, config),
            password: self.password,
            minimum_version: match self.minimum_version.as_str() {
                "TLSv1.3" => MinimumVersion::Tls13,
                _ => MinimumVersion::Tls12,
            },
            ciphers,
            ..before
        })
    }

    fn clients(&self, before: &TlsSettings, config: &Config) -> Result<ClientCertificates, String> {
        if self.cert_reqs == 0 {
            return Ok(ClientCertificates::Ignored);
        }
        let file = self
            .ca_certs
            .as_ref()
            .filter(|path| !path.as_os_str().is_empty());
        let file = file.ok_or("verify_mode needs load_verify_locations: the authorities whose certificates are accepted")?;
        let revoked = match &before.clients {
            ClientCertificates::Ignored => None,
            ClientCertificates::Optional(them) | ClientCertificates::Required(them) => {
                them.revoked.clone()
            }
        };
        let authorities = Authorities {
            file: config.directory.join(file),
            revoked,
        };
        Ok(match self.cert_reqs {
            1 => ClientCertificates::Optional(authorities),
            _ => ClientCertificates::Required(authorities),
        })
    }

    /// Files that were there before keep what else belongs to them.
    fn sources(&self, before: &TlsSettings, config: &Config) -> Vec<CertificateSource> {
        let source = |(chain, key): &(PathBuf, Option<PathBuf>)| {
            let known = before.certificates.iter().find(|source| {
                matches!(source, CertificateSource::Files(files) if files.chain == *chain && files.key == *key)
            });
            known.cloned().unwrap_or_else(|| {
                CertificateSource::Files(CertificateFiles {
                    chain: config.directory.join(chain),
                    key: key.as_ref().map(|key| config.directory.join(key)),
                    ocsp: None,
                })
            })
        };
        if self.certificates.is_empty() {
            return before.certificates.clone();
        }
        self.certificates.iter().map(source).collect()
    }
}
