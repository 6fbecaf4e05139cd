//! How an answer looks in HTTP/2: no text, names in lower case, nothing about the connection (RFC 9113 section 8).
//!
//! Pure: everything that decides is an argument.

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;

use crate::fields::EarlyHints;
use crate::fields::Trailers;
use crate::response::Presence;
use crate::response::ResponseHead;
use crate::response::is_bodiless;

/// Why an answer cannot be sent: it has more fields than anybody takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the response has too many header fields")]
pub(super) struct TooManyFields;

/// The head of an answer. `whole` is the length of its body where all of it is known.
pub(super) fn response(
    head: &ResponseHead,
    date: &HeaderValue,
    whole: Option<usize>,
) -> Result<Response<()>, TooManyFields> {
    let mut fields = HeaderMap::with_capacity(8);
    if head.date() == Presence::Absent {
        fields.insert(header::DATE, date.clone());
    }
    if head.server() == Presence::Absent {
        fields.insert(header::SERVER, HeaderValue::from_static("rgunicorn"));
    }
    append(&mut fields, head.fields())?;
    if head.status() == 204 {
        fields.remove(header::CONTENT_LENGTH); // RFC 9110 section 8.6
    }
    if let Some(length) = whole
        && head.content_length().is_none()
        && !is_bodiless(head.status())
    {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(bare(head.status(), fields))
}

/// An interim answer (RFC 9110 section 15.2).
pub(super) fn interim(
    status: u16,
    hints: Option<&EarlyHints>,
) -> Result<Response<()>, TooManyFields> {
    let mut fields = HeaderMap::new();
    if let Some(hints) = hints {
        append(&mut fields, hints.as_bytes())?;
    }
    Ok(bare(status, fields))
}

/// What follows a body.
pub(super) fn trailers(trailers: &Trailers) -> Result<HeaderMap, TooManyFields> {
    fields(trailers.as_bytes())
}

/// Lines of `name: value CRLF`, each of them checked before.
pub(super) fn fields(lines: &[u8]) -> Result<HeaderMap, TooManyFields> {
    let mut fields = HeaderMap::new();
    append(&mut fields, lines)?;
    Ok(fields)
}

fn bare(status: u16, fields: HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    // A status outside of what `http` knows was refused when the application gave it.
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = fields;
    response
}

fn append(fields: &mut HeaderMap, lines: &[u8]) -> Result<(), TooManyFields> {
    if lines.is_empty() {
        return Ok(());
    }
    let shared = Bytes::copy_from_slice(lines);
    let mut start = 0;
    while let Some(length) = memchr::memchr(b'\n', &shared[start..]) {
        let line = &shared[start..start + length];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(colon) = memchr::memchr(b':', line) {
            let value = line[colon + 1..].trim_ascii();
            append_field(fields, &line[..colon], shared.slice_ref(value))?;
        }
        start += length + 1;
    }
    Ok(())
}

fn append_field(fields: &mut HeaderMap, name: &[u8], value: Bytes) -> Result<(), TooManyFields> {
    let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(name),
        HeaderValue::from_maybe_shared(value),
    ) else {
        return Ok(()); // both were checked by stricter rules
    };
    if is_about_the_connection(&name) {
        return Ok(());
    }
    let taken = fields.try_append(name, value);
    taken.map(drop).map_err(|_| TooManyFields)
}

/// RFC 9113 section 8.2.2. `te` has no place in an answer at all.
fn is_about_the_connection(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ]
    .contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(status: i64, fields: &[(&str, &str)], whole: Option<usize>) -> String {
        let mut head = ResponseHead::new(status).unwrap();
        for (name, value) in fields {
            head.field(name.as_bytes(), value.as_bytes()).unwrap();
        }
        let response = response(&head, &HeaderValue::from_static("now"), whole).unwrap();
        let fields = response.headers().iter();
        fields
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn names_are_in_lower_case_and_nothing_is_about_the_connection() {
        let fields = [
            ("X-A", " b "),
            ("TE", "trailers"),
            ("Keep-Alive", "1"),
            ("Connection", "x"),
        ];
        assert_eq!(shown(200, &fields, None), "date=now server=rgunicorn x-a=b");
    }

    #[test]
    fn a_length_is_added_where_it_is_known_and_there_can_be_a_body() {
        assert!(shown(200, &[], Some(5)).ends_with("content-length=5"));
        assert!(!shown(204, &[("content-length", "5")], Some(0)).contains("length"));
        assert!(!shown(304, &[], Some(0)).contains("length"));
        assert!(shown(304, &[("content-length", "5")], Some(0)).ends_with("content-length=5"));
    }

    #[test]
    fn repeated_fields_stay_apart() {
        let fields = [("set-cookie", "a=1"), ("Set-Cookie", "b=2")];
        assert!(shown(200, &fields, None).ends_with("set-cookie=a=1 set-cookie=b=2"));
    }
}
