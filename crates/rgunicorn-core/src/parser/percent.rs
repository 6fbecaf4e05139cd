//! Percent-decoding of a path (RFC 3986 §2.1).

/// Appends `text` to `out` with its percent-escapes undone. What is no valid escape stays as it is,
/// as `urllib.parse.unquote_to_bytes` has it.
pub fn percent_decode(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(position) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..position]);
        rest = &rest[position..];
        let (byte, length) = match rest.get(1..3).and_then(hex_byte) {
            Some(byte) => (byte, 3),
            None => (b'%', 1),
        };
        out.push(byte);
        rest = &rest[length..];
    }
    out.extend_from_slice(rest);
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0, |byte, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(byte << 4 | value as u8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[u8]) {
        let mut out = Vec::new();
        percent_decode(text, &mut out);
        assert_eq!(out, expected, "{text:?}");
    }

    #[test]
    fn escapes_become_bytes_once() {
        check("/one%2Ftwo", b"/one/two");
        check("/%e2%82%AC", "/€".as_bytes());
        check("/%25%32%46", b"/%2F");
        check("/%00%ff", b"/\x00\xff");
        check("", b"");
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in ["%", "%2", "/%zz", "/100%", "/%%", "/a+b", "%2g%"] {
            check(text, text.as_bytes());
        }
        check("%%41", b"%A");
    }
}
