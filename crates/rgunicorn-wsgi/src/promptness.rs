//! Whether an answer goes out before its iterable is closed.
//!
//! Usually closing takes no time, and the answer is cheaper to write together
//! with those of other connections. But some applications do their work in
//! `close()`, when they believe the client served.

use std::cell::Cell;
use std::time::Duration;

use nix::time::ClockId;
use nix::time::clock_gettime;

/// What was seen of an application lately.
#[derive(Debug, Default)]
pub(crate) struct Promptness {
    /// Ends of answers in a row that took no time.
    quick_ends: Cell<u32>,
}

/// So many make it worth to believe in the next. One answer that is held back
/// for an application's work is the price of being wrong.
const ENOUGH: u32 = 64;

/// More than one of the coarse clock's usual ticks: one may always pass.
const SLOW: Duration = Duration::from_millis(5);

impl Promptness {
    /// Whether to write first.
    pub(crate) fn is_called_for(&self) -> bool {
        self.quick_ends.get() < ENOUGH
    }

    /// Begins to watch the end of an answer, once all of it was given.
    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch {
            promptness: self,
            begin: now(),
        }
    }
}

/// The end of one answer.
pub(crate) struct Watch<'a> {
    promptness: &'a Promptness,
    begin: Duration,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let quick_ends = &self.promptness.quick_ends;
        if now().saturating_sub(self.begin) >= SLOW {
            quick_ends.set(0);
        } else {
            quick_ends.set(quick_ends.get().saturating_add(1));
        }
    }
}

/// A few nanoseconds a look, unlike the exact clock.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_believed_to_be_quick_until_it_is_not() {
        let promptness = Promptness::default();
        for _ in 0..ENOUGH {
            assert!(promptness.is_called_for());
            drop(promptness.watch());
        }
        assert!(!promptness.is_called_for());
        let watch = promptness.watch();
        while now() - watch.begin < 2 * SLOW {}
        drop(watch);
        assert!(promptness.is_called_for());
    }
}
