//! What a session is set to.

use crate::negotiation::Deflate;

/// Which side this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Sends unmasked frames, and wants masked ones.
    Server,
    /// Sends masked frames, and wants unmasked ones. The masks follow from the seed, so they are no
    /// protection of intermediaries (RFC 6455 section 10.3): for tests and load generators.
    Client {
        /// Where the sequence of masks begins.
        seed: u64,
    },
}

/// What a session is set to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SessionSettings {
    /// The most bytes that a message may have, after inflating; `usize::MAX` for no limit.
    pub max_message_size: usize,
    /// What the handshake agreed on.
    pub deflate: Option<Deflate>,
}

impl Default for SessionSettings {
    /// 16 MiB, and no compression.
    fn default() -> Self {
        Self {
            max_message_size: 16 << 20,
            deflate: None,
        }
    }
}
