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

    /// How many calls have begun and not returned, those included whose answer
    /// is complete. Asked for before each call, where their number is limited.
    fn running(&self) -> usize;
}
