//! Messages to bytes.

use crate::close;
use crate::close::CloseCode;
use crate::deflate::Compressor;
use crate::event::Close;
use crate::event::Message;
use crate::failure::Failure;
use crate::frame::COMPRESSED;
use crate::frame::FrameHead;
use crate::frame::LONGEST_CONTROL;
use crate::frame::Opcode;
use crate::mask::apply_mask;
use crate::settings::Role;
use crate::settings::SessionSettings;

/// One side's way to say things. Every method appends whole frames to what goes to the peer.
#[derive(Debug)]
pub struct Sender {
    masks: Option<Masks>,
    compressor: Option<Compressor>,
    is_closing: bool,
}

/// A close frame has gone out; nothing may follow it (RFC 6455 section 5.5.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the session is closing")]
pub struct AlreadyClosing;

/// What [`Sender::message_head`] left to its caller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rest {
    /// All has been appended.
    Nothing,
    /// The payload has to follow, as it is.
    Payload,
}

impl Sender {
    pub(crate) fn new(role: Role, settings: &SessionSettings) -> Self {
        Self {
            masks: match role {
                Role::Server => None,
                Role::Client { seed } => Some(Masks(seed)),
            },
            compressor: settings
                .deflate
                .map(|deflate| Compressor::new(deflate.outgoing)),
            is_closing: false,
        }
    }

    /// Whether a close frame has gone out.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Appends a message as one frame.
    ///
    /// # Errors
    /// [`AlreadyClosing`], and nothing is appended.
    #[inline]
    pub fn message(
        &mut self,
        message: Message<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), AlreadyClosing> {
        if self.message_head(message, out)? == Rest::Payload {
            out.extend_from_slice(message.payload());
        }
        Ok(())
    }

    /// Appends a message but for a payload that goes out as it is, so that the caller can send that
    /// from where it lies. A payload that is compressed or masked is appended like any other.
    ///
    /// # Errors
    /// [`AlreadyClosing`], and nothing is appended.
    pub fn message_head(
        &mut self,
        message: Message<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Rest, AlreadyClosing> {
        if self.is_closing {
            return Err(AlreadyClosing);
        }
        let payload = message.payload();
        let opcode = Opcode::from(message.kind());
        match &mut self.compressor {
            Some(compressor) if compressor.wants(payload.len()) => {
                let start = out.len();
                compressor.compress(payload, out);
                self.put_head_before(start, opcode, out);
                Ok(Rest::Nothing)
            }
            _ if self.masks.is_some() => {
                self.frame(opcode, payload, out);
                Ok(Rest::Nothing)
            }
            _ => {
                head(opcode, payload.len()).write(out);
                Ok(Rest::Payload)
            }
        }
    }

    /// Appends a ping. Of its payload the first 125 bytes are sent; the pong brings them back.
    /// Nothing is appended once the session is closing.
    pub fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.control(Opcode::Ping, payload, out);
    }

    /// Appends the pong to a ping with this payload. Nothing is appended once the session is
    /// closing.
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.control(Opcode::Pong, payload, out);
    }

    /// Appends a close frame, once; later ones are left out. Of a reason of more than 123 bytes
    /// whole characters that fit are sent.
    pub fn close(&mut self, code: CloseCode, reason: &str, out: &mut Vec<u8>) {
        let mut payload = Vec::with_capacity(LONGEST_CONTROL);
        payload.extend_from_slice(&code.get().to_be_bytes());
        payload.extend_from_slice(close::fitting(reason).as_bytes());
        self.control(Opcode::Close, &payload, out);
        self.is_closing = true;
    }

    /// Appends the answer to the peer's close frame: the same code (RFC 6455 section 5.5.1), or none
    /// where it had none. Nothing is appended if it is itself the answer to ours.
    pub fn answer(&mut self, close: Close<'_>, out: &mut Vec<u8>) {
        match close.code {
            Some(code) => self.close(code, "", out),
            None => {
                self.control(Opcode::Close, b"", out);
                self.is_closing = true;
            }
        }
    }

    /// Appends the close frame that tells the peer what it got wrong, unless one has gone out.
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        self.close(failure.code(), &failure.to_string(), out);
    }

    /// Gives back the memory of compression, for a session that has been silent for a while. The
    /// next message is compressed without a look at earlier ones, which is permitted whatever was
    /// agreed on.
    pub fn rest(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            compressor.rest();
        }
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        if !self.is_closing {
            let payload = &payload[..payload.len().min(LONGEST_CONTROL)];
            self.frame(opcode, payload, out);
        }
    }

    /// Appends a whole frame.
    fn frame(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        let mask = self.masks.as_mut().map(Masks::next);
        let head = FrameHead {
            mask,
            ..head(opcode, payload.len())
        };
        head.write(out);
        let start = out.len();
        out.extend_from_slice(payload);
        if let Some(mask) = mask {
            apply_mask(&mut out[start..], mask);
        }
    }

    /// Puts the head of a frame before its compressed payload, which begins at `start`.
    fn put_head_before(&mut self, start: usize, opcode: Opcode, out: &mut Vec<u8>) {
        let length = out.len() - start;
        let mask = self.masks.as_mut().map(Masks::next);
        if let Some(mask) = mask {
            apply_mask(&mut out[start..], mask);
        }
        let head = FrameHead {
            mask,
            reserved: COMPRESSED,
            ..head(opcode, length)
        };
        head.write(out);
        // The head is behind the payload now, which is short once it is compressed.
        out[start..].rotate_left(length);
    }
}

/// The head of an unmasked frame that is a whole message.
fn head(opcode: Opcode, length: usize) -> FrameHead {
    FrameHead {
        is_last: true,
        reserved: 0,
        opcode,
        mask: None,
        length: length as u64,
    }
}

/// A sequence of masks: splitmix64.
#[derive(Debug)]
struct Masks(u64);

impl Masks {
    fn next(&mut self) -> [u8; 4] {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed >> 32) as u32).to_ne_bytes()
    }
}
