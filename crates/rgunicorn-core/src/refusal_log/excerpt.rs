//! The offending line of a request, made fit for a log.
//!
//! It must not forge a line, fill the disk, or give away what a client keeps secret.

use std::fmt;

use memchr::memchr2;
use memchr::memrchr;

use crate::access_log::Escape;

/// Bytes of a line that are shown, before they are escaped.
const MOST: usize = 128;

/// Where a line has one of these, what follows is not shown. Not only as a field's name, which may
/// be what is wrong with the line.
const SECRETS: [&[u8]; 2] = [b"authorization", b"cookie"];

/// One line, bounded, escaped and without credentials.
#[derive(Debug)]
pub(super) struct Excerpt<'a> {
    shown: &'a [u8],
    /// What stands for the rest.
    rest: &'static str,
}

impl<'a> Excerpt<'a> {
    /// The line at `start` of `head`: up to its CRLF, or to the first CR or LF that is none. What
    /// comes after that might be a body to the client.
    pub(super) fn new(head: &'a [u8], start: usize) -> Self {
        let line = line_at(head, start);
        let public = if continues_secret(head, start) {
            Some(0)
        } else {
            secret_start(line)
        };
        match public {
            Some(length) if length <= MOST => Self {
                shown: &line[..length],
                rest: "[redacted]",
            },
            _ if line.len() > MOST => Self {
                shown: &line[..MOST],
                rest: "...",
            },
            _ => Self {
                shown: line,
                rest: "",
            },
        }
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut escaped = Vec::new();
        Escape::Text.write(&mut escaped, self.shown);
        formatter.write_str(&String::from_utf8_lossy(&escaped))?;
        formatter.write_str(self.rest)
    }
}

/// The line that starts at `start`, without its CRLF but with a line end that is no CRLF.
fn line_at(head: &[u8], start: usize) -> &[u8] {
    let rest = head.get(start..).unwrap_or_default();
    match memchr2(b'\r', b'\n', rest) {
        Some(end) if rest[end..].starts_with(b"\r\n") => &rest[..end],
        Some(end) => &rest[..=end],
        None => rest,
    }
}

/// Where in `line` a secret may start.
fn secret_start(line: &[u8]) -> Option<usize> {
    let ends = SECRETS.iter().filter_map(|word| {
        let mut places = line.windows(word.len());
        let start = places.position(|place| place.eq_ignore_ascii_case(word))?;
        Some(start + word.len())
    });
    ends.min()
}

/// Whether the line at `start` belongs to an earlier one with a secret: it is folded, or it has no
/// colon and may have been torn off.
fn continues_secret(head: &[u8], mut start: usize) -> bool {
    while start > 0 {
        let line = line_at(head, start);
        if !line.starts_with(b" ") && !line.starts_with(b"\t") && line.contains(&b':') {
            return false;
        }
        start = memrchr(b'\n', &head[..start - 1]).map_or(0, |end| end + 1);
        if secret_start(line_at(head, start)).is_some() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of the line that starts with `line`, where that comes last in `head`.
    #[track_caller]
    fn check(head: &[u8], line: &[u8], expected: &str) {
        let start = memchr::memmem::rfind(head, line).unwrap();
        assert_eq!(Excerpt::new(head, start).to_string(), expected);
    }

    #[test]
    fn a_line_is_shown_without_its_end_and_its_neighbours() {
        let head = b"GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\nbody";
        check(head, b"GET", "GET / HTTP/1.1");
        check(head, b"host", "host: a");
        check(head, b"x", "x: y");
        check(b"GET / HTTP/1.1\r\nx: unfinished", b"x", "x: unfinished");
        check(b"", b"", "");
    }

    #[test]
    fn nothing_after_a_wrong_line_end_is_shown() {
        check(
            b"GET / HTTP/1.1\nx: y\n\nbody",
            b"GET",
            r"GET / HTTP/1.1\x0a",
        );
        check(b"GET / HTTP/1.1\rx: y\r\n", b"GET", r"GET / HTTP/1.1\x0d");
    }

    #[test]
    fn bytes_that_could_forge_a_line_are_escaped() {
        let head = b"x\0\x1b[1m\xff\"\\\x7f: y";
        check(head, b"x", r#"x\x00\x1b[1m\xff\"\x5c\x7f: y"#);
    }

    #[test]
    fn a_long_line_is_cut() {
        let head = [&b"x: "[..], &[b'y'; 1000]].concat();
        let expected = format!("x: {}...", "y".repeat(MOST - 3));
        check(&head, b"x", &expected);
        check(&[b'z'; MOST], &[b'z'; MOST], &"z".repeat(MOST));
    }

    #[test]
    fn credentials_are_not_shown() {
        for (line, expected) in [
            ("Authorization: Basic eDp5", "Authorization[redacted]"),
            (
                "proxy-authorization : eDp5",
                "proxy-authorization[redacted]",
            ),
            ("Cookie: a=b", "Cookie[redacted]"),
            ("set-cookie2: a=b", "set-cookie[redacted]"),
            ("x\u{1}COOKIE=a", "x\\x01COOKIE[redacted]"),
        ] {
            let head = format!("GET / HTTP/1.1\r\n{line}\r\n\r\n");
            check(head.as_bytes(), line.as_bytes(), expected);
        }
        let late = format!("GET /{}cookie=a HTTP/1.1\r\n", "x".repeat(MOST));
        let expected = format!("GET /{}...", "x".repeat(MOST - 5));
        check(late.as_bytes(), b"GET", &expected);
    }

    #[test]
    fn credentials_that_go_on_in_the_next_line_are_not_shown_either() {
        let head = b"GET / HTTP/1.1\r\nauthorization: Basic\r\n eDp5\r\n\tei5\r\nQQ==\r\nx\r\n";
        for line in [&b" eDp5"[..], b"\tei5", b"QQ==", b"x"] {
            check(head, line, "[redacted]");
        }
        let head = b"GET / HTTP/1.1\r\ncookie: a\r\nx: y\r\n z\r\n";
        check(head, b" z", " z");
        check(b" x\r\n", b" x", " x");
    }
}
