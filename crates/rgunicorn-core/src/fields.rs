//! Field lines that the application gave, checked, in wire form.
//!
//! Of three kinds: those of a final head (see [`response`](crate::response)),
//! those of an interim head, and those of the trailer section.

use crate::error::InvalidHead;

/// Lines of `name: value CRLF`, each checked.
#[derive(Debug, Default)]
pub(crate) struct FieldLines(Vec<u8>);

impl FieldLines {
    /// None yet, with room for what a head usually holds.
    pub(crate) fn with_room() -> Self {
        Self(Vec::with_capacity(256))
    }

    /// Lines of our own.
    pub(crate) fn checked(lines: Vec<u8>) -> Self {
        Self(lines)
    }

    /// Refuses what is no field (RFC 9110 sections 5.1 and 5.5).
    pub(crate) fn check(name: &[u8], value: &[u8]) -> Result<(), InvalidHead> {
        if !is_token(name) {
            return Err(InvalidHead::Name(name.escape_ascii().to_string()));
        }
        if !is_field_value(value) {
            return Err(InvalidHead::Value(name.escape_ascii().to_string()));
        }
        Ok(())
    }

    /// Appends a line that was checked.
    pub(crate) fn append(&mut self, name: &[u8], value: &[u8]) {
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A `103 Early Hints` (RFC 8297): what the client may fetch while it waits.
#[derive(Debug, Default)]
pub struct EarlyHints(FieldLines);

impl EarlyHints {
    /// Hints without a field.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one field.
    ///
    /// # Errors
    /// [`InvalidHead::Name`] and [`InvalidHead::Value`] for what is no field
    /// (RFC 9110 sections 5.1 and 5.5).
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidHead> {
        FieldLines::check(name, value)?;
        self.0.append(name, value);
        Ok(())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A request that the server makes for its client, to answer it before it was asked (RFC 9113 section 8.4).
#[derive(Debug)]
pub struct Push {
    path: String,
    fields: FieldLines,
}

impl Push {
    /// A GET of `path`, which may have a query. Whether it is one shows when it is made a request.
    pub fn new(path: String) -> Self {
        Self {
            path,
            fields: FieldLines::default(),
        }
    }

    /// Appends one field.
    ///
    /// # Errors
    /// [`InvalidHead::Name`] and [`InvalidHead::Value`] for what is no field.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidHead> {
        FieldLines::check(name, value)?;
        self.fields.append(name, value);
        Ok(())
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn fields(&self) -> &[u8] {
        self.fields.as_bytes()
    }
}

/// Fields that follow a body (RFC 9110 section 6.5).
#[derive(Debug, Default)]
pub struct Trailers(FieldLines);

impl Trailers {
    /// An empty trailer section.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one field.
    ///
    /// # Errors
    /// [`InvalidHead::Name`] and [`InvalidHead::Value`] for what is no field;
    /// [`InvalidHead::Trailer`] for one that a recipient needs before the body
    /// (RFC 9110 section 6.5.1).
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidHead> {
        FieldLines::check(name, value)?;
        if is_needed_before_the_body(name) {
            return Err(InvalidHead::Trailer(name.escape_ascii().to_string()));
        }
        self.0.append(name, value);
        Ok(())
    }

    /// Puts the fields of `more` behind these.
    pub(crate) fn extend(&mut self, more: &Self) {
        self.0.0.extend_from_slice(more.as_bytes());
    }

    pub(crate) fn clear(&mut self) {
        self.0.0.clear();
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// What frames, routes, authenticates or decodes a message comes too late in
/// a trailer (RFC 9110 section 6.5.1).
fn is_needed_before_the_body(name: &[u8]) -> bool {
    const NEEDED: [&[u8]; 17] = [
        b"authorization",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"host",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"vary",
        b"www-authenticate",
    ];
    NEEDED
        .iter()
        .any(|needed| name.eq_ignore_ascii_case(needed))
}

/// RFC 9110 section 5.6.2. Pseudo-headers fail here: `:` is no token character.
fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| TOKEN[usize::from(byte)])
}

/// RFC 9110 section 5.5. No early exit: the loop is vectorised.
fn is_field_value(value: &[u8]) -> bool {
    !value.iter().fold(false, |bad, &byte| {
        bad | (byte < 0x20 && byte != b'\t') | (byte == 0x7f)
    })
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let symbols = b"!#$%&'*+-.^_`|~";
    let mut index = 0;
    while index < symbols.len() {
        table[symbols[index] as usize] = true;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_that_would_reframe_the_message_is_refused() {
        let mut trailers = Trailers::new();
        for name in [&b"Content-Length"[..], b"transfer-encoding", b"Trailer"] {
            let refused = trailers.field(name, b"1");
            let name = name.escape_ascii().to_string();
            assert_eq!(refused, Err(InvalidHead::Trailer(name)));
        }
        assert_eq!(trailers.as_bytes(), b"");
    }

    #[test]
    fn fields_are_checked_wherever_they_go() {
        let value = EarlyHints::new().field(b"link", b"a\r\nb: c");
        assert_eq!(value, Err(InvalidHead::Value("link".to_owned())));
        let name = Trailers::new().field(b"a b", b"");
        assert_eq!(name, Err(InvalidHead::Name("a b".to_owned())));
    }
}
