//! Answers that the client is to get without asking.

use super::Responder;
use crate::error::Misuse;
use crate::error::SendError;
use crate::exchange::Liveness;
use crate::exchange::Stage;
use crate::fields::Push;

impl Responder {
    /// Has the client get the answer to another request before it asks. Where it does not want that, and
    /// once the answer is complete, this does nothing.
    ///
    /// # Errors
    /// [`Misuse::NotStarted`] before the head; [`SendError::Disconnected`] when the client left.
    pub fn push(&self, push: Push) -> Result<(), SendError> {
        let mut outbound = self.exchange.outbound.borrow_mut();
        match outbound.stage {
            Stage::Awaiting => return Err(Misuse::NotStarted.into()),
            _ if self.exchange.liveness() != Liveness::Open => return Err(SendError::Disconnected),
            Stage::Complete | Stage::Encoded | Stage::Aborted => return Ok(()),
            Stage::Held | Stage::Open | Stage::Trailing => {}
        }
        if outbound.pushes.len() < MOST_PUSHES {
            outbound.pushes.push(push);
        }
        drop(outbound);
        self.exchange.mark_ready();
        Ok(())
    }
}

/// Pushes of one answer that wait to be promised. No page has so many parts.
const MOST_PUSHES: usize = 64;
