//! What a peer says, in whole messages.

use crate::close::CloseCode;
use crate::failure::Failure;
use crate::text::text;

/// One thing that the peer said, with a message as `M`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event<'a, M = Message<'a>> {
    /// A whole message: put together, inflated, and checked.
    Message(M),
    /// To be answered by a pong with the same payload, unless the session is closing.
    Ping(&'a [u8]),
    /// An answer to a ping, or a heartbeat that nobody asked for.
    Pong(&'a [u8]),
    /// The last thing the peer says; what comes after it is dropped.
    Close(Close<'a>),
}

/// A message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Which of the two it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Binary(_) => Kind::Binary,
        }
    }

    /// Its bytes; those of text are UTF-8.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// The two kinds of messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// The peer's goodbye.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Close<'a> {
    /// None where the frame was empty. Has the number 1005 then, see [`number`](Self::number).
    pub code: Option<CloseCode>,
    /// Empty where none was given.
    pub reason: &'a str,
}

impl<'a> Close<'a> {
    /// RFC 6455 section 5.5.1.
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, Failure> {
        if payload.is_empty() {
            return Ok(Self {
                code: None,
                reason: "",
            });
        }
        let (number, reason) = payload.split_first_chunk().ok_or(Failure::CloseFrame)?;
        let number = u16::from_be_bytes(*number);
        Ok(Self {
            code: Some(CloseCode::new(number).ok_or(Failure::CloseCode(number))?),
            reason: text(reason)?,
        })
    }

    /// The code, or 1005 where there is none (RFC 6455 section 7.1.5).
    #[must_use]
    pub fn number(&self) -> u16 {
        self.code.map_or(1005, CloseCode::get)
    }
}
