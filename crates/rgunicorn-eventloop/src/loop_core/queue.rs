//! What is scheduled: handles that are due, those that are kept for later use, and what ends a turn.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::Flush;
use super::LoopCore;
use super::Mode;
use crate::handle::Handle;
use crate::handle::job;
use crate::holders;
use crate::received;
use crate::schedule;
use crate::timers::Timers;

impl LoopCore {
    /// Appends a handle to those that run in the next turn.
    #[inline]
    pub(super) fn push(&self, py: Python<'_>, handle: Py<PyAny>) {
        self.ready.with(py, |ready| ready.push_back(handle));
        if self.asleep.load(Ordering::Relaxed) {
            // Scheduled from within the runtime's turn, which has to end then.
            schedule::mark();
        }
    }

    /// The same, from any thread.
    pub(super) fn push_from_outside(&self, py: Python<'_>, handle: Py<PyAny>) {
        self.ready.with(py, |ready| ready.push_back(handle));
        self.wake(py);
    }

    /// Ends a sleep: once is enough for each.
    pub(super) fn wake(&self, py: Python<'_>) {
        // Attached threads take turns here: to look is enough, and cheaper than to exchange.
        if self.asleep.load(Ordering::Relaxed) {
            self.asleep.store(false, Ordering::Relaxed);
            schedule::mark();
            self.poller
                .with(py, |poller| poller.as_ref().map(|poller| poller.ring()));
        }
    }

    /// A handle for a call in one of the next turns: one that is over, to be renewed.
    #[inline]
    pub(super) fn handle(&self, py: Python<'_>) -> PyResult<Py<Handle>> {
        match self.spare.with(py, Vec::pop) {
            Some(handle) => Ok(handle),
            None => Handle::over(py),
        }
    }

    /// Keeps a handle that has run for the next call, unless somebody else has it.
    #[inline]
    pub(super) fn keep(&self, py: Python<'_>, handle: Py<PyAny>) {
        if holders::count(&handle, py) != 1 || holders::is_weakly_held(&handle, py) {
            return;
        }
        if let Ok(handle) = handle.into_bound(py).cast_into_exact::<Handle>() {
            let handle = handle.unbind();
            let surplus = self.spare.with(py, |spare| {
                if spare.len() < SPARE {
                    spare.push(handle);
                    return None;
                }
                Some(handle)
            });
            drop(surplus);
        }
    }

    /// Whether callbacks run whose end of turn will come.
    pub(crate) fn is_in_turn(&self, py: Python<'_>) -> bool {
        !self.asleep.load(Ordering::Relaxed) && self.is_running(py)
    }

    /// Whether a handle waits for its turn.
    pub(crate) fn has_due(&self, py: Python<'_>) -> bool {
        self.ready.with(py, |ready| !ready.is_empty())
    }

    /// Has `flush` called with `object` at the end of this turn.
    pub(crate) fn flush_later(&self, py: Python<'_>, object: Py<PyAny>, flush: Flush) {
        self.flushes
            .with(py, |flushes| flushes.push((object, flush)));
    }

    /// A buffer to read into, which is to be given back.
    pub(crate) fn take_read_buffer(&self, py: Python<'_>) -> Vec<u8> {
        let mut buffer = self.read_buffer.replace(py, Vec::new());
        buffer.resize(received::MOST, 0);
        buffer
    }

    pub(crate) fn give_read_buffer(&self, py: Python<'_>, buffer: Vec<u8>) {
        drop(self.read_buffer.replace(py, buffer));
    }

    pub(super) fn mode(&self, py: Python<'_>) -> Mode {
        self.mode.get(py)
    }

    /// # Errors
    /// `RuntimeError` once the loop is closed.
    pub(super) fn check_open(&self, py: Python<'_>) -> PyResult<()> {
        if self.mode(py).closed {
            return Err(PyRuntimeError::new_err("Event loop is closed"));
        }
        Ok(())
    }

    /// Throws cancelled timers out when they may be many.
    pub(super) fn sweep_timers(&self, py: Python<'_>) {
        let gone = self.timers.with(py, |timers| {
            let swept = timers.has_doubled().then(|| {
                timers.sweep(|handle| job(handle.bind(py)).is_some_and(|job| job.is_cancelled(py)))
            });
            swept.unwrap_or_default()
        });
        drop(gone);
    }

    /// Drops whatever was scheduled.
    pub(super) fn forget_all(&self, py: Python<'_>) {
        let forget = |handle: &Py<PyAny>| {
            if let Some(job) = job(handle.bind(py)) {
                job.forget(py);
            }
        };
        self.ready
            .replace(py, VecDeque::new())
            .iter()
            .for_each(forget);
        let timers = self.timers.replace(py, Timers::default());
        timers.iter().for_each(forget);
    }
}

/// So many handles are kept for new calls: what a busy turn has.
const SPARE: usize = 1024;
