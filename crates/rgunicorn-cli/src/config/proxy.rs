//! The settings about proxies in front, checked.

use rgunicorn_core::proxy::Family;
use rgunicorn_core::proxy::ProxySettings;
use rgunicorn_core::proxy::SecureSchemes;
use rgunicorn_core::proxy::Trusted;
use rgunicorn_core::proxy_protocol::Versions;

use super::Checked;
use crate::failure::Failure;

impl Checked<'_> {
    pub(super) fn proxy(&self) -> Result<ProxySettings, Failure> {
        let settings = &self.settings;
        let family = self.one_of("forwarded_header", &settings.forwarded_header, &FAMILIES)?;
        let named = |name: &str| {
            let mut names = settings.forwarder_headers.iter();
            names.any(|word| word == "*" || word.eq_ignore_ascii_case(name))
        };
        Ok(ProxySettings {
            trusted: self.trusted("forwarded_allow_ips", &settings.forwarded_allow_ips)?,
            family: if settings.proxy_headers {
                family
            } else {
                Family::None
            },
            secure_schemes: self.secure_schemes()?,
            // gunicorn tells a WSGI application of no other client than the peer, so that must have
            // been asked for. An ASGI application is told in any case.
            client: self.was_given("proxy_headers").into(),
            host: settings.forwarded_host.into(),
            prefix: settings.forwarded_prefix.into(),
            script_name: named("SCRIPT_NAME").into(),
            protocol: self.one_of("proxy_protocol", &settings.proxy_protocol, &PROTOCOLS)?,
            protocol_trusted: self.trusted("proxy_allow_ips", &settings.proxy_allow_ips)?,
        })
    }

    fn trusted(&self, setting: &str, entries: &[String]) -> Result<Trusted, Failure> {
        Trusted::parse(entries.iter().map(|entry| entry.trim()))
            .map_err(|error| self.wrong(setting, &entries.join(","), &error.to_string()))
    }

    fn secure_schemes(&self) -> Result<SecureSchemes, Failure> {
        let pairs = &self.settings.secure_scheme_headers;
        let pairs = || {
            pairs
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
        };
        SecureSchemes::new(pairs()).map_err(|error| {
            let text: Vec<_> = pairs()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            self.wrong(
                "secure_scheme_headers",
                &text.join(", "),
                &error.to_string(),
            )
        })
    }
}

const FAMILIES: [(&str, Family); 2] = [
    ("x-forwarded", Family::XForwarded),
    ("forwarded", Family::Forwarded),
];
const PROTOCOLS: [(&str, Option<Versions>); 4] = [
    ("off", None),
    ("v1", Some(Versions::V1)),
    ("v2", Some(Versions::V2)),
    ("auto", Some(Versions::Both)),
];
