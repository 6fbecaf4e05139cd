//! Connections that HTTP/2 takes over: by their first bytes, by what was agreed on in the TLS handshake, or by an
//! upgrade (RFC 9113 section 3, RFC 7540 section 3.2).

use std::rc::Rc;

use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;

use super::Connection;
use crate::input::Input;
use crate::parser::Framing;
use crate::parser::Head;
use crate::parser::Refusal;
use crate::parser::Rejection;
use crate::parser::elements;
use crate::ready::Readiness;
use crate::request::Peer;
use crate::request::Scheme;
use crate::settings::Clients;
use crate::state::State;
use crate::stream::Stream;

/// What every HTTP/2 client begins with (RFC 9113 section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Opening {
    /// Too few to tell.
    #[default]
    Unclear,
    Http1,
    Http2,
}

/// What goes over to HTTP/2.
pub(crate) struct Departure {
    pub(crate) state: Rc<State>,
    pub(crate) peer: Rc<Peer>,
    pub(crate) readiness: Readiness,
    pub(crate) stream: Stream,
    pub(crate) input: Input,
    pub(crate) upgrade: Option<Upgrade>,
}

/// A request of HTTP/1.1 that asks to be answered in HTTP/2.
#[derive(Debug, Default)]
pub(crate) struct Upgrade {
    pub(crate) head: Head,
    /// The settings that the client sent along, as a SETTINGS frame has them.
    pub(crate) settings: Vec<u8>,
}

impl Connection {
    /// Gives everything away that the connection consists of. None if
    /// somebody still uses it.
    pub(crate) fn into_http2(self: Rc<Self>) -> Option<Departure> {
        let connection = Rc::into_inner(self)?;
        Some(Departure {
            state: connection.state,
            peer: connection.peer,
            readiness: connection.readiness,
            stream: connection.stream.into_inner(),
            input: connection.input.into_inner(),
            upgrade: connection.upgrade.take(),
        })
    }

    /// Looks at the first bytes of the connection, once.
    pub(super) fn recognise(&self, input: &Input) -> Result<Opening, Refusal> {
        if self.opening.get() == Opening::Unclear {
            let opening = self.look_at_opening(input).map_err(|rule| rule.at(0))?;
            self.opening.set(opening);
        }
        Ok(self.opening.get())
    }

    fn look_at_opening(&self, input: &Input) -> Result<Opening, Rejection> {
        let settings = &self.state.settings.http2;
        if self.stream.borrow().application_protocol() == Some(b"h2") {
            return Ok(Opening::Http2);
        }
        let unused = input.unused();
        if !self.concerns(&settings.prior_knowledge) {
            return Ok(Opening::Http1);
        }
        if unused.starts_with(PREFACE) {
            Ok(Opening::Http2)
        } else if PREFACE.starts_with(unused) {
            Ok(Opening::Unclear)
        } else if settings.prior_knowledge == Clients::OnlyTrusted {
            Err(Rejection::NotHttp2)
        } else {
            Ok(Opening::Http1)
        }
    }

    /// Whether HTTP/2 in clear text is for this client. Over TLS it is agreed on in the handshake.
    fn concerns(&self, clients: &Clients) -> bool {
        self.peer.scheme == Scheme::Http
            && match clients {
                Clients::None => false,
                Clients::Trusted | Clients::OnlyTrusted => {
                    self.peer.is_in(&self.state.settings.proxy.trusted)
                }
                Clients::All => true,
            }
    }

    /// Takes the request out of `head`, if it may and can be answered in HTTP/2. One with a body
    /// is answered in HTTP/1.1: the body would have to be there first.
    pub(super) fn upgrade(&self, head: &mut Head) -> Option<Upgrade> {
        let settings = &self.state.settings.http2;
        if settings.upgrade == Clients::None || !head.upgrade()?.eq_ignore_ascii_case(b"h2c") {
            return None;
        }
        let is_possible = self.concerns(&settings.upgrade) && head.framing() == Framing::Empty;
        if !is_possible {
            return None;
        }
        let settings = settings_of(head)?;
        Some(Upgrade {
            head: std::mem::take(head),
            settings,
        })
    }
}

/// The payload of the `http2-settings` field, if it came once and is well-formed (RFC 7540
/// section 3.2.1).
fn settings_of(head: &Head) -> Option<Vec<u8>> {
    let mut values = head.fields().filter(|(name, _)| *name == b"http2-settings");
    let (_, value) = values.next()?;
    let is_listed = head
        .fields()
        .filter(|(name, _)| *name == b"connection")
        .flat_map(|(_, value)| elements(value))
        .any(|option| option.eq_ignore_ascii_case(b"http2-settings"));
    if values.next().is_some() || !is_listed {
        return None;
    }
    let payload = TOKEN68.decode(value).ok()?;
    (payload.len() % 6 == 0 && payload.len() <= MOST_SETTINGS).then_some(payload)
}

/// Base64 for URLs, with or without padding.
const TOKEN68: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// More bytes of settings than any client has.
const MOST_SETTINGS: usize = 1024;
