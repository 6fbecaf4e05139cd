//! What a peer can get wrong, and what it is told.

use crate::close::CloseCode;

/// A rule that the peer broke. The session is over: [`Sender::fail`](crate::Sender::fail) says why,
/// and nothing more is received (RFC 6455 section 7.1.7). Its text is the reason that goes out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Failure {
    /// RFC 6455 section 5.1: a client masks its frames.
    #[error("frame is not masked")]
    Unmasked,
    /// RFC 6455 section 5.1: a server does not.
    #[error("frame is masked")]
    Masked,
    /// RFC 6455 section 5.2: a bit that no extension gave a meaning, here.
    #[error("reserved bit is set")]
    ReservedBit,
    /// RFC 6455 section 5.2.
    #[error("reserved opcode {0}")]
    ReservedOpcode(u8),
    /// RFC 6455 section 5.2: a length in more bytes than it needs, or of 63 bits and more.
    #[error("invalid payload length")]
    Length,
    /// RFC 6455 section 5.5.
    #[error("fragmented control frame")]
    FragmentedControl,
    /// RFC 6455 section 5.5.
    #[error("control frame is too long")]
    LongControl,
    /// RFC 6455 section 5.4: nothing that could be continued.
    #[error("continuation without a message")]
    LoneContinuation,
    /// RFC 6455 section 5.4: a message began before the previous one ended.
    #[error("message inside a fragmented message")]
    InterruptedMessage,
    /// RFC 6455 section 5.5.1: a close frame of one byte.
    #[error("invalid close frame")]
    CloseFrame,
    /// RFC 6455 section 7.4: a code that may not be sent.
    #[error("invalid close code {0}")]
    CloseCode(u16),
    /// RFC 6455 section 8.1: text, or a close reason.
    #[error("invalid UTF-8")]
    Text,
    /// RFC 7692 section 7.2.2: what was compressed cannot be inflated.
    #[error("invalid compressed data")]
    Compression,
    /// More bytes than the settings permit, after inflating.
    #[error("Message exceeds the maximum size ({0} bytes)")]
    TooLarge(usize),
    /// Pings, pongs and empty fragments far beyond what anybody needs (RFC 6455 section 10.4).
    #[error("too many frames that say nothing")]
    Flood,
}

impl Failure {
    /// The code that goes to the peer.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        match self {
            Self::Text | Self::Compression => CloseCode::INVALID_PAYLOAD,
            Self::TooLarge(_) => CloseCode::TOO_LARGE,
            Self::Flood => CloseCode::POLICY_VIOLATION,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}
