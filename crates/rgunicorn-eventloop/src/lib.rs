//! asyncio on the worker's tokio runtime; the only crate that knows both.
//!
//! The worker's thread runs one asyncio loop. Whenever that loop would sleep
//! in `select()`, it takes a turn of the tokio runtime instead
//! ([`reactor`]): sockets are served there, and application code started from
//! there ([`task`]) runs until its first real wait without any event-loop turn.
//! The interpreter is held for the whole turn and released only while the
//! thread sleeps ([`park`]).

pub mod transport;
pub mod datagram;
mod complaint;
mod flow;
pub mod loop_core;
pub mod reactor;
pub mod drive;
pub mod ground;
pub mod visit;
pub mod guest;
pub mod task;
pub mod awaitable;
pub mod census;
pub mod loop_base;
pub mod confined;
pub mod descriptor;
pub mod traceback;
pub mod interned;
mod send_queue;
mod received;
pub mod landing;
pub mod unmasked;
mod writable;
mod watched;
mod timers;
pub mod handle;
mod call;
pub mod holders;
mod attached;
mod poller;
mod alarm;
mod watch;
mod schedule;
mod park;
