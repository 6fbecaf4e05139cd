//! Deviations from HTTP/1 that an operator may permit, and how a head that has them is put right.
//!
//! The parser itself stays strict. A head that it refuses is rewritten here, if anything is
//! permitted at all, and parsed once more. So what is fine without a permission means the same with
//! one, and a server that permits nothing pays nothing.
//!
//! The rewriting changes bytes but never moves a line: every position in the head stays true.

use super::head::empty_line_length;
use super::octet::is_token;
use super::octet::is_whitespace;
use super::request_line::Methods;

/// What to put up with. Nothing by default. The names and meanings are gunicorn's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tolerance {
    /// A field line may go on in the next one, which then starts with whitespace
    /// (`permit_obsolete_folding`). Each fold is read as one space (RFC 9112 §5.2). Not in Host,
    /// Content-Length and Transfer-Encoding: who does not unfold them sees another request.
    pub obsolete_folding: bool,
    /// There may be whitespace before the colon of a field (`strip_header_spaces`). It is dropped.
    pub header_spaces: bool,
    /// A method may be any token (`permit_unconventional_http_method`).
    pub unconventional_method: bool,
    /// A version may be any two digits (`permit_unconventional_http_version`). One above 1.1 is
    /// read as 1.1, one below as 1.0 (RFC 9110 §2.5).
    pub unconventional_version: bool,
    /// Lower case in a method is read as upper case (`casefold_http_method`).
    pub casefold_method: bool,
}

/// Fields that say where a request goes and where it ends.
const NEVER_FOLDED: [&[u8]; 3] = [b"content-length", b"host", b"transfer-encoding"];

impl Tolerance {
    /// Whether a head that was refused deserves a second look.
    pub(super) fn permits_anything(self) -> bool {
        self != Self::default()
    }

    pub(super) fn methods(self) -> Methods {
        if self.unconventional_method {
            Methods::AnyToken
        } else {
            Methods::Usual
        }
    }

    /// Writes what is permitted in `head` as it should have been.
    pub(super) fn repair(self, head: &mut [u8]) {
        let start = empty_line_length(head);
        let Some(end) = line_end(head, start) else {
            return;
        };
        self.repair_request_line(&mut head[start..end]);
        let mut next = end + 2;
        while let Some(end) = line_end(head, next).filter(|end| *end > next) {
            next = self.repair_field(head, next, end);
        }
    }

    fn repair_request_line(self, line: &mut [u8]) {
        if self.casefold_method {
            let method = line.split_mut(|byte| *byte == b' ').next();
            method.unwrap_or_default().make_ascii_uppercase();
        }
        if self.unconventional_version
            && let Some(version) = line.last_chunk_mut::<8>()
            && let [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] = version
            && major.is_ascii_digit()
            && minor.is_ascii_digit()
        {
            let is_old = (*major, *minor) < (b'1', b'1');
            *version = if is_old { *b"HTTP/1.0" } else { *b"HTTP/1.1" };
        }
    }

    /// Repairs the field that starts at `start` and whose first line ends at `end`. Returns where
    /// the next one starts.
    fn repair_field(self, head: &mut [u8], start: usize, end: usize) -> usize {
        if self.header_spaces {
            close_gap(&mut head[start..end]);
        }
        if self.obsolete_folding && may_be_folded(&head[start..end]) {
            unfold(head, end)
        } else {
            end + 2
        }
    }
}

/// Where the CRLF is that ends the line at `start`.
fn line_end(head: &[u8], start: usize) -> Option<usize> {
    memchr::memmem::find(head.get(start..)?, b"\r\n").map(|length| start + length)
}

/// Moves the colon of a field to the end of its name; the whitespace between goes behind it.
fn close_gap(line: &mut [u8]) {
    let Some(colon) = memchr::memchr(b':', line) else {
        return;
    };
    let name_end = colon - whitespace(line[..colon].iter().rev());
    if name_end > 0 {
        line[colon] = b' ';
        line[name_end] = b':';
    }
}

/// Whether `line` is the first one of a field that may go on. Only a whole name will do: no name
/// shall come into being by joining lines.
fn may_be_folded(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else {
        return false;
    };
    let name = &line[..colon];
    let is_name = !name.is_empty() && name.iter().all(|byte| is_token(*byte));
    is_name
        && !NEVER_FOLDED
            .iter()
            .any(|never| name.eq_ignore_ascii_case(never))
}

/// Joins the lines that continue the one ending at `end`, with one space for each fold; what that
/// sets free becomes whitespace behind the value. Returns where the next field starts.
fn unfold(head: &mut [u8], end: usize) -> usize {
    let mut joined = end;
    let mut last = end;
    while head.get(last + 2).is_some_and(|byte| is_whitespace(*byte)) {
        let start = last + 2 + whitespace(head[last + 2..].iter());
        let Some(end) = line_end(head, last + 2) else {
            break;
        };
        joined -= whitespace(head[..joined].iter().rev());
        head[joined] = b' ';
        head.copy_within(start..end, joined + 1);
        joined += 1 + (end - start);
        last = end;
    }
    head[joined..last].fill(b' ');
    last + 2
}

/// How many bytes of whitespace come first.
fn whitespace<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    bytes.take_while(|byte| is_whitespace(**byte)).count()
}
