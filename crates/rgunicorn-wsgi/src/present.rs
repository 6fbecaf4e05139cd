//! The call that a thread is in, for objects that serve all of its calls.

use std::cell::RefCell;
use std::rc::Rc;

use crate::reply::Reply;

/// The call that a thread is in. What most applications never use finds it here, so
/// that it need not be made for each.
#[derive(Clone, Default)]
pub(crate) struct Present(Rc<RefCell<Option<Rc<Reply>>>>);

impl Present {
    /// Lends `reply` to the application for as long as the result lives.
    pub(crate) fn enter(&self, reply: &Rc<Reply>) -> Entered<'_> {
        self.0.replace(Some(Rc::clone(reply)));
        Entered(self)
    }

    /// The answer to it; none outside of a call.
    pub(crate) fn reply(&self) -> Option<Rc<Reply>> {
        self.0.borrow().clone()
    }
}

/// A call that is going on.
pub(crate) struct Entered<'a>(&'a Present);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        drop(self.0.0.take());
    }
}
