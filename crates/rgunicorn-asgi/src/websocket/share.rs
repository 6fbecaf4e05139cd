//! How much of a turn one application may have. Pure but for the clock that it is given.
//!
//! A client may send so many small messages at once that an application which takes them without ever
//! having to wait would keep all others waiting.

use std::time::Duration;
use std::time::Instant;

/// Messages that an application took since it last had to wait.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    taken: u32,
    since: Option<Instant>,
    is_used: bool,
}

impl Share {
    /// Counts a message. The clock is looked at now and then.
    pub(super) fn take(&mut self, clock: impl FnOnce() -> Instant) {
        self.taken += 1;
        if self.taken < MESSAGES_BETWEEN {
            return;
        }
        self.taken = 0;
        let now = clock();
        let since = *self.since.get_or_insert(now);
        self.is_used = now.duration_since(since) >= LONGEST;
    }

    /// Whether it is the turn of others.
    pub(super) fn is_used(&self) -> bool {
        self.is_used
    }
}

/// Messages between two looks at the clock.
const MESSAGES_BETWEEN: u32 = 32;

/// As long as all calls of a turn of the server.
const LONGEST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages that are taken at once, if each takes so long.
    fn taken(each: Duration) -> u32 {
        let begin = Instant::now();
        let mut share = Share::default();
        let mut taken = 0;
        while !share.is_used() && taken < 1_000_000 {
            taken += 1;
            share.take(|| begin + each * taken);
        }
        taken
    }

    #[test]
    fn quick_applications_take_many_messages_at_once_and_slow_ones_few() {
        for (microseconds, expected) in [(1, 1056), (10, 160), (100, 64), (10_000, 64)] {
            assert_eq!(taken(Duration::from_micros(microseconds)), expected);
        }
    }
}
