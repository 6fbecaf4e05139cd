//! The opening handshake: what a request must say, and what the answer says (RFC 6455 section 4.2).
//!
//! Whether a request asks for WebSocket at all is [`is_websocket`]'s question. One that does is
//! read once; the answer is made when the application accepts.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::Digest;
use sha1::Sha1;

use crate::extension;
use crate::negotiation;
use crate::negotiation::Deflate;
use crate::negotiation::DeflateSettings;

/// How the connection becomes a WebSocket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Carrier {
    /// `Upgrade: websocket` on HTTP/1.1: GET, a key, and 101 (RFC 6455).
    Upgrade,
    /// An extended CONNECT on HTTP/2: no key, and 200 (RFC 8441).
    ExtendedConnect,
}

/// A request for WebSocket that keeps to the rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Handshake {
    /// What `sec-websocket-accept` says; none on HTTP/2.
    accept: Option<String>,
    subprotocols: Vec<Vec<u8>>,
    /// All values of `sec-websocket-extensions`, as one list.
    extensions: Vec<u8>,
}

/// What goes with the 101 or 200 that accepts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Acceptance {
    /// Names in lower case, and values, in the order in which they go out. `upgrade` and
    /// `connection` are not among them.
    pub fields: Vec<(&'static [u8], Vec<u8>)>,
    /// The compression agreed on, for [`SessionSettings`](crate::SessionSettings).
    pub deflate: Option<Deflate>,
}

/// Why a request for WebSocket is refused. Its text is fit for the answer's body.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// RFC 6455 section 4.1: an upgrade is a GET.
    #[error("a WebSocket upgrade needs the method GET")]
    Method,
    /// `Sec-WebSocket-Version` is missing, repeated or not 13.
    #[error("only Sec-WebSocket-Version 13 is supported")]
    Version,
    /// `Sec-WebSocket-Key` is missing.
    #[error("missing Sec-WebSocket-Key header")]
    MissingKey,
    /// `Sec-WebSocket-Key` is repeated, or not 16 bytes in base64.
    #[error("invalid Sec-WebSocket-Key header")]
    Key,
    /// `Sec-WebSocket-Extensions` is no list of extensions.
    #[error("invalid Sec-WebSocket-Extensions header")]
    Extensions,
}

impl Refusal {
    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::Version => 426,
            Self::MissingKey | Self::Key | Self::Extensions => 400,
        }
    }

    /// The field that has to go with the status: what would have been right.
    #[must_use]
    pub fn field(self) -> Option<(&'static [u8], &'static [u8])> {
        match self {
            Self::Method => Some((b"allow", b"GET")),
            // RFC 6455 section 4.4.
            Self::Version => Some((b"sec-websocket-version", VERSION)),
            Self::MissingKey | Self::Key | Self::Extensions => None,
        }
    }
}

/// Whether `protocol`, an Upgrade field or a `:protocol`, asks for WebSocket.
#[must_use]
pub fn is_websocket(protocol: &[u8]) -> bool {
    elements(protocol).any(|name| name.eq_ignore_ascii_case(b"websocket"))
}

impl Handshake {
    /// Reads the request. Names are in lower case and values trimmed, in the order received, as
    /// `Head::fields` of rgunicorn-core gives them. The caller has seen [`is_websocket`].
    ///
    /// # Errors
    /// The first rule that the request breaks.
    pub fn read<'a>(
        carrier: Carrier,
        method: &str,
        fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<Self, Refusal> {
        let said = Said::collect(fields);
        if carrier == Carrier::Upgrade && method != "GET" {
            return Err(Refusal::Method);
        }
        if said.version != Once::Said(VERSION) {
            return Err(Refusal::Version);
        }
        let accept = match carrier {
            Carrier::ExtendedConnect => None, // RFC 8441 section 5: the key is not used
            Carrier::Upgrade => Some(accept_key(said.key()?)),
        };
        extension::list(&said.extensions).ok_or(Refusal::Extensions)?;
        Ok(Self {
            accept,
            subprotocols: said.subprotocols,
            extensions: said.extensions,
        })
    }

    /// The subprotocols offered, best liked first, of all fields that list some. ISO 8859-1, and
    /// never empty.
    pub fn subprotocols(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.subprotocols.iter().map(Vec::as_slice)
    }

    /// The answer, with the one of [`subprotocols`](Self::subprotocols) that the application chose
    /// and the compression that `deflate` permits, if any.
    #[must_use]
    pub fn accept(
        &self,
        subprotocol: Option<&[u8]>,
        deflate: Option<&DeflateSettings>,
    ) -> Acceptance {
        let mut fields: Vec<(&'static [u8], Vec<u8>)> = Vec::with_capacity(3);
        if let Some(accept) = &self.accept {
            fields.push((b"sec-websocket-accept", accept.clone().into_bytes()));
        }
        let deflate = deflate.and_then(|settings| {
            let offers = extension::list(&self.extensions)?;
            negotiation::negotiate(&offers, settings)
        });
        if let Some((_, answer)) = &deflate {
            fields.push((b"sec-websocket-extensions", answer.clone().into_bytes()));
        }
        if let Some(subprotocol) = subprotocol {
            fields.push((b"sec-websocket-protocol", subprotocol.to_vec()));
        }
        Acceptance {
            fields,
            deflate: deflate.map(|(deflate, _)| deflate),
        }
    }
}

/// What `sec-websocket-accept` says to this `sec-websocket-key` (RFC 6455 section 4.2.2).
#[must_use]
pub fn accept_key(key: &[u8]) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    BASE64_STANDARD.encode(digest)
}

/// A field that may stand only once.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Once<'a> {
    #[default]
    Unsaid,
    Said(&'a [u8]),
    Repeated,
}

impl<'a> Once<'a> {
    fn say(&mut self, value: &'a [u8]) {
        *self = match self {
            Self::Unsaid => Self::Said(value),
            Self::Said(_) | Self::Repeated => Self::Repeated,
        };
    }
}

/// The fields of a request that matter.
#[derive(Default)]
struct Said<'a> {
    version: Once<'a>,
    key: Once<'a>,
    subprotocols: Vec<Vec<u8>>,
    extensions: Vec<u8>,
}

impl<'a> Said<'a> {
    fn collect(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut said = Self::default();
        for (name, value) in fields {
            match name {
                b"sec-websocket-version" => said.version.say(value),
                b"sec-websocket-key" => said.key.say(value),
                b"sec-websocket-protocol" => {
                    said.subprotocols
                        .extend(elements(value).map(<[u8]>::to_vec));
                }
                b"sec-websocket-extensions" => {
                    said.extensions.extend_from_slice(value);
                    said.extensions.push(b',');
                }
                _ => {}
            }
        }
        said
    }

    /// RFC 6455 section 4.2.1: base64 that decodes to 16 bytes.
    fn key(&self) -> Result<&'a [u8], Refusal> {
        let key = match self.key {
            Once::Unsaid => return Err(Refusal::MissingKey),
            Once::Repeated => return Err(Refusal::Key),
            Once::Said(key) => key,
        };
        let mut nonce = [0; 18]; // what 24 characters may decode to
        match BASE64_STANDARD.decode_slice(key, &mut nonce) {
            Ok(16) => Ok(key),
            Ok(_) | Err(_) => Err(Refusal::Key),
        }
    }
}

/// The elements of a comma-separated list without the empty ones (RFC 9110 section 5.6.1).
fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

const VERSION: &[u8] = b"13";

/// RFC 6455 section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
