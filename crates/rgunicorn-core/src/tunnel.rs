//! Another protocol over an exchange's connection or stream: what follows it closely.
//!
//! [`Responder::tunnel`](crate::responder::Responder::tunnel) begins one. What comes is then taken by
//! [`Responder::take_input`](crate::responder::Responder::take_input), and what goes is given as
//! parts of a body.

use std::time::Duration;
use std::time::Instant;

use crate::settings::SWEEP_INTERVAL;

/// The time between two calls of [`Watcher::look`].
pub const LOOK_INTERVAL: Duration = SWEEP_INTERVAL;

/// Follows an exchange from its call to its end, on the worker's thread.
///
/// A protocol has to answer even while nobody waits for its messages. It is told of everything in the
/// turn in which it happens, in place of those who wait, and may call any method of its responder.
pub trait Watcher {
    /// Bytes came over the tunnel.
    fn came(&self);

    /// The server is about to end: this exchange should, too.
    fn drain(&self);

    /// Called every [`LOOK_INTERVAL`], and later where the worker had no time.
    fn look(&self, now: Instant);

    /// The exchange is over: nothing more comes, and what came may still be taken. The last call.
    fn ended(&self);
}
