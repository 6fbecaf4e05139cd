//! What a client may still send of frames that cost it little.

use super::breach::Offence;
use super::header::ACK;
use super::header::CONTINUATION;
use super::header::DATA;
use super::header::END_STREAM;
use super::header::HEADERS;
use super::header::Header;
use super::header::PING;
use super::header::RST_STREAM;
use super::header::SETTINGS;
use super::header::WINDOW_UPDATE;

/// How many frames of two kinds are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    resets: u32,
    /// Windows that may be enlarged, for frames that were sent.
    windows: u32,
    others: u32,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            resets: MOST_RESETS,
            windows: 0,
            others: MOST_OTHERS,
        }
    }
}

impl Allowance {
    /// Charges the client for a frame that begins.
    pub(super) fn charge(&mut self, frame: &Header) {
        let cost = match frame.kind {
            HEADERS => return self.allow(0, FRAMES_A_REQUEST),
            CONTINUATION => return, // h2 counts them
            RST_STREAM => {
                self.resets = self.resets.saturating_sub(1);
                return;
            }
            WINDOW_UPDATE if self.windows > 0 => {
                self.windows -= 1;
                return;
            }
            DATA if frame.length > 0 || frame.has(END_STREAM) => 0,
            SETTINGS | PING if frame.has(ACK) => 0,
            _ => 1,
        };
        self.others = self.others.saturating_sub(cost);
    }

    /// What is used up.
    pub(super) fn verdict(&self) -> Option<Offence> {
        if self.resets == 0 {
            Some(Offence::Resets)
        } else if self.others == 0 {
            Some(Offence::Idle)
        } else {
            None
        }
    }

    /// Some time has passed: about half a second.
    pub(super) fn forgive(&mut self) {
        self.allow(RESETS_AGAIN, OTHERS_AGAIN);
    }

    /// So many bytes of answers were sent, in so many frames.
    pub(super) fn credit(&mut self, sent: u64, frames: u32) {
        let windows = frames.saturating_mul(WINDOWS_A_FRAME);
        self.windows = self.windows.saturating_add(windows).min(MOST_WINDOWS);
        let frames = u32::try_from(sent / BYTES_A_FRAME).unwrap_or(u32::MAX);
        self.allow(0, frames);
    }

    fn allow(&mut self, resets: u32, others: u32) {
        self.resets = self.resets.saturating_add(resets).min(MOST_RESETS);
        self.others = self.others.saturating_add(others).min(MOST_OTHERS);
    }
}

/// Streams that may be reset at once. A browser whose user leaves a page resets all that
/// are open; gunicorn allows for 200 in ten seconds.
const MOST_RESETS: u32 = 200;

/// So many more every half second.
const RESETS_AGAIN: u32 = 10;

/// Frames that may come at once without a request.
const MOST_OTHERS: u32 = 1000;

/// So many more every half second.
const OTHERS_AGAIN: u32 = 50;

/// So many more with each request: a priority, and the windows of its answer.
const FRAMES_A_REQUEST: u32 = 4;

/// So many bytes of an answer may be acknowledged by a frame of their own.
const BYTES_A_FRAME: u64 = 512;

/// With each DATA frame that was sent: that of its stream and that of the connection.
const WINDOWS_A_FRAME: u32 = 2;

/// As many as a client may have to make up for that has not answered for long.
const MOST_WINDOWS: u32 = 1 << 20;
