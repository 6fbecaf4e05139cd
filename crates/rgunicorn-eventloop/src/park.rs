//! Releases the interpreter while the thread sleeps, and only then.
//!
//! tokio calls these hooks around every real park of the runtime's thread.
//! What runs in between (the I/O driver and the wakers it reaches) runs
//! without the interpreter and must not touch Python.

use std::cell::Cell;
use std::ptr::null_mut;

use pyo3::Python;
use pyo3::ffi;

thread_local! {
    /// Whether this thread holds the interpreter for the duration of a turn.
    static HELD: Cell<bool> = const { Cell::new(false) };
    static SUSPENDED: Cell<*mut ffi::PyThreadState> = const { Cell::new(null_mut()) };
}

/// While it lives, parks of this thread release the interpreter.
#[derive(Debug)]
pub(crate) struct Held(());

impl Held {
    /// The token proves that this thread is attached to the interpreter.
    pub(crate) fn new(_py: Python<'_>) -> Self {
        HELD.set(true);
        Self(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.set(false);
    }
}

/// The thread is about to sleep.
#[expect(
    unsafe_code,
    reason = "pyo3 can only detach around a closure, and tokio has two hooks"
)]
pub(crate) fn on_park() {
    if HELD.get() {
        // SAFETY: a `Held` exists, so `Held::new` was shown that this thread
        // is attached, and nothing detached it since but a park that ended.
        SUSPENDED.set(unsafe { ffi::PyEval_SaveThread() });
    }
}

/// The thread woke up.
#[expect(
    unsafe_code,
    reason = "pyo3 can only detach around a closure, and tokio has two hooks"
)]
pub(crate) fn on_unpark() {
    let suspended = SUSPENDED.replace(null_mut());
    if !suspended.is_null() {
        // SAFETY: the state was saved on this thread by `on_park`, and taking
        // it out of the cell makes sure that it is restored once.
        unsafe { ffi::PyEval_RestoreThread(suspended) };
    }
}
