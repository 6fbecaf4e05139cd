//! The time, read once a turn instead of once a request.

use std::cell::Cell;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Length of an IMF-fixdate (RFC 9110 section 5.6.7).
pub(crate) const DATE_LENGTH: usize = 29;

/// The turn's time, and the `date` field made from it once a second.
#[derive(Debug)]
pub(crate) struct Clock {
    now: Cell<Instant>,
    wall: Cell<SystemTime>,
    second: Cell<u64>,
    date: Cell<[u8; DATE_LENGTH]>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let clock = Self {
            now: Cell::new(Instant::now()),
            wall: Cell::new(UNIX_EPOCH),
            second: Cell::new(u64::MAX),
            date: Cell::new([b' '; DATE_LENGTH]),
        };
        clock.tick();
        clock
    }

    /// Reads the clocks. Called at the start of a turn.
    pub(crate) fn tick(&self) {
        self.now.set(Instant::now());
        let wall = SystemTime::now();
        self.wall.set(wall);
        let second = wall
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        if self.second.replace(second) != second {
            let text = httpdate::fmt_http_date(wall);
            let mut date = [b' '; DATE_LENGTH];
            for (slot, byte) in date.iter_mut().zip(text.bytes()) {
                *slot = byte;
            }
            self.date.set(date);
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now.get()
    }

    pub(crate) fn wall(&self) -> SystemTime {
        self.wall.get()
    }

    pub(crate) fn date(&self) -> [u8; DATE_LENGTH] {
        self.date.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_an_imf_fixdate() {
        let date = Clock::new().date();
        let text = std::str::from_utf8(&date).unwrap();
        assert!(text.ends_with(" GMT"), "{text}");
        assert!(httpdate::parse_http_date(text).is_ok());
    }
}
