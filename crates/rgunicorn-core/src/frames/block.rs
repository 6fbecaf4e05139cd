//! A field block, looked into without the tables that it is meant for (RFC 7541 section 6): whether it can be read, and
//! whether the names and values that it spells out may be sent.

use super::header::CONTINUATION;
use super::header::END_HEADERS;
use super::header::HEADERS;
use super::header::Header;
use super::huffman;

/// What is to be said of a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    /// Nothing. It may still name an entry of a table that is not there.
    Fine,
    /// A name or value that no request may have (RFC 9113 section 8.2.1).
    Malformed,
    /// It is no HPACK.
    Unreadable,
}

/// What is to be said of the field blocks in `frames`, up to the first that is wrong. `None` if no block ends there.
pub(super) fn look_at_all(mut frames: &[u8]) -> Option<Look> {
    let mut outcome = None;
    let mut begun = None;
    while let Some((header, after)) = frames.split_first_chunk() {
        let header = Header::read(*header);
        let Some((payload, rest)) = after.split_at_checked(header.length as usize) else {
            break;
        };
        frames = rest;
        match (header.kind, &mut begun) {
            (HEADERS, _) => begun = header.fragment(payload).map(<[u8]>::to_vec),
            (CONTINUATION, Some(block)) => block.extend_from_slice(payload),
            _ => continue,
        }
        if let Some(block) = begun.take_if(|_| header.has(END_HEADERS)) {
            outcome = Some(look(&block));
            if outcome != Some(Look::Fine) {
                break;
            }
        }
    }
    outcome
}

/// What a field of a block shows.
enum Field {
    /// A size of the dynamic table.
    Size,
    /// Both of an entry.
    Entry(usize),
    /// A value, and the entry or the text of its name.
    Value(Name, Vec<u8>),
}

enum Name {
    Entry(usize),
    Text(Vec<u8>),
}

/// Looks at each field in turn, up to the first that is wrong.
fn look(block: &[u8]) -> Look {
    let mut rest = block;
    let mut before = Field::Size;
    while !rest.is_empty() {
        let Some(field) = next(&mut rest) else {
            return Look::Unreadable;
        };
        // RFC 7541 section 4.2: only at the beginning.
        if matches!(field, Field::Size) && !matches!(before, Field::Size) {
            return Look::Unreadable;
        }
        if !field.is_well_formed() {
            return Look::Malformed;
        }
        before = field;
    }
    Look::Fine
}

/// What is in a block of trailers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Contents {
    pub(super) fields: usize,
    /// Whether some of them are known to the dynamic table only.
    pub(super) names_entries: bool,
}

/// What is in a block of trailers; `None` where it spells out a pseudo-header field.
pub(super) fn contents(block: &[u8]) -> Option<Contents> {
    let mut rest = block;
    let mut contents = Contents {
        fields: 0,
        names_entries: false,
    };
    while let Some(field) = next(&mut rest) {
        match field {
            Field::Size => continue,
            Field::Entry(index) | Field::Value(Name::Entry(index), _) => {
                contents.names_entries |= index > LAST_STATIC;
            }
            Field::Value(Name::Text(_), _) => {}
        }
        if field.is_pseudo() {
            return None;
        }
        contents.fields += 1;
    }
    Some(contents)
}

impl Field {
    fn is_pseudo(&self) -> bool {
        match self {
            Self::Size => false,
            Self::Entry(index) | Self::Value(Name::Entry(index), _) => PSEUDO.contains(index),
            Self::Value(Name::Text(name), _) => name.starts_with(b":"),
        }
    }

    fn is_well_formed(&self) -> bool {
        let Self::Value(name, value) = self else {
            return true;
        };
        let is_name = match name {
            Name::Entry(_) => true,
            Name::Text(name) => match name.strip_prefix(b":") {
                Some(name) => NAMES.contains(&name),
                None => !name.is_empty() && name.iter().all(|&byte| is_of_name(byte)),
            },
        };
        let is_method = match name {
            Name::Entry(index) => METHODS.contains(index),
            Name::Text(name) => name == b":method",
        };
        if is_method {
            return !value.is_empty() && value.iter().all(|&byte| is_of_token(byte));
        }
        let is_value = value
            .iter()
            .all(|&byte| byte >= b' ' && byte != 0x7f || byte == b'\t');
        is_name && is_value && (!self.is_pseudo() || is_text(value))
    }
}

/// The next field; `None` at the end, and for what is no HPACK.
fn next(rest: &mut &[u8]) -> Option<Field> {
    let first = *rest.first()?;
    if first & 0x80 != 0 {
        let index = integer(rest, 7)?;
        return (index != 0).then_some(Field::Entry(index));
    }
    if first & 0xe0 == 0x20 {
        return (integer(rest, 5)? <= LARGEST_TABLE).then_some(Field::Size);
    }
    let prefix = if first & 0x40 != 0 { 6 } else { 4 };
    let name = match integer(rest, prefix)? {
        0 => Name::Text(string(rest)?),
        index => Name::Entry(index),
    };
    Some(Field::Value(name, string(rest)?))
}

/// RFC 7541 section 5.1, with so many bits in its first byte.
fn integer(rest: &mut &[u8], prefix: u32) -> Option<usize> {
    let most = (1 << prefix) - 1;
    let mut number = usize::from(take(rest)?) & most;
    if number < most {
        return Some(number);
    }
    for shift in [0, 7, 14, 21] {
        let byte = take(rest)?;
        number += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// RFC 7541 section 5.2.
fn string(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let is_huffman = rest.first()? & 0x80 != 0;
    let length = integer(rest, 7)?;
    let (string, after) = rest.split_at_checked(length)?;
    *rest = after;
    if is_huffman {
        huffman::decode(string)
    } else {
        Some(string.to_vec())
    }
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    Some(first)
}

/// RFC 9113 section 8.2.1.
fn is_of_name(byte: u8) -> bool {
    is_of_token(byte) && !byte.is_ascii_uppercase()
}

/// RFC 9110 section 5.6.2.
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_text(value: &[u8]) -> bool {
    !value.is_empty() && value.is_ascii()
}

/// Their entries in the static table (RFC 7541 appendix A).
const PSEUDO: std::ops::RangeInclusive<usize> = 1..=14;

const METHODS: std::ops::RangeInclusive<usize> = 2..=3;

/// Entries behind it are those of the dynamic table.
const LAST_STATIC: usize = 61;

const NAMES: [&[u8]; 6] = [
    b"authority",
    b"method",
    b"scheme",
    b"path",
    b"protocol",
    b"status",
];

/// The default of `SETTINGS_HEADER_TABLE_SIZE`, which this server leaves as it is.
const LARGEST_TABLE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_told_by_what_they_spell_out() {
        let rows: [(&[u8], Look); 21] = [
            (b"\x82\x86\x84\x41\x04test", Look::Fine),
            (b"\x3f\xe1\x1f\x20\x82", Look::Fine),
            (b"\x00\x01x\x01y", Look::Fine),
            (b"\x10\x01x\x81\xff", Look::Unreadable),
            (b"\x00\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x00", Look::Fine),
            (b"\xbe", Look::Fine), // as far as this can tell
            (b"\x80", Look::Unreadable),
            (b"\x82\x20", Look::Unreadable),
            (b"\x3f\xe2\x1f", Look::Unreadable),
            (b"\x7f\xff\xff\xff\xff\xff\x01\x00", Look::Unreadable),
            (b"\x00\x01x\x05y", Look::Unreadable),
            (b"\x00\x01x", Look::Unreadable),
            (b"\x00\x01X\x01y", Look::Malformed),
            (b"\x00\x00\x01y", Look::Malformed),
            (b"\x00\x05:made\x01y", Look::Malformed),
            (b"\x00\x01x\x01\n", Look::Malformed),
            (b"\x01\x02\xff\xff", Look::Malformed),
            (b"\x00\x01X\x01y\x80", Look::Malformed),
            (b"\x02\x04GE T", Look::Malformed),
            (b"\x00\x07:method\x00", Look::Malformed),
            (b"\x42\x04PURE", Look::Fine),
        ];
        for (block, expected) in rows {
            assert_eq!(look(block), expected, "{block:x?}");
        }
    }

    #[test]
    fn pseudo_header_fields_are_found_where_they_are_spelled_out() {
        let plain = |fields| {
            Some(Contents {
                fields,
                names_entries: false,
            })
        };
        let named = |fields| {
            Some(Contents {
                fields,
                names_entries: true,
            })
        };
        let rows: [(&[u8], Option<Contents>); 10] = [
            (b"\x00\x01x\x01y", plain(1)),
            (b"", plain(0)),
            (b"\x82", None),
            (b"\x44\x01/", None),
            (b"\x00\x05:path\x01/", None),
            (b"\x0f\x00\x01y", plain(1)),
            (b"\x00\x01x\x01y\x00\x05:made\x01y", None),
            (b"\x20\x90", plain(1)),
            (b"\xbe\x00\x01x\x01y", named(2)),
            (b"\x7f\x00\x01y", named(1)),
        ];
        for (block, expected) in rows {
            assert_eq!(contents(block), expected, "{block:x?}");
        }
    }
}
