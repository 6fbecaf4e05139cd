//! Requests for a WebSocket: which are for one, and which of those keep to the rules.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::error::InvalidHead;
use rgunicorn_core::exchange::Part;
use rgunicorn_core::parser::Framing;
use rgunicorn_core::parser::Head;
use rgunicorn_core::parser::Version;
use rgunicorn_core::responder::Responder;
use rgunicorn_core::response::ResponseHead;
use rgunicorn_core::response::reason;
use rgunicorn_websocket::Carrier;
use rgunicorn_websocket::Deflate;
use rgunicorn_websocket::DeflateSettings;
use rgunicorn_websocket::Handshake;
use rgunicorn_websocket::Refusal;
use rgunicorn_websocket::is_websocket;

use crate::error::refused;
use crate::message::each_field;

/// What a request is, as far as WebSockets are concerned.
pub(crate) enum Opening {
    /// An ordinary request. An upgrade to anything else is one too, or with another method than GET:
    /// RFC 9110 section 7.8 lets a server ignore what it does not take.
    None,
    Asked(Handshake),
    Refused(Rejected),
}

/// Why there will be no WebSocket, whatever the application would say.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Rejected {
    #[error("{0}")]
    Handshake(#[from] Refusal),
    /// RFC 9110 section 7.8: the body would have to be read before the switch.
    #[error("a request for a WebSocket has no body")]
    Body,
    /// RFC 8441 section 5: the body of the request is the WebSocket.
    #[error("a request for a WebSocket leaves its stream open")]
    Ended,
    /// The server is about to end.
    #[error("Service Unavailable")]
    Draining,
}

impl Opening {
    /// Looks at a request. Costs an ordinary one next to nothing.
    pub(crate) fn of(head: &Head) -> Self {
        if !head.protocol().is_some_and(is_websocket) {
            return Self::None;
        }
        let carrier = carrier(head.version());
        match (carrier, head.framing()) {
            (Carrier::Upgrade, _) if head.method() != "GET" => return Self::None,
            (Carrier::Upgrade, Framing::Empty)
            // Of unknown length: the stream is open.
            | (Carrier::ExtendedConnect, Framing::Chunked) => {}
            (Carrier::Upgrade, _) => return Self::Refused(Rejected::Body),
            (Carrier::ExtendedConnect, _) => return Self::Refused(Rejected::Ended),
        }
        match Handshake::read(carrier, head.method(), head.fields()) {
            Ok(handshake) => Self::Asked(handshake),
            Err(refusal) => Self::Refused(Rejected::Handshake(refusal)),
        }
    }
}

fn carrier(version: Version) -> Carrier {
    match version {
        Version::Http10 | Version::Http11 => Carrier::Upgrade,
        Version::Http2 => Carrier::ExtendedConnect,
    }
}

impl Rejected {
    fn status(self) -> u16 {
        match self {
            Self::Handshake(refusal) => refusal.status(),
            Self::Body | Self::Ended => 400,
            Self::Draining => 503,
        }
    }

    /// Answers in the application's place.
    pub(crate) fn answer(self, responder: &Responder) {
        tracing::debug!("Refused a WebSocket: {self}");
        let text = format!("{self}\n");
        let status = match responder.head().version() {
            // A 426 names a protocol for this connection, which HTTP/2 has no word for.
            Version::Http2 if self.status() == 426 => 400,
            Version::Http10 | Version::Http11 | Version::Http2 => self.status(),
        };
        let mut head = match plain_text(status, text.len()) {
            Ok(head) => head,
            Err(_) => return responder.abort(),
        };
        if let Self::Handshake(refusal) = self {
            if let Some((name, value)) = refusal.field() {
                let _ = head.field(name, value); // a constant, and well-formed
            }
            if refusal == Refusal::Version {
                head.require(PROTOCOL);
            }
        }
        answer(responder, head, text.as_bytes());
    }
}

/// Denies without a word (`websocket.close` before `websocket.accept`).
pub(super) fn forbid(responder: &Responder) {
    match plain_text(403, 0) {
        Ok(head) => answer(responder, head, b""),
        Err(_) => responder.abort(),
    }
}

fn plain_text(status: u16, length: usize) -> Result<ResponseHead, InvalidHead> {
    debug_assert!(!reason(status).is_empty());
    let mut head = ResponseHead::new(status.into())?;
    if length > 0 {
        head.field(b"content-type", b"text/plain; charset=utf-8")?;
    }
    head.field(b"content-length", length.to_string().as_bytes())?;
    Ok(head)
}

fn answer(responder: &Responder, head: ResponseHead, body: &[u8]) {
    // The client may have sent frames already, which must not be taken for a request.
    responder.end_connection();
    // Fails only where nobody is left to be answered.
    if responder.start(head).is_ok() {
        let _ = responder.body(Chunk::Borrowed(body), Part::Last);
    }
}

/// The head that accepts, and what was agreed on about compression.
///
/// # Errors
/// `ValueError` and `TypeError` for what the application may not choose, or is no field.
pub(super) fn accept(
    handshake: &Handshake,
    subprotocol: Option<&str>,
    headers: Option<&Bound<'_, PyAny>>,
    deflate: Option<&DeflateSettings>,
) -> PyResult<(ResponseHead, Option<Deflate>)> {
    let chosen = subprotocol.map(str::as_bytes);
    if let Some(chosen) = chosen
        && !handshake.subprotocols().any(|offered| offered == chosen)
    {
        return Err(PyValueError::new_err(format!(
            "subprotocol {:?} is not among those that the client offered",
            subprotocol.unwrap_or_default()
        )));
    }
    let acceptance = handshake.accept(chosen, deflate);
    let mut head = ResponseHead::switching_to(PROTOCOL);
    for (name, value) in &acceptance.fields {
        head.field(name, value)
            .map_err(|error| refused(error.into(), ""))?;
    }
    let mut reserved = None;
    if let Some(headers) = headers {
        each_field(headers, |name, value| {
            if is_reserved(name) {
                reserved = Some(String::from_utf8_lossy(name).into_owned());
            }
            head.field(name, value)
        })?;
    }
    match reserved {
        Some(name) => Err(PyValueError::new_err(format!(
            "header \"{name}\" of a WebSocket is the server's; a subprotocol is chosen by 'subprotocol'"
        ))),
        None => Ok((head, acceptance.deflate)),
    }
}

/// The fields that the handshake itself has.
fn is_reserved(name: &[u8]) -> bool {
    RESERVED
        .iter()
        .any(|reserved| name.eq_ignore_ascii_case(reserved))
}

const RESERVED: [&[u8]; 3] = [
    b"sec-websocket-accept",
    b"sec-websocket-extensions",
    b"sec-websocket-protocol",
];

const PROTOCOL: &str = "websocket";
