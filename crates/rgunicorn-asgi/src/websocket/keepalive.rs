//! When a silent client is asked whether it is still there. Pure: time is an argument.
//!
//! What a client takes too long for is counted in looks, as all waits for bytes are: however long an
//! application kept the worker busy is one look.

use std::time::Duration;
use std::time::Instant;

use rgunicorn_core::tunnel::LOOK_INTERVAL;

use crate::settings::Pings;

/// The pings of one connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Keepalive {
    /// When the last one went out, or the connection was opened.
    last: Instant,
    awaited: Awaited,
}

/// Whether the answer to a ping has yet to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Awaited {
    Nothing,
    Pong {
        /// Looks that saw nothing come.
        looks: u32,
    },
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Due {
    Nothing,
    Ping,
    /// Nobody is there.
    End,
}

/// Whether anything could have been heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ear {
    Open,
    /// The application takes no messages, so nothing is read.
    Closed,
}

impl Keepalive {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last: now,
            awaited: Awaited::Nothing,
        }
    }

    /// Something came: whatever it is, somebody is there.
    pub(super) fn hear(&mut self) {
        self.awaited = Awaited::Nothing;
    }

    /// Looks at the clock.
    pub(super) fn look(&mut self, now: Instant, ear: Ear, pings: Pings) -> Due {
        let Some(interval) = pings.interval else {
            return Due::Nothing;
        };
        if let (Awaited::Pong { looks }, Some(timeout)) = (&mut self.awaited, pings.timeout) {
            if ear == Ear::Open {
                *looks += 1;
            }
            return if *looks > looks_of(timeout) {
                Due::End
            } else {
                Due::Nothing
            };
        }
        if now.duration_since(self.last) < interval {
            return Due::Nothing;
        }
        self.last = now;
        self.awaited = Awaited::Pong { looks: 0 };
        Due::Ping
    }
}

/// Looks that take as long as `limit`.
pub(super) fn looks_of(limit: Duration) -> u32 {
    let looks = limit.as_millis().div_ceil(LOOK_INTERVAL.as_millis());
    u32::try_from(looks).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINGS: Pings = Pings {
        interval: Some(Duration::from_secs(20)),
        timeout: Some(Duration::from_secs(1)),
    };

    /// The seconds at which something was due in the first minute, if `hears` says at which seconds
    /// something came.
    fn due(pings: Pings, ear: Ear, hears: impl Fn(u64) -> bool) -> Vec<(u64, Due)> {
        let begin = Instant::now();
        let mut keepalive = Keepalive::new(begin);
        let mut found = Vec::new();
        for half_seconds in 1..=120 {
            let now = begin + Duration::from_millis(500 * half_seconds);
            let due = keepalive.look(now, ear, pings);
            if due != Due::Nothing {
                found.push((half_seconds / 2, due));
            }
            if due == Due::End {
                break;
            }
            if hears(half_seconds) {
                keepalive.hear();
            }
        }
        found
    }

    #[test]
    fn a_client_that_answers_is_asked_again_after_the_interval() {
        let answers = due(PINGS, Ear::Open, |_| true);
        assert_eq!(answers, [(20, Due::Ping), (40, Due::Ping), (60, Due::Ping)]);
    }

    #[test]
    fn a_client_that_does_not_answer_is_given_up() {
        assert_eq!(
            due(PINGS, Ear::Open, |_| false),
            [(20, Due::Ping), (21, Due::End)]
        );
    }

    #[test]
    fn what_is_not_read_is_not_missed() {
        assert_eq!(due(PINGS, Ear::Closed, |_| false), [(20, Due::Ping)]);
    }

    #[test]
    fn without_a_timeout_it_is_asked_for_ever_and_without_an_interval_never() {
        let forever = Pings {
            timeout: None,
            ..PINGS
        };
        assert_eq!(due(forever, Ear::Open, |_| false).len(), 3);
        let never = Pings {
            interval: None,
            ..PINGS
        };
        assert_eq!(due(never, Ear::Open, |_| false), []);
    }
}
