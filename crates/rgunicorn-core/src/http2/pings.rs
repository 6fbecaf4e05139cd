//! Questions whether the client is still there, and how much the network carries (RFC 9113 section 6.7).

use std::cell::Cell;
use std::cell::RefCell;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use h2::Ping;
use h2::PingPong;
use h2::server::Connection;

use super::H2;
use super::Http2;
use super::pipe::H2Side;
use crate::settings::Growth;
use crate::settings::Http2Settings;

/// The pings of one connection. One is on its way at a time.
pub(super) struct Pings {
    pings: RefCell<Option<PingPong>>,
    asked: Cell<Option<Asked>>,
    /// Bytes received when the client was last looked at, and when that was.
    heard: Cell<Option<(u64, Instant)>>,
    window: Cell<u32>,
    grows: bool,
}

/// A ping without an answer.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    /// Bytes received before.
    received: u64,
}

impl Pings {
    pub(super) fn new(settings: &Http2Settings) -> Self {
        Self {
            pings: RefCell::default(),
            asked: Cell::default(),
            heard: Cell::default(),
            window: Cell::new(settings.window),
            grows: settings.growth == Growth::Adaptive,
        }
    }

    pub(super) fn begin(&self, connection: &mut Connection<H2Side, Bytes>) {
        self.pings.replace(connection.ping_pong());
    }

    /// Asks, unless an answer is still to come.
    fn ask(&self, now: Instant, received: u64) {
        if self.asked.get().is_none()
            && let Some(pings) = &mut *self.pings.borrow_mut()
            && pings.send_ping(Ping::opaque()).is_ok()
        {
            self.asked.set(Some(Asked { at: now, received }));
        }
    }

    /// The ping that was answered, if one was.
    fn answered(&self) -> Option<Asked> {
        let asked = self.asked.get()?;
        let mut context = Context::from_waker(Waker::noop());
        let mut pings = self.pings.borrow_mut();
        let answered = pings.as_mut()?.poll_pong(&mut context).is_ready();
        answered.then(|| {
            self.asked.set(None);
            asked
        })
    }
}

impl Http2 {
    /// Asks a client that is silent whether it is there. Says whether one that was asked is not.
    pub(super) fn sweep_pings(&self, now: Instant) -> bool {
        let settings = &self.state.settings.http2;
        let Some(interval) = settings.ping_interval else {
            return false;
        };
        let received = self.pipe.received();
        let since = match self.pings.heard.get() {
            Some((then, since)) if then == received => since,
            _ => now,
        };
        self.pings.heard.set(Some((received, since)));
        let silent = now.duration_since(since);
        if silent >= interval + settings.ping_timeout && self.pings.asked.get().is_some() {
            tracing::info!(
                "HTTP/2 ping was not answered by ip={}",
                self.peer.client_text()
            );
            return true;
        }
        if silent >= interval {
            self.pings.ask(now, received);
            self.write();
        }
        false
    }

    /// Enlarges the windows where what came between a ping and its answer about filled them: the
    /// client could have sent more.
    pub(super) fn adapt_window(&self) {
        let answered = self.pings.answered();
        if !self.pings.grows {
            return;
        }
        let now = self.state.clock.now();
        let received = self.pipe.received();
        let window = self.pings.window.get();
        if let Some(asked) = answered {
            let came = received - asked.received;
            let larger = grown(window, came, now.duration_since(asked.at));
            if larger > window {
                self.pings.window.set(larger);
                self.set_window(larger);
            }
        }
        if window < MOST_WINDOW && self.has_bodies() {
            self.pings.ask(now, received);
        }
    }

    fn has_bodies(&self) -> bool {
        let lanes = self.lanes.borrow();
        lanes
            .iter()
            .filter_map(|lane| lane.exchange())
            .any(|exchange| exchange.awaits_rest())
    }

    fn set_window(&self, window: u32) {
        if let H2::Open(connection) = &mut *self.h2.borrow_mut() {
            connection.set_target_window_size(window.max(super::CONNECTION_WINDOW));
            // Refused while the client has not acknowledged the last change.
            if connection.set_initial_window_size(window).is_ok() {
                self.frames.borrow_mut().note_settings();
            }
        }
    }
}

/// The window that lets a client send all the time that a ping and its answer take. One that is close
/// by is not kept waiting by a small one.
fn grown(window: u32, came: u64, round_trip: Duration) -> u32 {
    let filled = came * 3 >= u64::from(window) * 2;
    if !filled || round_trip < SHORT {
        return window;
    }
    let twice = u32::try_from(came * 2).unwrap_or(MOST_WINDOW);
    twice.clamp(window, MOST_WINDOW.max(window))
}

/// Larger windows are for the operator to set: so much memory may each stream take.
const MOST_WINDOW: u32 = 4 * 1024 * 1024;

/// A round trip within one machine.
const SHORT: Duration = Duration::from_micros(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_grows_where_it_was_what_held_the_client_back() {
        let far = Duration::from_millis(50);
        assert_eq!(grown(65_535, 10_000, far), 65_535, "the client had no more");
        assert_eq!(grown(65_535, 65_000, far), 130_000);
        assert_eq!(
            grown(65_535, 65_000, Duration::ZERO),
            65_535,
            "it is close by"
        );
        assert_eq!(grown(65_535, u64::from(u32::MAX), far), MOST_WINDOW);
        assert_eq!(grown(2 * MOST_WINDOW, 1 << 40, far), 2 * MOST_WINDOW);
    }
}
