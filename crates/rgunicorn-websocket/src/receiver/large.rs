//! Large messages, whose payload goes from the input to where the caller wants it.

use super::Coding;
use super::Masking;
use super::Receiver;
use super::advance;
use crate::event::Kind;
use crate::failure::Failure;
use crate::frame::FrameHead;
use crate::frame::Opcode;
use crate::heard::Heard;
use crate::heard::Payload;
use crate::mask::Masked;
use crate::mask::turned;

/// A message whose head was read, and whose payload is the caller's to take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Large {
    /// What it says it is.
    pub kind: Kind,
    /// Bytes of its payload; no more than [`SessionSettings::max_message_size`](crate::SessionSettings).
    pub length: usize,
    /// What has to be taken off its first bytes; zeros where the peer does not mask.
    pub mask: [u8; 4],
}

impl Large {
    /// The mask as it stands after so many bytes.
    #[must_use]
    pub fn mask_after(&self, count: usize) -> [u8; 4] {
        turned(self.mask, count)
    }
}

impl Receiver {
    /// Reads the head of a message that is one frame and not compressed, if the input begins with one and
    /// `wants` it; that is told how many bytes of the payload are there. The caller takes `length` bytes
    /// from the input and from what follows it before the receiver is given anything again.
    ///
    /// All else, and what breaks a rule, is left to [`Self::receive`].
    #[inline]
    pub fn begin_large(
        &mut self,
        input: &mut &mut [u8],
        wants: impl FnOnce(&Large, usize) -> bool,
    ) -> Option<Large> {
        match **input {
            [_, second, ..] if second & LENGTH >= LEAST_EXTENDED => self.begin(input, wants),
            _ => None,
        }
    }

    fn begin(
        &mut self,
        input: &mut &mut [u8],
        wants: impl FnOnce(&Large, usize) -> bool,
    ) -> Option<Large> {
        if self.has_ended() || !self.is_between_messages() {
            return None;
        }
        let (head, head_length) = FrameHead::read(input).ok().flatten()?;
        let large = self.large(&head)?;
        if !wants(&large, input.len() - head_length) {
            return None;
        }
        self.allowance.charge(&head).ok()?;
        self.drop_delivered();
        advance(input, head_length);
        Some(large)
    }

    fn is_between_messages(&self) -> bool {
        self.head.len() == 0 && self.frame.is_none() && self.assembly.is_none()
    }

    fn large(&self, head: &FrameHead) -> Option<Large> {
        let kind = match head.opcode {
            Opcode::Text => Kind::Text,
            Opcode::Binary => Kind::Binary,
            _ => return None,
        };
        let is_masked = self.masking == Masking::Masked;
        if !head.is_last || head.reserved != 0 || head.mask.is_some() != is_masked {
            return None;
        }
        self.check_size(Coding::Plain, head.length).ok()?;
        Some(Large {
            kind,
            length: usize::try_from(head.length).ok()?,
            mask: head.mask.unwrap_or_default(),
        })
    }

    /// The end of what [`Self::begin_large`] began: what `keep` makes of its payload, which is still masked.
    ///
    /// # Errors
    /// Those of `keep`. From then on all input is dropped.
    pub fn end_large<M>(
        &mut self,
        large: &Large,
        payload: &mut [u8],
        keep: impl FnOnce(Heard<'_>) -> Result<M, Failure>,
    ) -> Result<M, Failure> {
        let masked = Masked {
            bytes: payload,
            mask: large.mask,
        };
        let kept = keep(Heard {
            kind: large.kind,
            payload: Payload::Input(masked),
        });
        if kept.is_err() {
            self.has_ended.set(true);
        }
        kept
    }
}

/// Where the second byte of a head has the length, or what says that more bytes have it.
const LENGTH: u8 = 0x7f;

const LEAST_EXTENDED: u8 = 126;
