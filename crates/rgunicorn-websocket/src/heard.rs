//! A whole message that nobody has looked into.

use crate::event::Kind;
use crate::event::Message;
use crate::failure::Failure;
use crate::mask::Masked;
use crate::text::text;

/// A message, put together and inflated. Who copies a large one anyway can unmask it on the way.
#[derive(Debug)]
pub struct Heard<'a> {
    pub(crate) kind: Kind,
    pub(crate) payload: Payload<'a>,
}

/// Where something whole is.
#[derive(Debug)]
pub(crate) enum Payload<'a> {
    /// In the input, as it came.
    Input(Masked<'a>),
    /// Where it was gathered.
    Gathered(&'a [u8]),
}

impl<'a> Heard<'a> {
    /// What it says it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether nothing was done to it: it is one frame, and was not compressed.
    #[must_use]
    pub fn is_as_it_came(&self) -> bool {
        matches!(self.payload, Payload::Input(_))
    }

    /// Its bytes as they are, and the mask that has to be taken off; zeros where there is none.
    #[must_use]
    pub fn masked(&self) -> (&[u8], [u8; 4]) {
        match &self.payload {
            Payload::Input(masked) => (masked.bytes, masked.mask),
            Payload::Gathered(bytes) => (bytes, [0; 4]),
        }
    }

    /// The message itself, unmasked in place.
    ///
    /// # Errors
    /// Where a text is not UTF-8.
    pub fn message(self) -> Result<Message<'a>, Failure> {
        let bytes = self.payload.plain();
        Ok(match self.kind {
            Kind::Text => Message::Text(text(bytes)?),
            Kind::Binary => Message::Binary(bytes),
        })
    }
}

impl<'a> Payload<'a> {
    /// Its bytes without a mask.
    pub(crate) fn plain(self) -> &'a [u8] {
        match self {
            Self::Input(masked) => masked.unmask(),
            Self::Gathered(bytes) => bytes,
        }
    }
}
