//! The trailer section, byte by byte: checked like header fields, then dropped (RFC 9112 §7.1.2).

use super::Limits;
use super::octet::is_token;
use super::octet::is_value;
use super::rejection::Rejection;

/// Fields that decide framing, routing or authentication, so that they may not come late (RFC 9110
/// §6.5.1).
const FORBIDDEN: [&str; 6] = [
    "authorization",
    "content-length",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
];

/// As long as the longest forbidden name.
const NAME_KEPT: usize = 17;

/// Where in the trailer section the decoder is.
#[derive(Clone, Debug)]
pub(super) struct Trailers {
    state: State,
    /// Fields begun so far.
    fields: usize,
    /// Bytes of the current line so far.
    line: usize,
    /// The start of the current name, in lower case.
    name: [u8; NAME_KEPT],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    LineStart,
    Name,
    Value,
    LineFeed,
    LastLineFeed,
    Finished,
}

impl Trailers {
    pub(super) fn new() -> Self {
        Self {
            state: State::LineStart,
            fields: 0,
            line: 0,
            name: [0; NAME_KEPT],
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// Takes in one more byte.
    pub(super) fn step(&mut self, byte: u8, limits: &Limits) -> Result<(), Rejection> {
        self.state = match (self.state, byte) {
            (State::LineStart, b'\r') => State::LastLineFeed,
            (State::LineStart | State::Name, byte) => self.step_name(byte, limits)?,
            (State::Value, b'\r') => State::LineFeed,
            (State::Value, byte) if is_value(byte) => State::Value,
            (State::Value, b'\n') | (State::Finished, _) => return Err(Rejection::BareLineFeed),
            (State::Value, _) => return Err(Rejection::FieldValue),
            (State::LineFeed, b'\n') => State::LineStart,
            (State::LastLineFeed, b'\n') => State::Finished,
            (State::LineFeed | State::LastLineFeed, _) => {
                return Err(Rejection::BareCarriageReturn);
            }
        };
        self.count(limits)
    }

    fn step_name(&mut self, byte: u8, limits: &Limits) -> Result<State, Rejection> {
        if self.line == 0 {
            self.fields += 1;
            if self.fields > limits.fields {
                return Err(Rejection::TooManyFields);
            }
        }
        match byte {
            byte if is_token(byte) => {
                if let Some(kept) = self.name.get_mut(self.line) {
                    *kept = byte.to_ascii_lowercase();
                }
                Ok(State::Name)
            }
            b':' if self.line == 0 => Err(Rejection::EmptyFieldName),
            b':' => self.check_name(),
            b' ' | b'\t' if self.line == 0 => Err(Rejection::FoldedField),
            b' ' | b'\t' => Err(Rejection::SpaceBeforeColon),
            b'\r' => Err(Rejection::MissingColon),
            b'\n' => Err(Rejection::BareLineFeed),
            _ => Err(Rejection::FieldName),
        }
    }

    /// Refuses a forbidden name; `line` is its length.
    fn check_name(&self) -> Result<State, Rejection> {
        let name = self.name.get(..self.line).unwrap_or_default();
        match FORBIDDEN
            .iter()
            .find(|forbidden| forbidden.as_bytes() == name)
        {
            Some(forbidden) => Err(Rejection::ForbiddenTrailer(forbidden)),
            None => Ok(State::Value),
        }
    }

    /// Counts the byte just taken, line ends included, as `limit_request_field_size` does.
    fn count(&mut self, limits: &Limits) -> Result<(), Rejection> {
        self.line += 1;
        if matches!(self.state, State::Name | State::Value) && self.line + 2 > limits.field_size {
            return Err(Rejection::FieldTooLarge);
        }
        if self.state == State::LineStart {
            self.line = 0;
        }
        Ok(())
    }
}
