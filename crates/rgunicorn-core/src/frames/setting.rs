//! One setting of a client: what it may be (RFC 9113 section 6.5.2).

use super::breach::Breach;

/// Bytes of one (RFC 9113 section 6.5.1).
pub(super) const LENGTH: usize = 6;

/// A setting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Setting {
    pub(super) id: u16,
    pub(super) value: u32,
}

impl Setting {
    pub(super) fn read(bytes: [u8; LENGTH]) -> Self {
        let [high, low, value @ ..] = bytes;
        Self {
            id: u16::from_be_bytes([high, low]),
            value: u32::from_be_bytes(value),
        }
    }

    pub(super) fn judge(self) -> Result<(), Breach> {
        match self.id {
            ENABLE_PUSH | ENABLE_CONNECT_PROTOCOL if self.value > 1 => Err(Breach::Setting),
            INITIAL_WINDOW_SIZE if self.value > LARGEST_WINDOW => Err(Breach::InitialWindow),
            MAX_FRAME_SIZE if !FRAME_SIZES.contains(&self.value) => Err(Breach::Setting),
            _ => Ok(()),
        }
    }
}

pub(super) const ENABLE_PUSH: u16 = 0x2;
pub(super) const MAX_CONCURRENT_STREAMS: u16 = 0x3;
const INITIAL_WINDOW_SIZE: u16 = 0x4;
const MAX_FRAME_SIZE: u16 = 0x5;

/// RFC 8441 section 3.
const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;

/// RFC 9113 section 6.9.1.
const LARGEST_WINDOW: u32 = 0x7fff_ffff;

const FRAME_SIZES: std::ops::RangeInclusive<u32> = 0x4000..=0x00ff_ffff;
