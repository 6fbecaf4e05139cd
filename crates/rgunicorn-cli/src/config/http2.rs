//! The settings about HTTP/2, checked.

use std::time::Duration;

use rgunicorn_core::settings::Clients;
use rgunicorn_core::settings::Growth;
use rgunicorn_core::settings::Http2Settings;
use rgunicorn_core::settings::Protocol;

use super::Checked;
use super::check::LONGEST;
use crate::failure::Failure;

/// By which ways HTTP/2 is spoken in clear text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ClearText {
    Off,
    PriorKnowledge,
    Upgrade,
    Both,
}

impl Checked<'_> {
    pub(super) fn http2(&self) -> Result<Http2Settings, Failure> {
        let settings = &self.settings;
        let protocols = self.protocols()?;
        let (prior_knowledge, upgrade) = self.clear_text(&protocols)?;
        let number = |name, value, least, most| self.count(name, value, least..=most);
        Ok(Http2Settings {
            protocols,
            prior_knowledge,
            upgrade,
            most_streams: number(
                "http2_max_concurrent_streams",
                settings.http2_max_concurrent_streams,
                1,
                MOST_WINDOW,
            )?,
            window: number(
                "http2_initial_window_size",
                settings.http2_initial_window_size,
                0,
                MOST_WINDOW,
            )?,
            growth: if settings.http2_adaptive_window {
                Growth::Adaptive
            } else {
                Growth::None
            },
            frame_size: number(
                "http2_max_frame_size",
                settings.http2_max_frame_size,
                16_384,
                16_777_215,
            )?,
            header_list_size: match settings.http2_max_header_list_size {
                0 => MOST_HEADER_LIST,
                size => u32::try_from(size).map_or(MOST_HEADER_LIST, |it| it.min(MOST_HEADER_LIST)),
            },
            ping_interval: self.patience("http2_ping_interval", settings.http2_ping_interval)?,
            ping_timeout: Duration::from_secs(self.count(
                "http2_ping_timeout",
                settings.http2_ping_timeout,
                1..=LONGEST,
            )?),
        })
    }

    /// Warns where one of two settings says HTTP/2 and the other that nobody can speak it.
    pub(super) fn warn_of_unreachable_http2(&mut self) {
        let settings = &self.settings;
        let mut names = settings.http_protocols.split(',');
        let offered = settings.http2 || names.any(|it| it.trim().eq_ignore_ascii_case("h2"));
        let in_clear_text = settings.http2 || settings.http2_cleartext != "off";
        let has_file = settings.certfile.as_ref().is_some_and(|it| !it.is_empty());
        let over_tls = has_file || !settings.certificates.is_empty() || settings.self_signed;
        let warning = match (offered, in_clear_text, over_tls) {
            (true, false, false) => {
                "http_protocols: h2 has no effect without TLS or http2_cleartext"
            }
            (false, true, _) => "http2_cleartext has no effect without h2 in http_protocols",
            _ => return,
        };
        self.warnings.push(warning.to_owned());
    }

    pub(super) fn protocols(&self) -> Result<Vec<Protocol>, Failure> {
        let text = &self.settings.http_protocols;
        if self.settings.http2 && !self.was_given("http_protocols") {
            return Ok(vec![Protocol::Http2, Protocol::Http1]);
        }
        let mut protocols = Vec::new();
        for name in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            let protocol = PROTOCOLS
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name));
            match protocol {
                Some((_, protocol)) if protocols.contains(protocol) => {
                    return Err(self.wrong("http_protocols", text, "names a protocol twice"));
                }
                Some((_, protocol)) => protocols.push(*protocol),
                None => return Err(self.wrong("http_protocols", text, "must be h1, h2, or both")),
            }
        }
        if protocols.is_empty() {
            protocols.push(Protocol::Http1);
        }
        Ok(protocols)
    }

    /// Who may speak HTTP/2 in clear text from the beginning, and who may change to it.
    fn clear_text(&self, protocols: &[Protocol]) -> Result<(Clients, Clients), Failure> {
        let text = self.settings.http2_cleartext.as_str();
        // What a switch that is on becomes; here it is gunicorn's way to say so.
        let text = if text == "auto" {
            "prior-knowledge"
        } else {
            text
        };
        let ways = self.one_of("http2_cleartext", text, &WAYS)?;
        if !protocols.contains(&Protocol::Http2) {
            return Ok((Clients::None, Clients::None));
        }
        if self.settings.http2 && !self.was_given("http2_cleartext") {
            return Ok((Clients::All, Clients::None));
        }
        Ok(match ways {
            ClearText::Off => (Clients::None, Clients::None),
            ClearText::PriorKnowledge => (Clients::OnlyTrusted, Clients::None),
            ClearText::Upgrade => (Clients::None, Clients::Trusted),
            ClearText::Both => (Clients::Trusted, Clients::Trusted),
        })
    }
}

const PROTOCOLS: [(&str, Protocol); 2] = [("h1", Protocol::Http1), ("h2", Protocol::Http2)];

const WAYS: [(&str, ClearText); 4] = [
    ("off", ClearText::Off),
    ("prior-knowledge", ClearText::PriorKnowledge),
    ("upgrade", ClearText::Upgrade),
    ("both", ClearText::Both),
];

/// RFC 9113 section 6.9.1.
const MOST_WINDOW: u64 = 0x7fff_ffff;

/// What 0 means: a bound that nobody meets, but a bound.
const MOST_HEADER_LIST: u32 = 1 << 20;
