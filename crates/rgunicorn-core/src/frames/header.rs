//! The header of a frame, and what a frame of its kind may be (RFC 9113 section 4.1 and 6).

use super::breach::Breach;

/// What the nine bytes say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Bytes of the payload.
    pub(super) length: u32,
    pub(super) kind: u8,
    flags: u8,
    /// Zero for the connection.
    pub(super) stream: u32,
}

impl Header {
    pub(super) fn read(bytes: [u8; LENGTH]) -> Self {
        let [high, middle, low, kind, flags, first, second, third, fourth] = bytes;
        Self {
            length: u32::from_be_bytes([0, high, middle, low]),
            kind,
            flags,
            stream: u32::from_be_bytes([first & 0x7f, second, third, fourth]),
        }
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether a frame can be like this at all, whatever came before it.
    pub(super) fn judge(&self) -> Result<(), Breach> {
        if !self.is_on_fitting_stream() {
            Err(Breach::Stream)
        } else if !self.has_fitting_length() {
            Err(Breach::Length)
        } else if self.kind == PUSH_PROMISE {
            Err(Breach::Push)
        } else {
            Ok(())
        }
    }

    /// Bytes of the payload behind the length of the padding that are no padding.
    pub(super) fn before_content(&self) -> usize {
        if self.kind == HEADERS && self.has(PRIORITIZED) {
            PRIORITY_LENGTH as usize
        } else {
            0
        }
    }

    /// Of the payload of HEADERS, what belongs to the field block.
    pub(super) fn fragment<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        let padded = usize::from(self.has(PADDED));
        let padding = if padded > 0 { *payload.first()? } else { 0 };
        let end = payload.len().checked_sub(usize::from(padding))?;
        payload.get(padded + self.before_content()..end)
    }

    fn is_on_fitting_stream(&self) -> bool {
        match self.kind {
            DATA | HEADERS | PRIORITY | RST_STREAM | CONTINUATION | PUSH_PROMISE => {
                self.stream != 0
            }
            SETTINGS | PING | GOAWAY => self.stream == 0,
            _ => true,
        }
    }

    fn has_fitting_length(&self) -> bool {
        let length = self.length;
        let padded = u32::from(self.has(PADDED));
        match self.kind {
            DATA => length >= padded,
            HEADERS => length as usize >= padded as usize + self.before_content(),
            PRIORITY => length == PRIORITY_LENGTH,
            SETTINGS if self.has(ACK) => length == 0,
            SETTINGS => length.is_multiple_of(6),
            PING => length == 8,
            GOAWAY => length >= 8,
            RST_STREAM | WINDOW_UPDATE => length == 4,
            _ => true,
        }
    }
}

pub(crate) const LENGTH: usize = 9;

pub(super) const DATA: u8 = 0x0;
pub(crate) const HEADERS: u8 = 0x1;
const PRIORITY: u8 = 0x2;
pub(super) const RST_STREAM: u8 = 0x3;
pub(crate) const SETTINGS: u8 = 0x4;
const PUSH_PROMISE: u8 = 0x5;
pub(super) const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;
pub(super) const WINDOW_UPDATE: u8 = 0x8;
pub(crate) const CONTINUATION: u8 = 0x9;

pub(super) const ACK: u8 = 0x1;
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
pub(super) const PRIORITIZED: u8 = 0x20;

/// RFC 9113 section 6.3.
const PRIORITY_LENGTH: u32 = 5;
