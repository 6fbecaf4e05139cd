//! When deadlines are looked at, and what is found.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;
use std::time::Instant;

use tokio::time::Sleep;
use tokio::time::sleep_until;

use super::Crowd;
use super::Turns;
use crate::accept::Acceptor;
use crate::connection::Fate;
use crate::settings::SWEEP_INTERVAL;

/// When deadlines are looked at next. Never, where nobody is connected: an
/// idle worker sleeps.
pub(super) enum Sweep {
    Off,
    At(Instant, Pin<Box<Sleep>>),
}

impl Turns {
    pub(super) fn poll_sweep(&mut self, context: &mut Context<'_>) {
        let now = self.state.clock.now();
        match self.sweep {
            Sweep::At(when, _) if now < when => return,
            Sweep::At(when, _) => {
                self.forgive(now.duration_since(when), now);
                self.sweep_connections(now);
            }
            Sweep::Off => {}
        }
        let resting = self
            .acceptors
            .iter()
            .any(|acceptor| acceptor.resting_until().is_some());
        if self.connections.is_empty() && !resting {
            self.sweep = Sweep::Off;
            return;
        }
        let when = now + SWEEP_INTERVAL;
        let mut sleep = match std::mem::replace(&mut self.sweep, Sweep::Off) {
            Sweep::At(_, mut sleep) => {
                sleep.as_mut().reset(when.into());
                sleep
            }
            Sweep::Off => Box::pin(sleep_until(when.into())),
        };
        if sleep.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
        self.sweep = Sweep::At(when, sleep);
    }

    /// A sweep that comes much too late shows that the process stood still:
    /// what clients did meanwhile is not known yet.
    fn forgive(&self, late: Duration, now: Instant) {
        if late >= SWEEP_INTERVAL {
            for (_, connection) in &self.connections {
                connection.forgive(late, now);
            }
        }
    }

    fn sweep_connections(&mut self, now: Instant) {
        self.state.refusal_log.catch_up(now);
        self.connections
            .retain(|_, connection| connection.sweep(now) == Fate::Alive);
        if let Crowd::Waiting(idle) = &mut self.crowd {
            let candidates = self.connections.iter();
            let mut found: Vec<_> = candidates
                .filter_map(|(token, connection)| Some((connection.idle_since(now)?, token)))
                .collect();
            found.sort_unstable_by(|left, right| right.cmp(left));
            *idle = found.into_iter().map(|(_, token)| token).collect();
        }
        self.look_for_waiting_clients(now);
    }

    /// Where all places are taken and somebody waits for one, each answer ends
    /// its connection: clients that ask often enough never to count as idle
    /// would keep theirs for ever.
    fn look_for_waiting_clients(&self, now: Instant) {
        let full = matches!(self.crowd, Crowd::Waiting(_));
        let wanted = full && self.acceptors.iter().any(Acceptor::has_client);
        self.state.places_are_wanted.set(wanted);
        if wanted && self.state.crowded.is_due(now) {
            tracing::warn!(
                "All {} connections of this worker are taken (worker_connections): new clients wait.",
                self.connections.len()
            );
        }
    }
}
