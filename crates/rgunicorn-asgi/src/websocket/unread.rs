//! Bytes that came and were not heard.

use pyo3::prelude::*;
use rgunicorn_eventloop::landing::Landing;
use rgunicorn_websocket::Kind;
use rgunicorn_websocket::Large;

use super::inbox::EXPECTED;

/// Bytes in a row. What is before `start` was used.
#[derive(Default)]
pub(super) struct Unread {
    held: Held,
    start: usize,
}

enum Held {
    /// From the tunnel.
    Taken(Vec<u8>),
    /// Where a large message was expected.
    Landed(Landing),
}

impl Default for Held {
    fn default() -> Self {
        Self::Taken(Vec::new())
    }
}

/// Where bytes are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Taken,
    Landed,
}

impl Unread {
    pub(super) fn taken(bytes: Vec<u8>) -> Self {
        Self {
            held: Held::Taken(bytes),
            start: 0,
        }
    }

    pub(super) fn landed(landing: Landing) -> Self {
        Self {
            held: Held::Landed(landing),
            start: 0,
        }
    }

    pub(super) fn place(&self) -> Place {
        match self.held {
            Held::Taken(_) => Place::Taken,
            Held::Landed(_) => Place::Landed,
        }
    }

    pub(super) fn is_used(&self) -> bool {
        let length = match &self.held {
            Held::Taken(bytes) => bytes.len(),
            Held::Landed(landing) => landing.filled(),
        };
        self.start == length
    }

    pub(super) fn bytes(&mut self, py: Python<'_>) -> &mut [u8] {
        let bytes = match &mut self.held {
            Held::Taken(bytes) => bytes,
            Held::Landed(landing) => landing.bytes(py),
        };
        &mut bytes[self.start..]
    }

    /// What was landed on, and where it is unread.
    ///
    /// # Errors
    /// Itself, where that is not what it holds.
    pub(super) fn into_landing(self) -> Result<(Landing, usize), Self> {
        match self.held {
            Held::Landed(landing) => Ok((landing, self.start)),
            Held::Taken(_) => Err(self),
        }
    }

    /// The memory of the tunnel, unless it is other memory.
    pub(super) fn into_taken(self) -> Option<Vec<u8>> {
        match self.held {
            Held::Taken(bytes) => Some(bytes),
            Held::Landed(_) => None,
        }
    }

    pub(super) fn use_up(&mut self, count: usize) {
        self.start += count;
    }
}

impl Place {
    /// Whether a message of which so much is there is better put where the application will have it. What
    /// is whole in the tunnel's memory is copied from there once in any case.
    pub(super) fn suits(self, large: &Large, there: usize) -> bool {
        let gains = match self {
            Self::Taken => there < large.length,
            Self::Landed => there < large.length || large.kind == Kind::Binary,
        };
        gains && large.length >= EXPECTED
    }
}
