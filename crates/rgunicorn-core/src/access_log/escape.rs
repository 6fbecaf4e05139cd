//! Makes text from outside harmless in a log line.

/// How bytes are escaped that could break a line or the template around them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Escape {
    /// `\"` as in gunicorn, and `\xNN` for backslash, control and non-ASCII bytes.
    Text,
    /// What JSON has: `\"`, `\\` and `\u00NN`, which reads bytes as latin-1, as WSGI does.
    Json,
}

impl Escape {
    /// Appends `text`, escaped.
    pub(crate) fn write(self, out: &mut Vec<u8>, text: &[u8]) {
        let mut rest = text;
        while let Some(position) = rest.iter().position(|byte| is_special(*byte)) {
            out.extend_from_slice(&rest[..position]);
            self.write_byte(out, rest[position]);
            rest = &rest[position + 1..];
        }
        out.extend_from_slice(rest);
    }

    fn write_byte(self, out: &mut Vec<u8>, byte: u8) {
        let prefix: &[u8] = match (self, byte) {
            (_, b'"') => return out.extend_from_slice(b"\\\""),
            (Self::Json, b'\\') => return out.extend_from_slice(b"\\\\"),
            (Self::Json, _) => b"\\u00",
            (Self::Text, _) => b"\\x",
        };
        let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
        out.extend_from_slice(prefix);
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
    }
}

fn is_special(byte: u8) -> bool {
    !(b' '..=b'~').contains(&byte) || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(escape: Escape, text: &[u8], expected: &str) {
        let mut out = Vec::new();
        escape.write(&mut out, text);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_line_cannot_be_forged() {
        check(
            Escape::Text,
            b"a\"b\\c\r\n\x1b\x7f\xe9 ~",
            r#"a\"b\x5cc\x0d\x0a\x1b\x7f\xe9 ~"#,
        );
        check(Escape::Text, b"", "");
    }

    #[test]
    fn json_stays_json() {
        check(Escape::Json, b"a\"b\\c\n\xe9", r#"a\"b\\c\u000a\u00e9"#);
    }
}
