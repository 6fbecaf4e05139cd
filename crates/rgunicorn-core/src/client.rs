//! One client, in whichever version of HTTP it speaks.

use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use crate::app::App;
use crate::connection::Connection;
use crate::connection::Fate;
use crate::http2::Http2;

/// A client's connection.
pub(crate) enum Client {
    Http1(Rc<Connection>),
    Http2(Rc<Http2>),
    /// Nobody: it was about to change its protocol and could not.
    Lost,
}

/// Calls the method of the same name, whatever the protocol.
macro_rules! either {
    ($client:expr, $connection:ident => $call:expr, $otherwise:expr) => {
        match $client {
            Client::Http1($connection) => $call,
            Client::Http2($connection) => $call,
            Client::Lost => $otherwise,
        }
    };
}

impl Client {
    pub(crate) fn read(&self) {
        either!(self, it => it.read(), ());
    }

    pub(crate) fn advance<A: App>(&self, app: &A) {
        either!(self, it => it.advance(app), ());
    }

    /// Whether one turn of this client may mean many calls of the application.
    pub(crate) fn has_many_streams(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    /// Whether requests of this client wait although it had its turn to call the application.
    pub(crate) fn has_calls(&self) -> bool {
        matches!(self, Self::Http2(connection) if connection.has_calls())
    }

    /// Calls the application for some of them.
    pub(crate) fn call_some<A: App>(&self, app: &A) {
        if let Self::Http2(connection) = self {
            connection.call_some(app);
        }
    }

    pub(crate) fn write(&self) {
        either!(self, it => it.write(), ());
    }

    pub(crate) fn postpone(&self) {
        either!(self, it => it.postpone(), ());
    }

    /// Ends the client's turn. One that is to go on in HTTP/2 does.
    pub(crate) fn rest(&mut self) -> Fate {
        let fate = either!(self, it => it.rest(), Fate::Over);
        if fate != Fate::BecomesHttp2 {
            return fate;
        }
        if let Self::Http1(connection) = std::mem::replace(self, Self::Lost)
            && let Some(departure) = connection.into_http2()
        {
            *self = Self::Http2(Http2::new(departure));
            return Fate::Alive;
        }
        Fate::Over
    }

    pub(crate) fn sweep(&self, now: Instant) -> Fate {
        either!(self, it => it.sweep(now), Fate::Over)
    }

    pub(crate) fn forgive(&self, stood_still: Duration, now: Instant) {
        either!(self, it => it.forgive(stood_still, now), ());
    }

    pub(crate) fn idle_since(&self, now: Instant) -> Option<Instant> {
        either!(self, it => it.idle_since(now), None)
    }

    pub(crate) fn is_idle(&self) -> bool {
        either!(self, it => it.is_idle(), true)
    }

    /// Tells the client, where its protocol has a word for that, to ask elsewhere from now on.
    pub(crate) fn say_goodbye(&self) {
        if let Self::Http2(connection) = self {
            connection.wake_for_goodbye();
        }
    }

    /// See [`Connection::bid_farewell`]. Returns how many exchanges were told.
    pub(crate) fn bid_farewell(&self) -> usize {
        match self {
            Self::Http1(connection) => usize::from(connection.bid_farewell()),
            Self::Http2(connection) => connection.bid_farewell(),
            Self::Lost => 0,
        }
    }

    /// See [`Connection::announce_drain`].
    pub(crate) fn announce_drain(&self) {
        either!(self, it => it.announce_drain(), ());
    }

    /// See [`Connection::break_off`]. A stream of HTTP/2 that breaks off shows that by itself.
    pub(crate) fn break_off(&self) {
        if let Self::Http1(connection) = self {
            connection.break_off();
        }
    }
}
