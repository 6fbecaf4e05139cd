//! What is known of an answer, for whoever accounts for it when the call is over.

use super::Responder;
use crate::response::ResponseHead;

impl Responder {
    /// Gives `read` the head and the number of body bytes taken. The head is that of the answer
    /// which goes out: after a failure another than the application began. There is none while
    /// the application has not begun.
    pub fn account<T>(&self, read: impl FnOnce(Option<&ResponseHead>, u64) -> T) -> T {
        let outbound = self.exchange.outbound.borrow();
        let head = outbound.head.as_ref().or(outbound.written.as_ref());
        read(head, outbound.accepted)
    }
}
