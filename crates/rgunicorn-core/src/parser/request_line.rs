//! The request line: method, target and version, and the four forms a target can have.

use super::authority::is_authority;
use super::octet::is_token;
use super::rejection::Rejection;

/// The versions of HTTP that this server speaks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Version {
    /// HTTP/1.0: closes unless asked not to, and knows no chunked coding.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// As it stands in a request line: `HTTP/1.1`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// Which methods are let through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Methods {
    /// gunicorn's rule: 3 to 20 token characters without lower case and `#`.
    Usual,
    /// Every token (RFC 9110 §9.1).
    AnyToken,
}

/// Whether a CONNECT names a protocol (RFC 8441 §4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Connect {
    Usual,
    Extended,
}

/// A range of a head's bytes, small because there are two for each field.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A range into a head, whose length has been checked to fit.
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }
}

/// Where the parts of a request line are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestLine {
    pub(super) method: Span,
    pub(super) target: Span,
    pub(super) path: Span,
    pub(super) query: Span,
    /// Only of an absolute-form target.
    pub(super) authority: Option<Span>,
    pub(super) version: Version,
    /// Where the first field line starts.
    pub(super) end: usize,
}

impl RequestLine {
    /// Reads the request line of `bytes`, a whole head, at `start` (RFC 9112 §3).
    pub(super) fn read(bytes: &[u8], start: usize, methods: Methods) -> Result<Self, Rejection> {
        let method_end = start + method_length(&bytes[start..], methods)?;
        let target_start = method_end + 1;
        let target_end = target_start + target_length(&bytes[target_start..])?;
        let (version, version_length) = version(&bytes[target_end + 1..])?;
        let mut line = Self {
            method: Span::new(start, method_end),
            target: Span::new(target_start, target_end),
            version,
            end: target_end + 1 + version_length,
            ..Self::default()
        };
        line.read_target(bytes, target_start, target_end)?;
        Ok(line)
    }

    /// Reads what HTTP/2 says in pseudo-header fields: `bytes` is the method and the target, each
    /// with a space behind it (RFC 9113 §8.3.1).
    pub(super) fn read_pseudo(
        bytes: &[u8],
        connect: Connect,
        methods: Methods,
    ) -> Result<Self, Rejection> {
        let method_end = method_length(bytes, methods)?;
        let target_start = method_end + 1;
        let target_end = target_start + target_length(&bytes[target_start..])?;
        if target_end + 1 != bytes.len() {
            return Err(Rejection::TargetByte);
        }
        let mut line = Self {
            method: Span::new(0, method_end),
            target: Span::new(target_start, target_end),
            version: Version::Http2,
            end: bytes.len(),
            ..Self::default()
        };
        if connect == Connect::Extended {
            line.split_query(bytes, target_start, target_end);
        } else {
            line.read_target(bytes, target_start, target_end)?;
        }
        let is_path = bytes[target_start] == b'/' || bytes[target_start] == b'*';
        if line.authority.is_some() || !is_path {
            return Err(Rejection::TargetForm);
        }
        Ok(line)
    }

    /// Decides the form of the target (RFC 9112 §3.2) and finds its path and query.
    fn read_target(&mut self, bytes: &[u8], start: usize, end: usize) -> Result<(), Rejection> {
        let method = self.method.of(bytes);
        let target = &bytes[start..end];
        if method == b"CONNECT" {
            return Err(if is_authority(target) {
                Rejection::Connect
            } else {
                Rejection::TargetForm
            });
        }
        if target[0] == b'/' || (target == b"*" && method == b"OPTIONS") {
            self.split_query(bytes, start, end);
            return Ok(());
        }
        let authority = start + scheme_length(target).ok_or(Rejection::TargetForm)?;
        let rest = &bytes[authority..end];
        let authority_end = authority
            + rest
                .iter()
                .take_while(|byte| !matches!(byte, b'/' | b'?'))
                .count();
        if !is_authority(&bytes[authority..authority_end]) || authority == authority_end {
            return Err(Rejection::TargetAuthority);
        }
        self.authority = Some(Span::new(authority, authority_end));
        self.split_query(bytes, authority_end, end);
        if bytes[authority_end] != b'/' {
            // RFC 9110 §4.2.3: an empty path is `/`, and the scheme's `//` has one to point at.
            self.path = Span::new(authority - 1, authority);
        }
        Ok(())
    }

    fn split_query(&mut self, bytes: &[u8], start: usize, end: usize) {
        match memchr::memchr(b'?', &bytes[start..end]) {
            Some(length) => {
                self.path = Span::new(start, start + length);
                self.query = Span::new(start + length + 1, end);
            }
            None => {
                self.path = Span::new(start, end);
                self.query = Span::new(end, end);
            }
        }
    }
}

/// The length of the method.
fn method_length(bytes: &[u8], methods: Methods) -> Result<usize, Rejection> {
    let length = bytes.iter().take_while(|byte| is_method(**byte)).count();
    match bytes.get(length) {
        Some(b' ') if (3..=20).contains(&length) => Ok(length),
        Some(b'\r') => Err(Rejection::RequestLine),
        _ if methods == Methods::AnyToken => token_length(bytes),
        _ => Err(Rejection::Method),
    }
}

/// The length of a method that need only be a token.
fn token_length(bytes: &[u8]) -> Result<usize, Rejection> {
    let length = bytes.iter().take_while(|byte| is_token(**byte)).count();
    match bytes.get(length) {
        Some(b' ') if length > 0 => Ok(length),
        _ => Err(Rejection::Method),
    }
}

fn is_method(byte: u8) -> bool {
    byte.is_ascii_uppercase() || (is_token(byte) && !byte.is_ascii_lowercase() && byte != b'#')
}

/// The length of the target: visible ASCII, and no fragment.
fn target_length(bytes: &[u8]) -> Result<usize, Rejection> {
    let is_target = |byte: &&u8| matches!(byte, 0x21..=0x7e) && **byte != b'#';
    let length = bytes.iter().take_while(is_target).count();
    match bytes.get(length) {
        Some(b' ') if length > 0 => Ok(length),
        Some(b' ' | b'\r') => Err(Rejection::RequestLine),
        Some(b'#') => Err(Rejection::Fragment),
        _ => Err(Rejection::TargetByte),
    }
}

/// The version, and its length with the CRLF.
fn version(bytes: &[u8]) -> Result<(Version, usize), Rejection> {
    let version = match bytes.first_chunk() {
        Some(b"HTTP/1.1\r\n") => Version::Http11,
        Some(b"HTTP/1.0\r\n") => Version::Http10,
        _ => return Err(misread_version(bytes)),
    };
    Ok((version, b"HTTP/1.1\r\n".len()))
}

/// Tells a version that is not spoken here from a line that is none.
fn misread_version(bytes: &[u8]) -> Rejection {
    let line_end = memchr::memchr(b'\r', bytes).unwrap_or(bytes.len());
    match bytes[..line_end] {
        [b'H', b'T', b'T', b'P', b'/', _, b'.', _] => Rejection::Version,
        _ => Rejection::RequestLine,
    }
}

/// The length of `http://` or `https://`, the schemes an absolute target may have (RFC 9110 §4.2).
fn scheme_length(target: &[u8]) -> Option<usize> {
    let starts_with = |scheme: &[u8]| {
        target
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    [b"http://".as_slice(), b"https://"]
        .into_iter()
        .find(|scheme| starts_with(scheme))
        .map(<[u8]>::len)
}
