//! The one seam between HTTP and an application.

use crate::request::Request;
use crate::responder::Responder;

/// A web application, whatever language it is written in.
///
/// Called on the worker's one thread, so neither it nor what it is given is
/// `Send`.
pub trait App: 'static {
    /// Starts one exchange, in the calls phase of a turn. The answer goes to
    /// `responder`, at once or later. Dropping an unfinished `responder`
    /// aborts the exchange: a 500 if no head went out, otherwise the
    /// connection or stream is reset, so that a truncated body never looks
    /// complete.
    fn call(&self, request: Request<'_>, responder: Responder);

    /// Whether it takes a stream that is to become `protocol`'s (RFC 8441). It is not asked about
    /// upgrades of HTTP/1, which may be ignored.
    fn speaks(&self, _protocol: &[u8]) -> bool {
        false
    }

    /// What it wants to be called with.
    fn bodies(&self) -> Bodies {
        Bodies::Streamed
    }

    /// How many calls have begun and not returned, those included whose answer
    /// is complete. Asked for before each call, where their number is limited.
    fn running(&self) -> usize;
}

/// When an application is called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bodies {
    /// As soon as the head is there. The call returns at the first wait.
    Streamed,
    /// Once the body is there. The call returns at once.
    Gathered,
    /// Once the body is there. The call returns with the answer, and nothing
    /// else happens meanwhile.
    Whole,
}
