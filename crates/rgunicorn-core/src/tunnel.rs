//! Another protocol over an exchange's connection or stream: what follows it closely.
//!
//! [`Responder::tunnel`](crate::responder::Responder::tunnel) begins one. What comes is then taken by
//! [`Responder::take_input`](crate::responder::Responder::take_input), and what goes is given as
//! parts of a body.

use std::time::Duration;
use std::time::Instant;

use tokio::io::ReadBuf;

use crate::settings::SWEEP_INTERVAL;

/// The time between two calls of [`Watcher::look`].
pub const LOOK_INTERVAL: Duration = SWEEP_INTERVAL;

/// Reads once from the socket, if it has anything.
pub type Read<'a> = &'a mut dyn FnMut(&mut ReadBuf<'_>);

/// Where what comes over a tunnel is put.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Placement {
    /// To the exchange, until it is taken.
    #[default]
    Exchange,
    /// Where [`Watcher::land`] says.
    Offered,
}

/// Follows an exchange from its call to its end, on the worker's thread.
///
/// A protocol has to answer even while nobody waits for its messages. It is told of everything in the
/// turn in which it happens, in place of those who wait, and may call any method of its responder.
pub trait Watcher {
    /// Bytes came over the tunnel.
    fn came(&self);

    /// Offers to have what comes next read straight to where it is wanted, if that was
    /// [asked for](crate::responder::Responder::place) and nothing waits to be taken. `read` appends what
    /// the socket has to a buffer with room; it may be called once, and no method of the responder may.
    /// [`Self::came`] is called afterwards if anything was read. Where `read` is not called, bytes go to
    /// the exchange.
    fn land(&self, read: Read<'_>) {
        let _ = read;
    }

    /// The server is about to end: this exchange should, too.
    fn drain(&self);

    /// Called every [`LOOK_INTERVAL`], and later where the worker had no time.
    fn look(&self, now: Instant);

    /// The exchange is over: nothing more comes, and what came may still be taken. The last call.
    fn ended(&self);
}
