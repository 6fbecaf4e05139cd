//! Who follows an exchange closely, and is told first.

use std::rc::Rc;

use super::Exchange;
use crate::tunnel::Watcher;

impl Exchange {
    pub(crate) fn watch(&self, watcher: Rc<dyn Watcher>) {
        self.watcher.replace(Some(watcher));
    }

    pub(crate) fn watcher(&self) -> Option<Rc<dyn Watcher>> {
        self.watcher.borrow().clone()
    }

    /// Has the watcher take what came.
    pub(crate) fn feed_watcher(&self) {
        if let Some(watcher) = self.watcher() {
            self.feeding.set(true);
            watcher.came();
            self.feeding.set(false);
        }
    }

    /// The watcher holds the exchange, and the exchange it: here they let go of each other.
    pub(super) fn release_watcher(&self) {
        let watcher = self.watcher.take();
        if let Some(watcher) = watcher {
            watcher.ended();
        }
    }
}
