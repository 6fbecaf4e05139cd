//! A parsed request head: its bytes, and where in them everything is.

use super::facts::Facts;
use super::facts::Framing;
use super::field;
use super::field::Field;
use super::field::Line;
use super::rejection::Refusal;
use super::rejection::Rejection;
use super::request_line::Methods;
use super::request_line::RequestLine;
use super::request_line::Span;
use super::request_line::Version;
use super::tolerance::Tolerance;

/// The head of one request. Owned, and made to be used again: parsing the next head into it
/// allocates nothing once its buffers have grown to the usual size.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The head as received, but with field names in lower case and permitted faults repaired.
    pub(super) bytes: Vec<u8>,
    pub(super) fields: Vec<Field>,
    pub(super) line: RequestLine,
    pub(super) facts: Facts,
    pub(super) framing: Framing,
    /// Of an extended CONNECT.
    pub(super) protocol: Option<Span>,
}

impl Head {
    /// A head of nothing, to be filled by [`parse`](Self::parse).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the content by `input`, exactly the bytes that [`find_head`](super::find_head)
    /// measured, after checking all of it and deciding how the body is framed. What `tolerance`
    /// permits is put right first, but only in a head that would be refused otherwise.
    ///
    /// # Errors
    ///
    /// The rule that `input` breaks, and where. The head is empty then.
    pub fn parse(&mut self, input: &[u8], tolerance: Tolerance) -> Result<(), Refusal> {
        self.take(input)?;
        let mut outcome = self.read(Methods::Usual);
        if outcome.is_err() && tolerance.permits_anything() {
            outcome = self.parse_repaired(input, tolerance);
        }
        if outcome.is_err() {
            self.clear();
        }
        outcome
    }

    #[cold]
    fn parse_repaired(&mut self, input: &[u8], tolerance: Tolerance) -> Result<(), Refusal> {
        self.take(input)?;
        tolerance.repair(&mut self.bytes);
        self.read(tolerance.methods())
    }

    fn take(&mut self, input: &[u8]) -> Result<(), Refusal> {
        self.clear();
        if input.len() > MOST_BYTES {
            return Err(Rejection::FieldTooLarge.at(0));
        }
        self.bytes.extend_from_slice(input);
        Ok(())
    }

    fn read(&mut self, methods: Methods) -> Result<(), Refusal> {
        let start = empty_line_length(&self.bytes);
        self.line =
            RequestLine::read(&self.bytes, start, methods).map_err(|rule| rule.at(start))?;
        self.facts = Facts::new(self.line.version);
        let end = self.read_fields(self.line.end)?;
        if end != self.bytes.len() {
            return Err(Rejection::IncompleteHead.at(end));
        }
        if self.facts.lacks_host() {
            return Err(Rejection::MissingHost.at(start));
        }
        self.framing = self.facts.framing().map_err(|rule| rule.at(start))?;
        if let Some(authority) = self.line.authority {
            self.replace_host(authority);
        }
        Ok(())
    }

    /// Reads the field lines from `start` on, and returns where they end.
    fn read_fields(&mut self, mut start: usize) -> Result<usize, Refusal> {
        loop {
            match field::read(&mut self.bytes, start).map_err(|rule| rule.at(start))? {
                Line::Empty(end) => return Ok(end),
                Line::Field(field, next) => {
                    let name = field.name.of(&self.bytes);
                    self.facts
                        .note(name, field.value.of(&self.bytes), self.fields.len())
                        .map_err(|rule| rule.at(start))?;
                    self.fields.push(field);
                    start = next;
                }
            }
        }
    }

    /// RFC 9112 §3.2.2: the authority of an absolute target is the host, whatever Host says.
    fn replace_host(&mut self, authority: Span) {
        if let Some(host) = self.facts.host {
            self.fields[host].value = authority;
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(b"host");
        let name = Span::new(start, self.bytes.len());
        self.fields.insert(
            0,
            Field {
                name,
                value: authority,
            },
        );
    }

    pub(super) fn clear(&mut self) {
        self.protocol = None;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.fields.clear();
        self.line = RequestLine::default();
        self.facts = Facts::default();
        self.framing = Framing::Empty;
    }

    /// The method: 3 to 20 token characters, none in lower case, unless others are permitted.
    #[must_use]
    pub fn method(&self) -> &str {
        self.text(self.line.method)
    }

    /// The version of the request line, or where others are permitted the one it was read as.
    #[must_use]
    pub fn version(&self) -> Version {
        self.line.version
    }

    /// The target as received (RFC 9112 §3.2).
    #[must_use]
    pub fn target(&self) -> &str {
        self.text(self.line.target)
    }

    /// The path of the target, still percent-encoded and without the query. An absolute-form target
    /// gives its path, `/` if that is empty; `OPTIONS *` gives `*`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text(self.line.path)
    }

    /// The query of the target without its question mark, still percent-encoded; empty if there is
    /// none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.text(self.line.query)
    }

    /// Names in lower case and values without the whitespace around them, in order, repeated ones
    /// included. After an absolute-form target Host is what the target says (RFC 9112 §3.2.2).
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> + ExactSizeIterator {
        self.fields
            .iter()
            .map(|field| (field.name.of(&self.bytes), field.value.of(&self.bytes)))
    }

    /// The value of the last field called `name`, which is in lower case.
    #[must_use]
    pub fn field(&self, name: &[u8]) -> Option<&[u8]> {
        self.fields()
            .rev()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    /// How the body is delimited (RFC 9112 §6.3).
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the client wants another exchange on the connection (RFC 9112 §9.3): HTTP/1.1 unless
    /// it says close, HTTP/1.0 only if it says keep-alive.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        self.facts.keep_alive()
    }

    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    /// Never on HTTP/1.0.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.facts.expects_continue
    }

    /// The protocol asked for, if Connection lists Upgrade and the version is 1.1 (RFC 9110 §7.8).
    #[must_use]
    pub fn upgrade(&self) -> Option<&[u8]> {
        if self.facts.upgrade() {
            self.field(b"upgrade")
        } else {
            None
        }
    }

    /// The protocol that the client wants to speak instead of HTTP: that of [`upgrade`](Self::upgrade),
    /// or the `:protocol` of an extended CONNECT (RFC 8441 §4).
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        match self.protocol {
            Some(span) => Some(span.of(&self.bytes)),
            None => self.upgrade(),
        }
    }

    /// Whether TE lists `trailers` (RFC 9110 §10.1.4).
    #[must_use]
    pub fn accepts_trailers(&self) -> bool {
        self.facts.accepts_trailers
    }

    /// Whether there is a field by which proxies tell of the client. Costs nothing.
    #[must_use]
    pub fn has_proxy_fields(&self) -> bool {
        self.facts.has_proxy_fields
    }

    fn text(&self, span: Span) -> &str {
        std::str::from_utf8(span.of(&self.bytes))
            .expect("a request line is ASCII once it has been read")
    }
}

/// The length of the empty line that may precede a request (RFC 9112 §2.2).
pub(super) fn empty_line_length(head: &[u8]) -> usize {
    if head.starts_with(b"\r\n") { 2 } else { 0 }
}

/// The most that four-byte positions reach, with room for an inserted `host`.
pub(super) const MOST_BYTES: usize = u32::MAX as usize - 4;

/// What a head that was unusually large keeps for the next one.
const KEPT_BYTES: usize = 16 << 10;
