//! Which event loop ASGI workers have.

use super::Checked;
use crate::failure::Failure;

/// An event loop, by the name that `python/rgunicorn/_asyncio.py` knows it by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EventLoop {
    /// asyncio's own, whose sleeps are turns of the worker's runtime.
    Stock,
    /// Ours, whose queue, timers and sockets are in Rust.
    Own,
}

impl EventLoop {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stock => "asyncio",
            Self::Own => "rgunicorn",
        }
    }
}

impl Checked<'_> {
    /// What the setting `asgi_loop` says.
    pub(super) fn event_loop(&mut self) -> Result<EventLoop, Failure> {
        let word = self.settings.asgi_loop.clone();
        if word.eq_ignore_ascii_case("uvloop") {
            self.warnings.push(NO_UVLOOP.to_owned());
        }
        self.one_of("asgi_loop", &word, &EVENT_LOOPS)
    }
}

const EVENT_LOOPS: [(&str, EventLoop); 4] = [
    ("auto", EventLoop::Stock),
    ("rgunicorn", EventLoop::Own),
    ("asyncio", EventLoop::Stock),
    ("uvloop", EventLoop::Stock),
];

const NO_UVLOOP: &str = "asgi_loop has no effect: uvloop cannot share a thread with the server, so workers have the loop of auto";
