//! Whether asyncio got something to do while tokio had its turn.
//!
//! A turn must end as soon as a callback is scheduled, and asyncio schedules
//! only through the loop's own methods; they report here.

use std::cell::Cell;
use std::cell::RefCell;
use std::task::Waker;

thread_local! {
    static PENDING: Cell<bool> = const { Cell::new(false) };
    static TURN: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// A callback was scheduled on this thread's loop.
pub(crate) fn mark() {
    if !PENDING.replace(true) {
        TURN.with_borrow(|turn| {
            if let Some(waker) = turn {
                waker.wake_by_ref();
            }
        });
    }
}

/// Whether something was scheduled since [`clear`].
pub(crate) fn is_pending() -> bool {
    PENDING.get()
}

pub(crate) fn clear() {
    PENDING.set(false);
}

/// Names the turn to end when something is scheduled.
pub(crate) fn listen(waker: &Waker) {
    TURN.with_borrow_mut(|turn| match turn {
        Some(known) if known.will_wake(waker) => {}
        _ => *turn = Some(waker.clone()),
    });
}

/// No turn is running.
pub(crate) fn unlisten() {
    TURN.with_borrow_mut(|turn| *turn = None);
}
