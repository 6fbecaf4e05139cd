//! How an answer looks in HTTP/1.1: status line, fields, framing (RFC 9112).
//!
//! Pure: everything that decides is an argument.

use bytes::BufMut;

use crate::clock::DATE_LENGTH;
use crate::fields::EarlyHints;
use crate::fields::Trailers;
use crate::outgoing::Outgoing;
use crate::parser::Head;
use crate::parser::Version;
use crate::response::Connection;
use crate::response::Presence;
use crate::response::ResponseHead;
use crate::response::is_bodiless;

/// The interim answer to `Expect: 100-continue` (RFC 9110 section 10.1.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How the end of a response body is shown (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum BodyFraming {
    /// There is none.
    #[default]
    None,
    /// By `content-length`.
    Sized,
    /// By the last chunk.
    Chunked,
    /// By the end of the connection: HTTP/1.0, where chunked is unknown.
    UntilClose,
    /// What follows is another protocol's (RFC 9110 section 7.8).
    Tunnel,
}

/// What becomes of the connection after the answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Persistence {
    /// It serves the next request.
    #[default]
    Keep,
    /// It ends.
    Close,
}

/// Decides how the body is framed. `whole` is its length where all of it is known.
pub(crate) fn framing(request: &Head, head: &ResponseHead, whole: Option<usize>) -> BodyFraming {
    if head.begins_tunnel() {
        BodyFraming::Tunnel
    } else if request.method() == "HEAD" || is_bodiless(head.status()) {
        BodyFraming::None
    } else if head.content_length().is_some() || whole.is_some() {
        BodyFraming::Sized
    } else if request.version() == Version::Http11 {
        BodyFraming::Chunked
    } else {
        BodyFraming::UntilClose
    }
}

/// Decides whether the connection survives, given what the server wants.
pub(crate) fn persistence(
    request: &Head,
    head: &ResponseHead,
    framing: BodyFraming,
    server: Persistence,
) -> Persistence {
    let keep = server == Persistence::Keep
        && request.keep_alive()
        && head.connection() == Connection::Unsaid
        && head.protocol().is_none()
        && !matches!(framing, BodyFraming::UntilClose | BodyFraming::Tunnel);
    if keep {
        Persistence::Keep
    } else {
        Persistence::Close
    }
}

/// The facts a head is written from.
#[derive(Debug)]
pub(crate) struct HeadFacts {
    pub(crate) version: Version,
    pub(crate) framing: BodyFraming,
    pub(crate) persistence: Persistence,
    pub(crate) date: [u8; DATE_LENGTH],
    /// The body's length where all of it is known.
    pub(crate) whole: Option<usize>,
}

/// Appends the head, up to and with the empty line.
pub(crate) fn head(out: &mut Vec<u8>, head: &ResponseHead, facts: &HeadFacts) {
    out.reserve(head.fields().len() + 192);
    status_line(out, head);
    if head.date() == Presence::Absent {
        out.put_slice(b"date: ");
        out.put_slice(&facts.date);
        out.put_slice(b"\r\n");
    }
    if head.server() == Presence::Absent {
        out.put_slice(b"server: rgunicorn\r\n");
    }
    if let Some(protocol) = head.protocol() {
        out.put_slice(b"upgrade: ");
        out.put_slice(protocol.as_bytes());
        out.put_slice(b"\r\n");
    }
    match facts.persistence {
        _ if head.begins_tunnel() => out.put_slice(b"connection: upgrade\r\n"),
        _ if head.protocol().is_some() => out.put_slice(b"connection: upgrade, close\r\n"),
        Persistence::Close => out.put_slice(b"connection: close\r\n"),
        Persistence::Keep if facts.version == Version::Http10 => {
            out.put_slice(b"connection: keep-alive\r\n");
        }
        Persistence::Keep => {}
    }
    fields(out, head);
    match facts.framing {
        BodyFraming::Chunked => out.put_slice(b"transfer-encoding: chunked\r\n"),
        BodyFraming::Sized if head.content_length().is_none() => {
            out.put_slice(b"content-length: ");
            decimal(out, facts.whole.unwrap_or_default());
            out.put_slice(b"\r\n");
        }
        _ => {}
    }
    out.put_slice(b"\r\n");
}

/// The application's fields; a 101 and a 204 have no `content-length` (RFC 9110 section 8.6).
fn fields(out: &mut Vec<u8>, head: &ResponseHead) {
    if (head.status() != 204 && !head.begins_tunnel()) || head.content_length().is_none() {
        return out.put_slice(head.fields());
    }
    for line in head.fields().split_inclusive(|&byte| byte == b'\n') {
        let name = line.get(.."content-length:".len()).unwrap_or_default();
        if !name.eq_ignore_ascii_case(b"content-length:") {
            out.put_slice(line);
        }
    }
}

fn status_line(out: &mut Vec<u8>, head: &ResponseHead) {
    out.put_slice(b"HTTP/1.1 ");
    decimal(out, usize::from(head.status()));
    out.put_slice(b" ");
    out.put_slice(head.reason());
    out.put_slice(b"\r\n");
}

/// Moves what is in `body` to `out`, framed. An empty part writes nothing:
/// an empty chunk would end the body (RFC 9112 section 7.1).
pub(crate) fn body(out: &mut Outgoing, framing: BodyFraming, body: &mut Outgoing) {
    match framing {
        BodyFraming::None => body.clear(),
        BodyFraming::Sized | BodyFraming::UntilClose | BodyFraming::Tunnel => out.append(body),
        BodyFraming::Chunked if body.is_empty() => {}
        BodyFraming::Chunked => {
            hexadecimal(out.copied(), body.len());
            out.copy(b"\r\n");
            out.append(body);
            out.copy(b"\r\n");
        }
    }
}

/// Appends what shows the end of a body. Only chunked has room for trailers
/// (RFC 9112 section 7.1.2).
pub(crate) fn end(out: &mut Outgoing, framing: BodyFraming, trailers: &Trailers) {
    if framing == BodyFraming::Chunked {
        out.copy(b"0\r\n");
        out.copy(trailers.as_bytes());
        out.copy(b"\r\n");
    }
}

/// Appends interim heads (RFC 8297).
pub(crate) fn early_hints(out: &mut Outgoing, hints: &mut Vec<EarlyHints>) {
    for hint in hints.drain(..) {
        out.copy(b"HTTP/1.1 103 Early Hints\r\n");
        out.copy(hint.as_bytes());
        out.copy(b"\r\n");
    }
}

fn decimal(out: &mut Vec<u8>, number: usize) {
    out.put_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn hexadecimal(out: &mut Vec<u8>, number: usize) {
    let digits = (usize::BITS - (number | 1).leading_zeros()).div_ceil(4);
    for shift in (0..digits).rev() {
        let digit = (number >> (shift * 4)) & 0xf;
        out.push(b"0123456789abcdef"[digit]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::Tolerance;
    use std::io::IoSlice;

    fn request(text: &str) -> Head {
        let mut head = Head::new();
        head.parse(text.as_bytes(), Tolerance::default()).unwrap();
        head
    }

    fn check(request: &Head, response: &ResponseHead, parts: &[&str]) -> String {
        let whole = (parts.len() == 1).then(|| parts[0].len());
        let framing = framing(request, response, whole);
        let facts = HeadFacts {
            version: request.version(),
            framing,
            persistence: persistence(request, response, framing, Persistence::Keep),
            date: *b"Mon, 23 Nov 2026 01:02:03 GMT",
            whole,
        };
        let mut out = Outgoing::default();
        head(out.copied(), response, &facts);
        for part in parts {
            let mut source = Outgoing::default();
            source.copy(part.as_bytes());
            body(&mut out, framing, &mut source);
        }
        end(&mut out, framing, &Trailers::new());
        let mut slices = [IoSlice::new(&[]); crate::outgoing::SLICES];
        let filled = out.slices(&mut slices);
        slices[..filled]
            .iter()
            .map(|slice| String::from_utf8_lossy(slice))
            .collect()
    }

    fn response(status: i64, fields: &[(&str, &str)]) -> ResponseHead {
        let mut head = ResponseHead::new(status).unwrap();
        for (name, value) in fields {
            head.field(name.as_bytes(), value.as_bytes()).unwrap();
        }
        head
    }

    const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const DEFAULTS: &str = "date: Mon, 23 Nov 2026 01:02:03 GMT\r\nserver: rgunicorn\r\n";

    #[test]
    fn one_part_is_sized() {
        let expected =
            format!("HTTP/1.1 200 OK\r\n{DEFAULTS}a: b\r\ncontent-length: 5\r\n\r\nhello");
        assert_eq!(
            check(&request(GET), &response(200, &[("a", "b")]), &["hello"]),
            expected
        );
    }

    #[test]
    fn several_parts_are_chunked_and_an_empty_part_ends_nothing() {
        let expected = format!(
            "HTTP/1.1 200 OK\r\n{DEFAULTS}transfer-encoding: chunked\r\n\r\n\
             10\r\n0123456789abcdef\r\n1\r\nz\r\n0\r\n\r\n"
        );
        let parts = ["0123456789abcdef", "", "z"];
        assert_eq!(check(&request(GET), &response(200, &[]), &parts), expected);
    }

    #[test]
    fn http_1_0_is_never_sent_chunks() {
        let old = request("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
        let expected = format!("HTTP/1.1 200 OK\r\n{DEFAULTS}connection: close\r\n\r\nab");
        assert_eq!(check(&old, &response(200, &[]), &["a", "b"]), expected);
        let sized = check(&old, &response(200, &[]), &["a"]);
        assert!(sized.contains("\r\nconnection: keep-alive\r\n"), "{sized}");
    }

    #[test]
    fn the_answer_to_head_keeps_its_length_and_loses_its_body() {
        let head = request("HEAD / HTTP/1.1\r\nhost: x\r\n\r\n");
        let answer = check(
            &head,
            &response(200, &[("content-length", "5")]),
            &["hello"],
        );
        assert!(answer.ends_with("content-length: 5\r\n\r\n"), "{answer}");
    }

    #[test]
    fn a_204_has_neither_body_nor_length_and_a_304_keeps_its_length() {
        let none = check(
            &request(GET),
            &response(204, &[("content-length", "2")]),
            &["ab"],
        );
        assert_eq!(none, format!("HTTP/1.1 204 No Content\r\n{DEFAULTS}\r\n"));
        let unmodified = check(
            &request(GET),
            &response(304, &[("content-length", "2")]),
            &[""],
        );
        assert!(
            unmodified.ends_with("content-length: 2\r\n\r\n"),
            "{unmodified}"
        );
    }

    #[test]
    fn date_and_server_are_the_applications_if_it_wants() {
        let answer = check(
            &request(GET),
            &response(200, &[("Date", "x"), ("Server", "y")]),
            &[""],
        );
        assert_eq!(
            answer,
            "HTTP/1.1 200 OK\r\nDate: x\r\nServer: y\r\ncontent-length: 0\r\n\r\n"
        );
    }

    #[test]
    fn chunk_sizes_are_hexadecimal() {
        for number in [0, 1, 15, 16, 255, 256, 65_535, 1_048_576] {
            let mut out = Vec::new();
            hexadecimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{number:x}"));
        }
    }
}
