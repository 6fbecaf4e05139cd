//! How many frames a peer may send that say nothing. Pure.
//!
//! Pings, pongs and fragments without a byte cost the peer as little as frames can, and no message
//! and no application slows them down. What is permitted is far more than anybody needs, and grows
//! with time and with messages.

use crate::failure::Failure;
use crate::frame::FrameHead;
use crate::frame::Opcode;

/// Frames that say nothing which may still come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance(u32);

impl Default for Allowance {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Allowance {
    /// Charges for a frame that begins, or credits for a message that ends with it.
    ///
    /// # Errors
    /// [`Failure::Flood`] when nothing is left.
    #[inline]
    pub(crate) fn charge(&mut self, head: &FrameHead) -> Result<(), Failure> {
        match head.opcode {
            Opcode::Text | Opcode::Binary | Opcode::Continuation if head.is_last => {
                self.allow(FRAMES_A_MESSAGE);
            }
            Opcode::Text | Opcode::Binary | Opcode::Continuation if head.length > 0 => {}
            Opcode::Close => {}
            _ => self.0 = self.0.checked_sub(1).ok_or(Failure::Flood)?,
        }
        Ok(())
    }

    /// Some time has passed, in half seconds.
    pub(crate) fn forgive(&mut self, halves: u32) {
        self.allow(halves.saturating_mul(AGAIN));
    }

    fn allow(&mut self, frames: u32) {
        self.0 = self.0.saturating_add(frames).min(MOST);
    }
}

/// At once. A quarter of an hour of twenty pings a second may have waited in the network.
const MOST: u32 = 20_000;

/// So many more every half second.
const AGAIN: u32 = 1_000;

/// So many more with each message.
const FRAMES_A_MESSAGE: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(opcode: Opcode, is_last: bool, length: u64) -> FrameHead {
        FrameHead {
            is_last,
            reserved: 0,
            opcode,
            mask: None,
            length,
        }
    }

    #[test]
    fn what_says_nothing_is_counted_and_nothing_else() {
        let rows = [
            ("ping", head(Opcode::Ping, true, 125), Some(MOST)),
            ("pong", head(Opcode::Pong, true, 0), Some(MOST)),
            ("empty first", head(Opcode::Text, false, 0), Some(MOST)),
            (
                "empty middle",
                head(Opcode::Continuation, false, 0),
                Some(MOST),
            ),
            ("one byte", head(Opcode::Continuation, false, 1), None),
            ("first part", head(Opcode::Binary, false, 1), None),
            ("empty message", head(Opcode::Text, true, 0), None),
            ("empty end", head(Opcode::Continuation, true, 0), None),
            ("message", head(Opcode::Binary, true, 1 << 20), None),
            ("goodbye", head(Opcode::Close, true, 2), None),
        ];
        for (name, head, most) in rows {
            let mut allowance = Allowance::default();
            let passed = (0..MOST * 2).take_while(|_| allowance.charge(&head).is_ok());
            let passed = u32::try_from(passed.count()).ok();
            assert_eq!(passed, most.or(Some(MOST * 2)), "{name}");
        }
    }

    #[test]
    fn time_and_messages_allow_for_more_and_never_for_more_than_at_first() {
        let (ping, message) = (head(Opcode::Ping, true, 0), head(Opcode::Text, true, 5));
        let rows: [(&str, u32, u32, u32); 4] = [
            ("nothing", 0, 0, 0),
            ("time", 3, 0, 3 * AGAIN),
            ("messages", 0, 5, 5 * FRAMES_A_MESSAGE),
            ("a long time", 9999, 9999, MOST),
        ];
        for (name, halves, messages, more) in rows {
            let mut allowance = Allowance::default();
            for _ in 0..MOST {
                assert_eq!(allowance.charge(&ping), Ok(()));
            }
            allowance.forgive(halves);
            (0..messages).for_each(|_| assert_eq!(allowance.charge(&message), Ok(())));
            for _ in 0..more {
                assert_eq!(allowance.charge(&ping), Ok(()), "{name}");
            }
            assert_eq!(allowance.charge(&ping), Err(Failure::Flood), "{name}");
        }
    }
}
