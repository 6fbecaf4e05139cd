//! UTF-8 that arrives in pieces: what is wrong is found with the byte that makes it wrong.

use simdutf8::basic;
use simdutf8::compat;

use crate::failure::Failure;

/// How much of a message is known to be text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TextCheck {
    checked: usize,
}

impl TextCheck {
    /// Checks what is new in `message`, which goes on. It may end within a character.
    pub(crate) fn go_on(&mut self, message: &[u8]) -> Result<(), Failure> {
        match compat::from_utf8(&message[self.checked..]) {
            Ok(_) => self.checked = message.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Failure::Text),
        }
        Ok(())
    }
}

/// A whole message, or a reason, as text.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Failure> {
    basic::from_utf8(bytes).map_err(|_| Failure::Text)
}
