//! The head of a response, checked as it is built.
//!
//! Fields are kept in the order in which the application gave them, already in
//! wire form: `name: value CRLF`. What frames the body is the server's
//! business, so `transfer-encoding` and the hop-by-hop fields are read and
//! left out (RFC 9110 section 7.6.1).

use crate::error::InvalidHead;
use crate::fields::FieldLines;

/// A final response's status and fields.
#[derive(Debug)]
pub struct ResponseHead {
    status: u16,
    /// What goes behind the status, where it is not the usual phrase.
    reason: Option<Box<[u8]>>,
    fields: FieldLines,
    content_length: Option<u64>,
    connection: Connection,
    date: Presence,
    server: Presence,
    trailers: Presence,
    buffering: Buffering,
    /// What the connection becomes behind this head, or would have to become before another answer.
    protocol: Option<&'static str>,
}

/// Whether the application wants the connection to end after this response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Connection {
    /// The protocol decides.
    Unsaid,
    /// The application sent `connection: close`.
    Close,
}

/// Whether the application gave something that it may leave out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Presence {
    /// It did not.
    Absent,
    /// It did.
    Present,
}

/// Whether the head may wait for the first body event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Buffering {
    /// It may: one write for head and body.
    Allowed,
    /// It may not: the client of an event stream waits for the head.
    Refused,
}

impl ResponseHead {
    /// A head without fields.
    ///
    /// # Errors
    /// [`InvalidHead::Status`] outside 200..=999: a final status has three
    /// digits and is not informational (RFC 9110 section 15).
    pub fn new(status: i64) -> Result<Self, InvalidHead> {
        let number = u16::try_from(status)
            .ok()
            .filter(|number| (200..=999).contains(number));
        Ok(Self {
            status: number.ok_or(InvalidHead::Status(status))?,
            reason: None,
            fields: FieldLines::with_room(),
            content_length: None,
            connection: Connection::Unsaid,
            date: Presence::Absent,
            server: Presence::Absent,
            trailers: Presence::Absent,
            buffering: Buffering::Allowed,
            protocol: None,
        })
    }

    /// The head behind which the connection speaks `protocol`
    /// ([`Responder::tunnel`](crate::responder::Responder::tunnel)).
    pub fn switching_to(protocol: &'static str) -> Self {
        Self {
            status: SWITCHING_PROTOCOLS,
            reason: None,
            fields: FieldLines::with_room(),
            content_length: None,
            connection: Connection::Unsaid,
            date: Presence::Absent,
            server: Presence::Absent,
            trailers: Presence::Absent,
            buffering: Buffering::Refused,
            protocol: Some(protocol),
        }
    }

    /// The same as HTTP/2 says it (RFC 8441 section 5).
    pub(crate) fn over_http2(mut self) -> Self {
        self.status = 200;
        self
    }

    /// The head of an answer that the server itself gives; it ends the connection.
    pub(crate) fn plain_text(status: u16, length: usize) -> Self {
        let fields =
            format!("content-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n");
        Self {
            status,
            reason: None,
            fields: FieldLines::checked(fields.into_bytes()),
            content_length: Some(length as u64),
            connection: Connection::Close,
            date: Presence::Absent,
            server: Presence::Absent,
            trailers: Presence::Absent,
            buffering: Buffering::Allowed,
            protocol: None,
        }
    }

    /// Appends one field.
    ///
    /// # Errors
    /// [`InvalidHead::Name`] for a name that is no token, and
    /// [`InvalidHead::Value`] for a value with a control character
    /// (RFC 9110 sections 5.1 and 5.5); [`InvalidHead::ContentLength`] for a
    /// `content-length` that is no number or differs from an earlier one.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidHead> {
        FieldLines::check(name, value)?;
        if self.takes(name, value)? == Destiny::Sent {
            self.fields.append(name, value);
        }
        Ok(())
    }

    /// Says that fields will follow the body (RFC 9110 section 6.5).
    pub fn promise_trailers(&mut self) {
        self.trailers = Presence::Present;
    }

    /// Looks at the few fields that mean something to the server. Sorted by
    /// length first: almost every name is told apart by that alone.
    fn takes(&mut self, name: &[u8], value: &[u8]) -> Result<Destiny, InvalidHead> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is(b"date") => self.date = Presence::Present,
            6 if is(b"server") => self.server = Presence::Present,
            7 if is(b"upgrade") => return Ok(Destiny::Dropped),
            10 if is(b"connection") => {
                if lists(value, b"close") {
                    self.connection = Connection::Close;
                }
                return Ok(Destiny::Dropped);
            }
            10 if is(b"keep-alive") => return Ok(Destiny::Dropped),
            12 if is(b"content-type") && starts_with(value, b"text/event-stream") => {
                self.buffering = Buffering::Refused;
            }
            14 if is(b"content-length") => {
                let length = parse_length(value).ok_or(InvalidHead::ContentLength)?;
                let before = self.content_length.replace(length);
                if before.is_some_and(|before| before != length) {
                    return Err(InvalidHead::ContentLength);
                }
                // A repetition that agrees is one field (RFC 9110 section 8.6).
                return Ok(match before {
                    Some(_) => Destiny::Dropped,
                    None => Destiny::Sent,
                });
            }
            16 if is(b"proxy-connection") => return Ok(Destiny::Dropped),
            17 if is(b"transfer-encoding") => return Ok(Destiny::Dropped),
            _ => {}
        }
        Ok(Destiny::Sent)
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Sets the reason phrase, of any bytes that a field value may have (RFC
    /// 9112 section 4). Only HTTP/1 sends it.
    ///
    /// # Errors
    /// [`InvalidHead::Reason`] for one with a control character.
    pub fn set_reason(&mut self, phrase: &[u8]) -> Result<(), InvalidHead> {
        if phrase == reason(self.status).as_bytes() {
            return Ok(());
        }
        FieldLines::check(b"reason", phrase).map_err(|_| InvalidHead::Reason)?;
        self.reason = Some(phrase.into());
        Ok(())
    }

    /// The reason phrase: what was set, or what the status is registered with.
    pub(crate) fn reason(&self) -> &[u8] {
        match &self.reason {
            Some(phrase) => phrase,
            None => reason(self.status).as_bytes(),
        }
    }

    /// The `content-length` that the application set.
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// The fields in wire form.
    pub(crate) fn fields(&self) -> &[u8] {
        self.fields.as_bytes()
    }

    /// Names and values of the fields, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let lines = self.fields().split(|&byte| byte == b'\n');
        lines.filter_map(|line| {
            let line = line.strip_suffix(b"\r")?;
            let colon = line.iter().position(|&byte| byte == b':')?;
            Some((&line[..colon], line[colon + 1..].trim_ascii()))
        })
    }

    pub(crate) fn connection(&self) -> Connection {
        self.connection
    }

    pub(crate) fn date(&self) -> Presence {
        self.date
    }

    pub(crate) fn server(&self) -> Presence {
        self.server
    }

    pub(crate) fn trailers(&self) -> Presence {
        self.trailers
    }

    pub(crate) fn buffering(&self) -> Buffering {
        self.buffering
    }

    /// Names the protocol that a 426 asks for (RFC 9110 section 15.5.22).
    pub fn require(&mut self, protocol: &'static str) {
        self.protocol = Some(protocol);
    }

    /// What stands in the `upgrade` field.
    pub(crate) fn protocol(&self) -> Option<&'static str> {
        self.protocol
    }

    /// Whether the connection speaks something else behind this head.
    pub(crate) fn begins_tunnel(&self) -> bool {
        self.status == SWITCHING_PROTOCOLS
    }
}

#[derive(Eq, PartialEq)]
enum Destiny {
    Sent,
    Dropped,
}

/// The status of a head behind which the connection speaks something else (RFC 9110 section 15.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;

/// Statuses that never have a body (RFC 9110 sections 15.3.5 and 15.4.5).
pub(crate) fn is_bodiless(status: u16) -> bool {
    matches!(status, 204 | 304)
}

/// The reason phrase of a status code; empty for one that IANA does not list.
pub fn reason(status: u16) -> &'static str {
    if status == 200 {
        return "OK"; // most are
    }
    if status == SWITCHING_PROTOCOLS {
        return "Switching Protocols";
    }
    REASONS
        .binary_search_by_key(&status, |(code, _)| *code)
        .map_or("", |index| REASONS[index].1)
}

fn lists(value: &[u8], token: &[u8]) -> bool {
    value
        .split(|&byte| byte == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

fn starts_with(value: &[u8], prefix: &[u8]) -> bool {
    value
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn parse_length(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// IANA's registry of status codes, in order.
const REASONS: [(u16, &str); 57] = [
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (203, "Non-Authoritative Information"),
    (204, "No Content"),
    (205, "Reset Content"),
    (206, "Partial Content"),
    (207, "Multi-Status"),
    (208, "Already Reported"),
    (226, "IM Used"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (305, "Use Proxy"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Content Too Large"),
    (414, "URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Range Not Satisfiable"),
    (417, "Expectation Failed"),
    (418, "I'm a Teapot"),
    (421, "Misdirected Request"),
    (422, "Unprocessable Content"),
    (423, "Locked"),
    (424, "Failed Dependency"),
    (425, "Too Early"),
    (426, "Upgrade Required"),
    (428, "Precondition Required"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (451, "Unavailable For Legal Reasons"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Timeout"),
    (505, "HTTP Version Not Supported"),
    (506, "Variant Also Negotiates"),
    (507, "Insufficient Storage"),
    (508, "Loop Detected"),
    (511, "Network Authentication Required"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &[u8], value: &[u8]) -> Result<String, InvalidHead> {
        let mut head = ResponseHead::new(200)?;
        head.field(name, value)?;
        Ok(String::from_utf8_lossy(head.fields()).into_owned())
    }

    #[test]
    fn fields_are_kept_as_the_application_wrote_them() {
        assert_eq!(
            check(b"X-Name", b"a\tb \xc2\xb5").unwrap(),
            "X-Name: a\tb \u{b5}\r\n"
        );
    }

    #[test]
    fn a_value_cannot_smuggle_a_line() {
        for value in [&b"a\r\nb: c"[..], b"a\nb", b"a\0b", b"a\x7f"] {
            assert_eq!(
                check(b"x", value),
                Err(InvalidHead::Value("x".into())),
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_name_is_a_token() {
        for name in [
            &b""[..],
            b"a b",
            b":status",
            b"a:",
            b"a\r\n",
            b"caf\xc3\xa9",
        ] {
            assert!(
                matches!(check(name, b"x"), Err(InvalidHead::Name(_))),
                "{name:?}"
            );
        }
    }

    #[test]
    fn what_frames_the_body_is_the_servers_business() {
        for name in [
            &b"Transfer-Encoding"[..],
            b"Keep-Alive",
            b"Connection",
            b"Upgrade",
        ] {
            assert_eq!(check(name, b"chunked").unwrap(), "");
        }
    }

    #[test]
    fn a_content_length_is_one_number() {
        for value in [
            &b""[..],
            b"-1",
            b"+1",
            b"1,1",
            b"0x1",
            b"99999999999999999999999",
        ] {
            assert_eq!(
                check(b"content-length", value),
                Err(InvalidHead::ContentLength)
            );
        }
        let mut head = ResponseHead::new(200).unwrap();
        head.field(b"Content-Length", b"5").unwrap();
        assert_eq!(head.content_length(), Some(5));
        assert_eq!(
            head.field(b"content-length", b"6"),
            Err(InvalidHead::ContentLength)
        );
    }

    #[test]
    fn a_final_status_has_three_digits_and_is_not_informational() {
        for status in [-1, 0, 99, 100, 199, 1000, 65_736] {
            assert_eq!(
                ResponseHead::new(status).unwrap_err(),
                InvalidHead::Status(status)
            );
        }
        assert_eq!(reason(ResponseHead::new(599).unwrap().status()), "");
        assert_eq!(reason(404), "Not Found");
    }
}
