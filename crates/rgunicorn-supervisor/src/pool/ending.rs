//! How the server ends, and how one worker is made to.

use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;

use super::Phase;
use super::Pool;
use crate::event::Action;
use crate::event::Cause;
use crate::event::Urgency;
use crate::event::WorkerNumber;
use crate::worker::State;

/// What a worker is given beyond its own graceful deadline, so that the two never race.
pub(super) const MARGIN: Duration = Duration::from_secs(1);

/// From QUIT or ABRT to KILL: time for a stack dump or a hook, not for requests.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Pool {
    /// Somebody asked for a stop. The first to ask patiently may have to wait for it: load
    /// balancers take a while to notice, and are served meanwhile.
    pub(super) fn asked_to_stop(&mut self, urgency: Urgency, now: Instant) {
        let delay = self.settings.drain_delay;
        let serves = self.phase == Phase::Running && self.target > 0;
        if urgency == Urgency::Graceful && serves && !delay.is_zero() {
            self.phase = Phase::Leaving { at: now + delay };
            self.actions.push(Action::LogDelay(delay));
        } else {
            self.stop(urgency, Cause::Asked, now);
        }
    }

    /// Begins the stop that was put off, when it is time.
    pub(super) fn leave_in_time(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Leaving { at } if at <= now) {
            self.stop(Urgency::Graceful, Cause::Asked, now);
        }
    }

    /// When the stop that was put off begins.
    pub(super) fn leaves_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Leaving { at } => Some(at),
            Phase::Starting | Phase::Running | Phase::Stopping { .. } | Phase::Stopped => None,
        }
    }

    /// Begins a stop, or makes a patient one impatient.
    pub(super) fn stop(&mut self, urgency: Urgency, cause: Cause, now: Instant) {
        let (cause, earlier) = match self.phase {
            Phase::Stopped => return,
            Phase::Stopping { cause, urgency } => (cause, Some(urgency)),
            Phase::Starting | Phase::Running | Phase::Leaving { .. } => (cause, None),
        };
        if earlier == Some(Urgency::Fast) || earlier == Some(urgency) {
            return;
        }
        if earlier.is_none() {
            self.actions.push(Action::CloseSockets);
        }
        self.phase = Phase::Stopping { cause, urgency };
        for number in self.numbers(|_| true) {
            match urgency {
                Urgency::Fast => self.rush(number, Signal::SIGQUIT, now),
                Urgency::Graceful => self.retire(number, now),
            }
        }
    }

    /// Lets a worker finish its requests and go. No effect on one that is going already.
    pub(super) fn retire(&mut self, number: WorkerNumber, now: Instant) {
        let deadline = now + self.settings.graceful_timeout + MARGIN;
        let state = self.state_of(number);
        if let Some(state @ (State::Booting { .. } | State::Ready { .. })) = state {
            *state = State::Stopping { deadline };
            self.signal(number, Signal::SIGTERM);
        }
    }

    /// Gives a worker a signal to die by, and little time to do so.
    pub(super) fn rush(&mut self, number: WorkerNumber, signal: Signal, now: Instant) {
        let soon = now + LAST_WORDS;
        let deadline = match self.state_of(number) {
            None | Some(State::Killed) => return,
            Some(State::Stopping { deadline }) => soon.min(*deadline),
            Some(State::Booting { .. } | State::Ready { .. }) => soon,
        };
        self.put(number, State::Stopping { deadline });
        self.signal(number, signal);
    }

    pub(super) fn kill(&mut self, number: WorkerNumber) {
        self.put(number, State::Killed);
        self.signal(number, Signal::SIGKILL);
    }
}
