//! How long bytes may take to move, counted in looks that saw none move.

use std::time::Duration;

use crate::settings::SWEEP_INTERVAL;
use crate::settings::Settings;

/// A wait for bytes to move.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wait {
    /// How many bytes had moved at the last look.
    moved: u64,
    /// The last looks in a row that saw none move.
    pub(crate) looks: u32,
}

/// The waits of an application for its request's body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BodyWait {
    next_byte: Wait,
    /// What the present window of the rate began with.
    received_before: u64,
    /// Looks in that window.
    looks: u32,
}

/// Whether it is known how long a body will be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Length {
    /// It was announced.
    Announced,
    /// It may be a live stream.
    Unknown,
}

/// What a body is measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The longest wait for a byte, and the length of a window.
    most_looks: u32,
    /// Bytes due in a window.
    due: u64,
}

impl Wait {
    pub(crate) fn begin(&mut self, moved: u64) {
        *self = Self { moved, looks: 0 };
    }

    pub(crate) fn look(&mut self, moved: u64) {
        if self.moved == moved {
            self.looks += 1;
        } else {
            self.begin(moved);
        }
    }
}

impl BodyWait {
    pub(crate) fn new(received: u64) -> Self {
        Self {
            next_byte: Wait {
                moved: received,
                looks: 0,
            },
            received_before: received,
            looks: 0,
        }
    }

    /// One look while the application waits. Says whether it waits too long.
    pub(crate) fn look(&mut self, received: u64, pace: Pace) -> bool {
        self.next_byte.look(received);
        self.looks += 1;
        let mut overdue = self.next_byte.looks > pace.most_looks;
        if self.looks > pace.most_looks {
            overdue |= received - self.received_before < pace.due;
            if !overdue {
                self.received_before = received;
                self.looks = 0;
            }
        }
        overdue
    }
}

impl Pace {
    /// That of a body; `None` if it may take for ever.
    pub(crate) fn of(length: Length, settings: &Settings) -> Option<Self> {
        let timeout = settings.body_timeout?;
        let rate = match length {
            Length::Announced => u128::from(settings.body_min_rate),
            Length::Unknown => 0,
        };
        let due = timeout.as_millis() * rate / 1000;
        Some(Self {
            most_looks: looks(timeout),
            due: u64::try_from(due).unwrap_or(u64::MAX),
        })
    }
}

/// Looks that take as long as `limit`. The first one of a wait may come right
/// after its begin, so it takes one more to be sure.
pub(crate) fn looks(limit: Duration) -> u32 {
    let looks = limit.as_millis().div_ceil(SWEEP_INTERVAL.as_millis());
    u32::try_from(looks).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        most_looks: 4,
        due: 100,
    };

    /// Looks at a body of which so many bytes come between two looks. Returns
    /// the number of the look that is one too many.
    fn overdue_at(bytes: impl IntoIterator<Item = u64>, pace: Pace) -> Option<usize> {
        let mut wait = BodyWait::new(7);
        let mut received = 7;
        bytes.into_iter().position(|more| {
            received += more;
            wait.look(received, pace)
        })
    }

    #[test]
    fn a_body_is_overdue_after_so_many_looks_without_a_byte() {
        let rows: [(&[u64], Option<usize>); 5] = [
            (&[0, 0, 0, 0], None),
            (&[0, 0, 0, 0, 0], Some(4)),
            (&[200, 0, 0, 0, 0], None),
            (&[200, 0, 0, 0, 0, 0], Some(5)),
            (&[0, 0, 0, 200, 0, 0, 0, 0, 200], None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(
                overdue_at(bytes.iter().copied(), PACE),
                expected,
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn a_body_is_overdue_when_one_window_brought_too_little_however_much_came_before() {
        let drip = std::iter::repeat_n(19, 99);
        assert_eq!(overdue_at(drip, PACE), Some(4));
        let steady = std::iter::repeat_n(20, 99);
        assert_eq!(overdue_at(steady, PACE), None);
        let flood_then_drip = [1000].into_iter().chain(std::iter::repeat_n(19, 99));
        assert_eq!(overdue_at(flood_then_drip, PACE), Some(9));
    }

    #[test]
    fn without_a_rate_a_drip_is_enough() {
        let pace = Pace { due: 0, ..PACE };
        assert_eq!(overdue_at(std::iter::repeat_n(1, 99), pace), None);
    }

    #[test]
    fn only_a_body_of_announced_length_has_a_rate() {
        let settings = Settings {
            body_timeout: Some(Duration::from_secs(20)),
            body_min_rate: 300,
            ..Settings::default()
        };
        let sized = Pace::of(Length::Announced, &settings).unwrap();
        assert_eq!((sized.most_looks, sized.due), (40, 6000));
        assert_eq!(Pace::of(Length::Unknown, &settings).unwrap().due, 0);
        let never = Settings {
            body_timeout: None,
            ..settings
        };
        assert!(Pace::of(Length::Announced, &never).is_none());
    }

    #[test]
    fn a_wait_for_writing_starts_anew_with_every_byte() {
        let mut wait = Wait::default();
        for (moved, looks) in [(0, 1), (0, 2), (5, 0), (5, 1), (6, 0), (6, 1)] {
            wait.look(moved);
            assert_eq!(wait.looks, looks);
        }
    }
}
