//! Which event loop ASGI workers have.

use pyo3::prelude::*;

use super::Checked;
use crate::failure::Failure;
use crate::interface::Interface;

/// An event loop, by the name that `python/rgunicorn/_asyncio.py` knows it by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EventLoop {
    /// asyncio's own, whose sleeps are turns of the worker's runtime.
    Stock,
    /// Ours, whose queue, timers and sockets are in Rust.
    Own,
    /// uvloop's, which knows nothing of the server. That has a thread beside it to wait for the kernel.
    Uvloop,
}

impl EventLoop {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stock => "asyncio",
            Self::Own => "rgunicorn",
            Self::Uvloop => "uvloop",
        }
    }
}

impl Checked<'_> {
    /// What the setting `asgi_loop` says, for workers of this kind.
    pub(super) fn event_loop(
        &self,
        py: Python<'_>,
        interface: Option<Interface>,
    ) -> Result<EventLoop, Failure> {
        let word = &self.settings.asgi_loop;
        let chosen = self.one_of("asgi_loop", word, &EVENT_LOOPS)?;
        let has_loop = !matches!(interface, Some(Interface::Wsgi | Interface::PooledWsgi));
        if chosen == EventLoop::Uvloop && has_loop && !is_installed(py, "uvloop")? {
            return Err(self.wrong("asgi_loop", word, NO_UVLOOP));
        }
        Ok(chosen)
    }
}

const EVENT_LOOPS: [(&str, EventLoop); 4] = [
    ("auto", EventLoop::Own),
    ("rgunicorn", EventLoop::Own),
    ("asyncio", EventLoop::Stock),
    ("uvloop", EventLoop::Uvloop),
];

const NO_UVLOOP: &str = "the package uvloop is not installed; `auto` needs none";

/// Whether Python would find a module, which is not imported.
fn is_installed(py: Python<'_>, module: &str) -> PyResult<bool> {
    let found = py
        .import("importlib.util")?
        .call_method1("find_spec", (module,))?;
    Ok(!found.is_none())
}
