//! How many workers there should be, and whether there are.

use super::Phase;
use super::Pool;
use crate::event::Action;
use crate::settings::MOST_WORKERS;
use crate::worker::Worker;

/// Whether the pool has said that it is complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Strength {
    /// It will, as soon as it is.
    Awaited,
    /// It has, since it was last changed. Workers that crash are replaced without a word.
    Announced,
}

impl Pool {
    /// TTIN.
    pub(super) fn strengthen(&mut self) {
        self.target = (self.target + 1).min(MOST_WORKERS);
        self.strength = Strength::Awaited;
    }

    /// TTOU. Leaves the last one, and nobody alone.
    pub(super) fn weaken(&mut self) {
        if self.target > 1 {
            self.target -= 1;
            self.strength = Strength::Awaited;
        }
    }

    /// WINCH: lets all workers go. A reload brings them back.
    pub(super) fn dismiss(&mut self) {
        if !self.is_leaving() {
            self.target = 0;
        }
    }

    /// Says that as many workers serve as should, all of them current.
    pub(super) fn announce(&mut self) {
        let current = self.numbers(|w| w.is_ready() && w.is_counted()).len();
        let is_complete = self.target > 0 && current >= self.target;
        if is_complete && self.strength == Strength::Awaited {
            self.strength = Strength::Announced;
            self.actions.push(Action::Complete(current));
        }
    }

    /// Whether somebody serves, or nobody has to: a start has its own time limit, and so has a stop.
    pub(crate) fn is_healthy(&self) -> bool {
        let has_to = self.phase != Phase::Starting && !self.is_stopping() && self.target > 0;
        !has_to || self.workers.iter().any(Worker::is_ready)
    }

    /// Whether the server has no terminal.
    pub(crate) fn is_daemon(&self) -> bool {
        self.settings.daemon
    }
}
