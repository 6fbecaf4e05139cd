//! An empty place in the pool, and when it may be filled again.
//!
//! Failures are counted per place, so eight workers that die together are all replaced at once,
//! while one that dies again and again waits 1 s, 2 s, 4 s, … and leaves the others alone.

use std::time::Duration;
use std::time::Instant;

/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(30);

/// A place a worker failed in, or that nobody has taken yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Vacancy {
    /// Workers that failed here in a row.
    pub(crate) failures: u32,
    /// When the next worker may start.
    pub(crate) opens: Instant,
}

impl Vacancy {
    /// A place without a history.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            failures: 0,
            opens: now,
        }
    }

    /// After a worker that had served died early. The first time is an accident: replace at once.
    pub(crate) fn after_crash(failures: u32, now: Instant) -> Self {
        Self {
            failures: failures.saturating_add(1),
            opens: now + wait(failures),
        }
    }

    /// After a worker that was never ready: at least a second, since nothing suggests luck.
    pub(crate) fn after_boot_failure(failures: u32, now: Instant) -> Self {
        Self::after_crash(failures.max(1), now)
    }
}

/// Nothing, 1 s, 2 s, 4 s, … up to the longest wait.
fn wait(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        n => Duration::from_secs(1 << (n - 1).min(5)).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_one_second_to_thirty() {
        let waits: Vec<u64> = (0..9).map(|n| wait(n).as_secs()).collect();
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(wait(u32::MAX), LONGEST);
    }

    #[test]
    fn a_crash_is_forgiven_once_and_a_boot_failure_never() {
        let now = Instant::now();
        assert_eq!(Vacancy::after_crash(0, now).opens, now);
        let boot = Vacancy::after_boot_failure(0, now);
        assert_eq!(boot.opens, now + Duration::from_secs(1));
        let again = Vacancy::after_boot_failure(boot.failures, now);
        assert_eq!(again.opens, now + Duration::from_secs(2));
    }
}
