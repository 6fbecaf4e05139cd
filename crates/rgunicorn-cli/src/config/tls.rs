//! The settings about TLS, checked, and what a hook makes of them.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;

use figment::Figment;
use pyo3::prelude::*;
use rgunicorn_core::listen::Bind;
use rgunicorn_core::request::Scheme;
use rgunicorn_core::settings::Protocol;
use rgunicorn_core::tls::Authorities;
use rgunicorn_core::tls::CertificateFiles;
use rgunicorn_core::tls::CertificateSource;
use rgunicorn_core::tls::Ciphers;
use rgunicorn_core::tls::ClientCertificates;
use rgunicorn_core::tls::FileRole;
use rgunicorn_core::tls::MinimumVersion;
use rgunicorn_core::tls::SelfSigned;
use rgunicorn_core::tls::Tls;
use rgunicorn_core::tls::TlsError;
use rgunicorn_core::tls::TlsSettings;

use super::Checked;
use super::Config;
use super::check::wrong;
use super::ssl_context;
use super::ssl_context::HOOK;
use crate::failure::Failure;
use crate::settings::Spec;

impl Checked<'_> {
    /// What connections are to be secured with; nothing where no certificate is named.
    pub(super) fn tls(&mut self, directory: &Path) -> Result<Option<TlsSettings>, Failure> {
        let certificates = self.certificates(directory)?;
        if certificates.is_empty() {
            self.warn_of_settings_without_tls();
            return Ok(None);
        }
        let settings = &self.settings;
        let ciphers = self.ciphers()?;
        let missing = ciphers.missing().join(", ");
        let checked = TlsSettings {
            certificates,
            password: settings.keyfile_password.clone(),
            clients: self.client_certificates(directory)?,
            minimum_version: self.one_of(
                "ssl_minimum_version",
                &settings.ssl_minimum_version,
                &VERSIONS,
            )?,
            ciphers,
            protocols: self.protocols()?.into_iter().map(Protocol::name).collect(),
            handshake_timeout: self
                .patience("ssl_handshake_timeout", settings.ssl_handshake_timeout)?,
        };
        if !missing.is_empty() {
            let warning = format!("ciphers: of these there is none here: {missing}");
            self.warnings.push(warning);
        }
        Ok(Some(checked))
    }

    fn certificates(&mut self, directory: &Path) -> Result<Vec<CertificateSource>, Failure> {
        let settings = &self.settings;
        let file = |path: &str| directory.join(path);
        let named = |path: &Option<String>| path.as_deref().filter(|it| !it.is_empty()).map(file);
        let mut certificates = Vec::new();
        if let Some(chain) = named(&settings.certfile) {
            certificates.push(CertificateSource::Files(CertificateFiles {
                chain,
                key: named(&settings.keyfile),
                ocsp: named(&settings.ocsp_file),
            }));
        } else if let Some(key) = settings.keyfile.as_ref().filter(|key| !key.is_empty()) {
            return Err(self.wrong("keyfile", key, "is the key of no certificate: set certfile"));
        }
        for text in &settings.certificates {
            let files = listed(text, directory);
            let files = files.map_err(|problem| self.wrong("certificates", text, problem))?;
            certificates.push(CertificateSource::Files(files));
        }
        if settings.self_signed {
            if !certificates.is_empty() {
                return Err(self.wrong(
                    "self_signed",
                    "True",
                    "there is a certfile: take one away",
                ));
            }
            certificates.push(CertificateSource::SelfSigned(self.self_signed()?));
            self.warnings.push(SELF_SIGNED.to_owned());
        }
        Ok(certificates)
    }

    /// The same for as long as this process lives, so that a reload does not surprise clients.
    fn self_signed(&self) -> Result<Arc<SelfSigned>, Failure> {
        static MADE: OnceLock<Arc<SelfSigned>> = OnceLock::new();
        if let Some(made) = MADE.get() {
            return Ok(Arc::clone(made));
        }
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
        names.extend(self.addresses()?.into_iter().filter_map(host_of));
        names.sort_unstable();
        names.dedup();
        let made = SelfSigned::make(names).map_err(|error| Failure::Config(error.to_string()))?;
        Ok(Arc::clone(MADE.get_or_init(|| Arc::new(made))))
    }

    fn client_certificates(&self, directory: &Path) -> Result<ClientCertificates, Failure> {
        let settings = &self.settings;
        let wanted = self.count::<u8>("cert_reqs", settings.cert_reqs, 0..=2)?;
        if wanted == 0 {
            return Ok(ClientCertificates::Ignored);
        }
        let Some(file) = settings.ca_certs.as_ref().filter(|path| !path.is_empty()) else {
            let problem = "needs ca_certs: the authorities whose certificates are accepted";
            return Err(self.wrong("cert_reqs", &wanted.to_string(), problem));
        };
        let revoked = settings.crl_file.as_ref().filter(|path| !path.is_empty());
        let authorities = Authorities {
            file: directory.join(file),
            revoked: revoked.map(|path| directory.join(path)),
        };
        Ok(match wanted {
            1 => ClientCertificates::Optional(authorities),
            _ => ClientCertificates::Required(authorities),
        })
    }

    fn ciphers(&self) -> Result<Ciphers, Failure> {
        match self.settings.ciphers.as_deref() {
            None | Some("") => Ok(Ciphers::default()),
            Some(list) => Ciphers::parse(list)
                .map_err(|error| self.wrong("ciphers", list, &error.to_string())),
        }
    }

    fn warn_of_settings_without_tls(&mut self) {
        for spec in WITHOUT_TLS.iter().filter_map(|name| Spec::named(name)) {
            self.warn_if_changed(spec, "there is no certfile");
        }
    }
}

/// One of `certificates`: `CERTFILE`, `CERTFILE:KEYFILE` or `CERTFILE:KEYFILE:OCSPFILE`.
fn listed(text: &str, directory: &Path) -> Result<CertificateFiles, &'static str> {
    let mut paths = text.split(':').map(str::trim);
    let mut next = || paths.next().filter(|path| !path.is_empty());
    let (chain, key, ocsp) = (next(), next(), next());
    let file = |path: &str| -> PathBuf { directory.join(path) };
    match (chain, text.split(':').count()) {
        (Some(chain), 1..=3) => Ok(CertificateFiles {
            chain: file(chain),
            key: key.map(file),
            ocsp: ocsp.map(file),
        }),
        _ => Err("must be CERTFILE, CERTFILE:KEYFILE or CERTFILE:KEYFILE:OCSPFILE"),
    }
}

/// The name that clients connect to, where an address has one.
fn host_of(bind: Bind) -> Option<String> {
    match bind {
        Bind::Tcp { host, .. } => {
            Some(host).filter(|host| !["", "0.0.0.0", "::"].contains(&host.as_str()))
        }
        Bind::Unix(_) | Bind::Fd(_) => None,
    }
}

impl Config {
    /// Reads the files of TLS, once a hook has had its say.
    pub(super) fn secure(&mut self, py: Python<'_>, figment: &Figment) -> Result<(), Failure> {
        let Some(mut settings) = self.tls.take() else {
            return Ok(());
        };
        if let Some(hook) = self.hooks.get(py, HOOK) {
            settings = ssl_context::ask(py, self, &hook, settings, figment)?;
        }
        let tls = Tls::load(&settings).map_err(|error| told(figment, &settings, &error))?;
        self.http.tls = Some(tls);
        self.tls = Some(settings);
        Ok(())
    }

    /// What clients speak.
    pub(crate) fn scheme(&self) -> Scheme {
        match self.tls {
            Some(_) => Scheme::Https,
            None => Scheme::Http,
        }
    }
}

/// Says it of the setting that names the file.
fn told(figment: &Figment, settings: &TlsSettings, error: &TlsError) -> Failure {
    let is_from_hook = figment
        .find_value(HOOK)
        .is_ok_and(|hook| hook.as_str().is_some());
    let is_first = match settings.certificates.first() {
        Some(CertificateSource::Files(first)) => {
            [Some(&first.chain), first.key.as_ref(), first.ocsp.as_ref()]
                .contains(&Some(&error.path))
        }
        _ => false,
    };
    let setting = match error.role {
        _ if is_from_hook => HOOK,
        FileRole::Authorities => "ca_certs",
        FileRole::Revoked => "crl_file",
        _ if !is_first || figment.find_value("certfile").is_err() => "certificates",
        FileRole::Certificate => "certfile",
        FileRole::Key => "keyfile",
        FileRole::Ocsp => "ocsp_file",
    };
    let path = error.path.display().to_string();
    wrong(figment, setting, &path, &error.problem.to_string())
}

const VERSIONS: [(&str, MinimumVersion); 8] = [
    ("TLSv1.2", MinimumVersion::Tls12),
    ("TLSv1.3", MinimumVersion::Tls13),
    ("TLSv1_2", MinimumVersion::Tls12),
    ("TLSv1_3", MinimumVersion::Tls13),
    ("tls1.2", MinimumVersion::Tls12),
    ("tls1.3", MinimumVersion::Tls13),
    ("1.2", MinimumVersion::Tls12),
    ("1.3", MinimumVersion::Tls13),
];

/// What means nothing without a certificate.
const WITHOUT_TLS: [&str; 9] = [
    "ca_certs",
    "cert_reqs",
    "ciphers",
    "crl_file",
    "keyfile_password",
    "ocsp_file",
    "ssl_context",
    "ssl_handshake_timeout",
    "ssl_minimum_version",
];

const SELF_SIGNED: &str = "self_signed: the certificate is made up, for development only. \
                           Clients have no reason to trust it.";
