//! One field line: name, colon, value (RFC 9112 §5).

use super::octet;
use super::rejection::Rejection;
use super::request_line::Span;

/// Where the name and the value of a field are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: Span,
    pub(super) value: Span,
}

/// A line of the field section.
pub(super) enum Line {
    /// A field, and where the next line starts.
    Field(Field, usize),
    /// The empty line, and where the body starts.
    Empty(usize),
}

/// Reads the line at `start`, and lower-cases the field name in place.
pub(super) fn read(bytes: &mut [u8], start: usize) -> Result<Line, Rejection> {
    let name_end = start + octet::lower_token(&mut bytes[start..]);
    match bytes.get(name_end) {
        Some(b':') if name_end > start => {}
        Some(b'\r') if name_end == start && bytes[start..].starts_with(b"\r\n") => {
            return Ok(Line::Empty(start + 2));
        }
        other => return Err(misread_name(other.copied(), name_end - start)),
    }
    let mut value_start = name_end + 1;
    while bytes
        .get(value_start)
        .is_some_and(|byte| octet::is_whitespace(*byte))
    {
        value_start += 1;
    }
    let line_end = value_start + octet::value_length(&bytes[value_start..]);
    if !bytes[line_end..].starts_with(b"\r\n") {
        return Err(Rejection::FieldValue);
    }
    let mut value_end = line_end;
    while value_end > value_start && octet::is_whitespace(bytes[value_end - 1]) {
        value_end -= 1;
    }
    let field = Field {
        name: Span::new(start, name_end),
        value: Span::new(value_start, value_end),
    };
    Ok(Line::Field(field, line_end + 2))
}

/// What is wrong with a name of `length` bytes that `byte` follows.
fn misread_name(byte: Option<u8>, length: usize) -> Rejection {
    match (byte, length) {
        (None, _) => Rejection::IncompleteHead,
        (Some(b' ' | b'\t'), 0) => Rejection::FoldedField,
        (Some(b':'), 0) => Rejection::EmptyFieldName,
        (Some(b' ' | b'\t'), _) => Rejection::SpaceBeforeColon,
        (Some(b'\r'), 1..) => Rejection::MissingColon,
        (Some(_), _) => Rejection::FieldName,
    }
}
