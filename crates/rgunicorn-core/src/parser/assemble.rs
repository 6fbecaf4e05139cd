//! A head from what HTTP/2 brought in pieces, under the rules that hold for a head in text.

use super::Limits;
use super::facts::Facts;
use super::facts::Framing;
use super::field::Field;
use super::head::Head;
use super::head::MOST_BYTES;
use super::octet;
use super::rejection::Rejection;
use super::request_line::Connect;
use super::request_line::RequestLine;
use super::request_line::Span;
use super::request_line::Version;
use super::tolerance::Tolerance;

/// The pseudo-header fields of a request (RFC 9113 §8.3.1), but for the scheme.
#[derive(Clone, Copy, Debug)]
pub struct Pseudo<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// `:path`; only a CONNECT may lack it.
    pub path: Option<&'a [u8]>,
    /// `:authority`.
    pub authority: Option<&'a [u8]>,
    /// `:protocol` of an extended CONNECT (RFC 8441 §4).
    pub protocol: Option<&'a [u8]>,
}

impl Head {
    /// Replaces the content by a request of HTTP/2. Names have to be in lower case. `:authority`
    /// becomes the first field, `host`, in place of all others of that name. How long the body is
    /// says `content-length`; without one it is [`Framing::Chunked`], which is to say unknown.
    ///
    /// # Errors
    ///
    /// The rule that is broken. The head is empty then, but for the request line if that is good.
    pub fn assemble<'a>(
        &mut self,
        pseudo: &Pseudo<'_>,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        limits: &Limits,
        tolerance: Tolerance,
    ) -> Result<(), Rejection> {
        self.clear();
        let limits = limits.resolved();
        self.take_pseudo(pseudo, &limits, tolerance)?;
        let outcome = self.take_fields(pseudo, fields, &limits);
        if outcome.is_err() {
            self.fields.clear();
            self.facts = Facts::new(Version::Http2);
            self.framing = Framing::Empty;
        }
        outcome
    }

    fn take_pseudo(
        &mut self,
        pseudo: &Pseudo<'_>,
        limits: &Limits,
        tolerance: Tolerance,
    ) -> Result<(), Rejection> {
        let is_connect = pseudo.method == b"CONNECT";
        let path = match pseudo.path {
            Some(path) if !path.is_empty() => path,
            _ if is_connect => return Err(Rejection::Connect),
            _ => return Err(Rejection::MissingPseudo),
        };
        if pseudo.method.len() + path.len() + " HTTP/2".len() + 1 > limits.request_line {
            return Err(Rejection::RequestLineTooLong);
        }
        self.bytes.extend_from_slice(pseudo.method);
        if tolerance.casefold_method {
            self.bytes.make_ascii_uppercase();
        }
        self.bytes.push(b' ');
        self.bytes.extend_from_slice(path);
        self.bytes.push(b' ');
        let connect = if is_connect && pseudo.protocol.is_some() {
            Connect::Extended
        } else {
            Connect::Usual
        };
        let line = RequestLine::read_pseudo(&self.bytes, connect, tolerance.methods());
        self.line = line.inspect_err(|_| self.bytes.clear())?;
        if let Some(protocol) = pseudo.protocol {
            self.protocol = Some(self.append(protocol));
        }
        Ok(())
    }

    fn take_fields<'a>(
        &mut self,
        pseudo: &Pseudo<'_>,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        limits: &Limits,
    ) -> Result<(), Rejection> {
        self.facts = Facts::new(Version::Http2);
        if let Some(authority) = pseudo.authority {
            self.take_field(b"host", authority, limits)?;
        }
        for (name, value) in fields {
            match pseudo.authority {
                Some(authority) if name == b"host" => {
                    // RFC 9113 §8.3.1: who names two is up to something.
                    if !authority.eq_ignore_ascii_case(value) {
                        return Err(Rejection::DifferentHosts);
                    }
                }
                _ => self.take_field(name, value, limits)?,
            }
        }
        match self.facts.host {
            None => return Err(Rejection::MissingHost),
            Some(host) if self.fields[host].value.of(&self.bytes).is_empty() => {
                return Err(Rejection::Host);
            }
            Some(_) => {}
        }
        self.framing = self.facts.framing()?;
        Ok(())
    }

    fn take_field(&mut self, name: &[u8], value: &[u8], limits: &Limits) -> Result<(), Rejection> {
        let length = name.len() + ": ".len() + value.len() + "\r\n".len();
        if length > limits.field_size || self.bytes.len() + length > MOST_BYTES {
            return Err(Rejection::FieldTooLarge);
        }
        if self.fields.len() == limits.fields {
            return Err(Rejection::TooManyFields);
        }
        // RFC 9113 §8.2.1: no whitespace around it, unlike in a line of text.
        let is_value = octet::value_length(value) == value.len() && octet::trim(value) == value;
        if !is_value {
            return Err(Rejection::FieldValue);
        }
        self.facts.note(name, value, self.fields.len())?;
        let name = self.append(name);
        let value = self.append(value);
        self.fields.push(Field { name, value });
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Span::new(start, self.bytes.len())
    }

    /// Says that a body of unknown length follows, if none was announced.
    pub(crate) fn expect_body(&mut self) {
        if self.framing == Framing::Empty {
            self.framing = Framing::Chunked;
        }
    }
}
