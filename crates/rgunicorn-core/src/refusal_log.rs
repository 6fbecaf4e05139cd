//! What the error log says of requests that the server refused: a line each, but never a flood.
//!
//! A worker writes so many lines a second and counts the rest. What it left out comes out with the
//! next line, in the next look at the deadlines, or at the end: no timer is needed for it.

mod excerpt;

use std::cell::RefCell;
use std::fmt::Display;
use std::time::Duration;
use std::time::Instant;

use crate::settings::REFUSALS_LOGGED;

use excerpt::Excerpt;

/// One refused request.
pub(crate) struct Refused<'a> {
    /// The client's address, as logs print it.
    pub(crate) client: &'a str,
    /// The rule it broke. Repeats nothing of what the client sent.
    pub(crate) reason: &'a dyn Display,
    /// The bytes of its head. Empty where the head is not to blame: nothing of a body is logged.
    pub(crate) head: &'a [u8],
    /// Where in them the line starts that broke the rule.
    pub(crate) line: usize,
}

/// The refusals of one worker.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog(RefCell<Allowance>);

impl RefusalLog {
    /// Writes one refusal, or counts it if there were too many in this second.
    pub(crate) fn record(&self, refused: &Refused<'_>, now: Instant) {
        self.catch_up(now);
        if self.0.borrow_mut().admit(now) == Verdict::Withhold {
            return;
        }
        let Refused { client, reason, .. } = refused;
        if refused.head.is_empty() {
            tracing::warn!("Invalid request from ip={client}: {reason}");
        } else {
            let excerpt = Excerpt::new(refused.head, refused.line);
            tracing::warn!("Invalid request from ip={client}: {reason}: \"{excerpt}\"");
        }
    }

    /// Says how many were left out, once their second is over.
    pub(crate) fn catch_up(&self, now: Instant) {
        let withheld = self.0.borrow_mut().settle(now);
        say_withheld(withheld);
    }

    /// Says how many were left out so far: no more will come.
    pub(crate) fn finish(&self) {
        let withheld = std::mem::take(&mut self.0.borrow_mut().withheld);
        say_withheld(withheld);
    }
}

fn say_withheld(count: u64) {
    if count > 0 {
        tracing::warn!("{count} more invalid requests were not logged");
    }
}

/// How many lines may still be written in this second.
#[derive(Debug, Default)]
struct Allowance {
    since: Option<Instant>,
    admitted: u32,
    withheld: u64,
}

/// What to do with a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Write,
    Withhold,
}

const SECOND: Duration = Duration::from_secs(1);

impl Allowance {
    /// Decides about one more line. A second begins with the first line after the last second.
    fn admit(&mut self, now: Instant) -> Verdict {
        if self.is_over(now) {
            self.since = Some(now);
            self.admitted = 0;
        }
        if self.admitted == REFUSALS_LOGGED {
            self.withheld += 1;
            return Verdict::Withhold;
        }
        self.admitted += 1;
        Verdict::Write
    }

    /// How many lines were withheld in a second that is over. Says so once.
    fn settle(&mut self, now: Instant) -> u64 {
        if self.is_over(now) {
            std::mem::take(&mut self.withheld)
        } else {
            0
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.since
            .is_none_or(|since| now.duration_since(since) >= SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(allowance: &mut Allowance, now: Instant, lines: u32) -> u32 {
        let verdicts = (0..lines).map(|_| allowance.admit(now));
        verdicts.filter(|it| *it == Verdict::Write).count() as u32
    }

    #[test]
    fn so_many_lines_a_second_are_written_and_the_rest_is_counted_once() {
        let mut allowance = Allowance::default();
        let start = Instant::now();
        assert_eq!(allowance.settle(start), 0);
        assert_eq!(
            admitted(&mut allowance, start, REFUSALS_LOGGED + 7),
            REFUSALS_LOGGED
        );
        let late = start + SECOND - Duration::from_nanos(1);
        assert_eq!(admitted(&mut allowance, late, 5), 0);
        assert_eq!(allowance.settle(late), 0, "more may follow");
        assert_eq!(allowance.settle(start + SECOND), 12);
        assert_eq!(allowance.settle(start + SECOND), 0);
    }

    #[test]
    fn the_next_second_has_lines_of_its_own() {
        let mut allowance = Allowance::default();
        let start = Instant::now();
        admitted(&mut allowance, start, REFUSALS_LOGGED);
        for seconds in [1, 2, 60] {
            let now = start + SECOND * seconds;
            assert_eq!(
                admitted(&mut allowance, now, REFUSALS_LOGGED + 1),
                REFUSALS_LOGGED
            );
            assert_eq!(allowance.settle(now + SECOND), 1);
        }
    }
}
