//! A connection after the handshake: its two halves.

use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::settings::Role;
use crate::settings::SessionSettings;

/// Both halves of a connection, from the first byte after the handshake on.
#[derive(Debug)]
pub struct Session {
    /// The peer's bytes to events.
    pub receiver: Receiver,
    /// Messages to bytes.
    pub sender: Sender,
}

impl Session {
    /// A session in which nothing has been said. Memory for compression is taken when it is needed.
    #[must_use]
    pub fn new(role: Role, settings: &SessionSettings) -> Self {
        Self {
            receiver: Receiver::new(role, settings),
            sender: Sender::new(role, settings),
        }
    }
}
