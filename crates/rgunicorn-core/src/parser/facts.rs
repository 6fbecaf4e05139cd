//! What the fields of a head mean to the server: how the body is framed, whether the connection
//! goes on.
//!
//! Each field is noted once as it is read; [`Facts::framing`] draws the conclusion at the end.

use super::authority::is_authority;
use super::octet::elements;
use super::rejection::Rejection;
use super::request_line::Version;

/// How a request body is delimited. Decided once, here, and never re-checked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Framing {
    /// Chunks until the last one (RFC 9112 §7.1).
    Chunked,
    /// No body: none announced, or one of zero bytes.
    #[default]
    Empty,
    /// So many bytes, at least one.
    Length(u64),
}

/// The meaning of the fields read so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    version: Version,
    content_length: Option<u64>,
    content_type: Option<()>,
    coding: Coding,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
    pub(super) expects_continue: bool,
    pub(super) accepts_trailers: bool,
    /// Whether a field came by which proxies tell of the client.
    pub(super) has_proxy_fields: bool,
    /// Which field is Host.
    pub(super) host: Option<usize>,
}

/// What the codings listed so far amount to. Unknown ones have been refused at once.
#[derive(Clone, Copy, Debug, Default)]
enum Coding {
    #[default]
    None,
    /// One that exists but is not undone here; whether it is in the wrong place is seen later.
    Compressed,
    Chunked,
    CompressedChunked,
}

impl Facts {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }

    /// Takes in the field number `index`. Names are in lower case.
    pub(super) fn note(
        &mut self,
        name: &[u8],
        value: &[u8],
        index: usize,
    ) -> Result<(), Rejection> {
        match name {
            b"host" => self.note_host(value, index)?,
            b"connection" => self.note_connection(value),
            b"content-length" => self.note_length(value)?,
            b"content-type" => {
                once(self.content_type.replace(()), "content-type")?;
            }
            b"transfer-encoding" => {
                for coding in elements(value) {
                    self.coding = self.coding.then(coding)?;
                }
            }
            b"expect" if self.version != Version::Http10 => {
                // RFC 9110 §10.1.1: HTTP/1.0 clients do not wait, so theirs is ignored.
                self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
                if !self.expects_continue {
                    return Err(Rejection::Expectation);
                }
            }
            b"te" => {
                self.accepts_trailers |=
                    elements(value).any(|coding| coding.eq_ignore_ascii_case(b"trailers"));
            }
            _ => self.has_proxy_fields |= is_proxy_field(name),
        }
        Ok(())
    }

    fn note_host(&mut self, value: &[u8], index: usize) -> Result<(), Rejection> {
        if !is_authority(value) {
            return Err(Rejection::Host);
        }
        once(self.host.replace(index), "host")
    }

    fn note_connection(&mut self, value: &[u8]) {
        for option in elements(value) {
            match option.len() {
                5 => self.close |= option.eq_ignore_ascii_case(b"close"),
                7 => self.upgrade |= option.eq_ignore_ascii_case(b"upgrade"),
                10 => self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive"),
                _ => {}
            }
        }
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), Rejection> {
        let length = decimal(value).ok_or(Rejection::ContentLength)?;
        once(self.content_length.replace(length), "content-length")
    }

    /// How the body is delimited, once all fields are noted (RFC 9112 §6.3).
    pub(super) fn framing(&self) -> Result<Framing, Rejection> {
        Ok(match (self.coding, self.content_length) {
            (Coding::None, None | Some(0)) => Framing::Empty,
            (Coding::None, Some(length)) => Framing::Length(length),
            // Both at once is how requests are smuggled.
            (_, Some(_)) => return Err(Rejection::ConflictingFraming),
            (_, None) if self.version == Version::Http10 => {
                return Err(Rejection::TransferEncodingOnHttp10);
            }
            (Coding::Chunked, None) => Framing::Chunked,
            (Coding::Compressed, None) => return Err(Rejection::ChunkedNotLast),
            (Coding::CompressedChunked, None) => return Err(Rejection::TransferCoding),
        })
    }

    /// Whether the client wants the connection to go on (RFC 9112 §9.3).
    pub(super) fn keep_alive(&self) -> bool {
        !self.close && (self.version != Version::Http10 || self.keep_alive)
    }

    /// Whether an Upgrade field counts: RFC 9110 §7.8 wants it listed, and ignored on HTTP/1.0.
    pub(super) fn upgrade(&self) -> bool {
        self.upgrade && self.version == Version::Http11
    }

    /// RFC 9112 §3.2: HTTP/1.1 must name the host.
    pub(super) fn lacks_host(&self) -> bool {
        self.version == Version::Http11 && self.host.is_none()
    }
}

impl Coding {
    /// The codings so far, and one more (RFC 9112 §6.1, §7).
    fn then(self, coding: &[u8]) -> Result<Self, Rejection> {
        let is = |name: &[u8]| coding.eq_ignore_ascii_case(name);
        match self {
            Self::None if is(b"chunked") => Ok(Self::Chunked),
            Self::Compressed if is(b"chunked") => Ok(Self::CompressedChunked),
            _ if is(b"chunked") => Err(Rejection::ChunkedTwice),
            _ if !COMPRESSIONS.iter().any(|name| is(name)) => Err(Rejection::TransferCoding),
            Self::None | Self::Compressed => Ok(Self::Compressed),
            Self::Chunked | Self::CompressedChunked => Err(Rejection::ChunkedNotLast),
        }
    }
}

/// The codings of RFC 9112 §7.2 under all their names, and the withdrawn `identity`.
const COMPRESSIONS: [&[u8]; 6] = [
    b"gzip",
    b"deflate",
    b"compress",
    b"identity",
    b"x-gzip",
    b"x-compress",
];

/// Whether a field called `name` may be about the client, and not from it. The head only takes note;
/// [`proxy`](crate::proxy) decides whether it is believed.
pub(crate) fn is_proxy_field(name: &[u8]) -> bool {
    name.starts_with(b"x-forwarded-") || name == b"forwarded" || name == b"script_name"
}

/// Refuses a field of which there was a `previous` one.
fn once<T>(previous: Option<T>, name: &'static str) -> Result<(), Rejection> {
    previous.map_or(Ok(()), |_| Err(Rejection::DuplicateField(name)))
}

/// 1 to 20 digits that fit 64 bits: no sign, no list, no whitespace (RFC 9110 §8.6).
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 20 {
        return None;
    }
    value.iter().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}
