//! The head of a frame, read and written (RFC 6455 section 5.2).

use crate::event::Kind;
use crate::failure::Failure;

/// What a frame is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// All that stands before a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FrameHead {
    /// Whether it ends its message.
    pub(crate) is_last: bool,
    /// The three reserved bits, where they stand in the first byte.
    pub(crate) reserved: u8,
    pub(crate) opcode: Opcode,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) length: u64,
}

/// The first reserved bit: the message is compressed (RFC 7692 section 6).
pub(crate) const COMPRESSED: u8 = 0x40;

/// The most bytes that a ping, pong or close frame carries (RFC 6455 section 5.5).
pub const LONGEST_CONTROL: usize = 125;

/// The most bytes that a head has: two, a length of 8, a mask of 4.
pub const LONGEST_HEAD: usize = 14;

const LAST: u8 = 0x80;
const MASKED: u8 = 0x80;
const RESERVED: u8 = 0x70;

impl Opcode {
    fn read(number: u8) -> Result<Self, Failure> {
        Ok(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return Err(Failure::ReservedOpcode(number)),
        })
    }

    fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl From<Kind> for Opcode {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Binary => Self::Binary,
        }
    }
}

impl FrameHead {
    /// Whether a ping, pong or close frame may be like this (RFC 6455 section 5.5).
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(crate) fn check_control(&self) -> Result<(), Failure> {
        if self.reserved != 0 {
            return Err(Failure::ReservedBit);
        }
        if !self.is_last {
            return Err(Failure::FragmentedControl);
        }
        if self.length > LONGEST_CONTROL as u64 {
            return Err(Failure::LongControl);
        }
        Ok(())
    }

    /// The head at the start of `bytes`, and its length; none while some of it is missing.
    ///
    /// # Errors
    /// [`Failure::ReservedOpcode`] and [`Failure::Length`]. All else depends on what came before.
    #[inline]
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, Failure> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let Some((length, rest)) = read_length(second & !MASKED, rest)? else {
            return Ok(None);
        };
        let (mask, rest) = if second & MASKED == 0 {
            (None, rest)
        } else if let Some((mask, rest)) = rest.split_first_chunk() {
            (Some(*mask), rest)
        } else {
            return Ok(None);
        };
        let head = Self {
            is_last: first & LAST != 0,
            reserved: first & RESERVED,
            opcode: Opcode::read(first & 0x0f)?,
            mask,
            length,
        };
        Ok(Some((head, bytes.len() - rest.len())))
    }

    /// Appends the head.
    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut head = [0; LONGEST_HEAD];
        head[0] = if self.is_last { LAST } else { 0 } | self.reserved | self.opcode.number();
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        let mut end = match self.length {
            length @ 0..=125 => {
                head[1] = masked | length as u8;
                2
            }
            length @ 126..=0xffff => {
                head[1] = masked | 126;
                head[2..4].copy_from_slice(&(length as u16).to_be_bytes());
                4
            }
            length => {
                head[1] = masked | 127;
                head[2..10].copy_from_slice(&length.to_be_bytes());
                10
            }
        };
        if let Some(mask) = self.mask {
            head[end..end + 4].copy_from_slice(&mask);
            end += 4;
        }
        out.extend_from_slice(&head[..end]);
    }
}

/// The length that `short` and the bytes after it say, and what follows; none while some are
/// missing. RFC 6455 section 5.2: the shortest form only, and the highest bit is zero.
#[inline]
fn read_length(short: u8, bytes: &[u8]) -> Result<Option<(u64, &[u8])>, Failure> {
    let (length, least, rest) = match short {
        126 => match bytes.split_first_chunk() {
            Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), 126, rest),
            None => return Ok(None),
        },
        127 => match bytes.split_first_chunk() {
            Some((length, rest)) => (u64::from_be_bytes(*length), 1 << 16, rest),
            None => return Ok(None),
        },
        _ => (u64::from(short), 0, bytes),
    };
    if length < least || length > i64::MAX as u64 {
        return Err(Failure::Length);
    }
    Ok(Some((length, rest)))
}
