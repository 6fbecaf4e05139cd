//! The exit codes, which are gunicorn's: supervisors and scripts tell failures apart by them.

use pyo3::prelude::*;

/// Everything went as asked.
pub(crate) const OK: u8 = 0;
/// The configuration is wrong, or an address cannot be bound.
pub(crate) const CONFIG: u8 = 1;
/// A worker was given up by the master, and its `worker_abort` hook was told.
pub(crate) const ABORTED: u8 = 1;
/// The command line cannot be read.
pub(crate) const USAGE: u8 = 2;
/// A worker died before it could serve: an import or the lifespan startup failed.
pub(crate) const WORKER_BOOT: u8 = 3;
/// The module was imported, but it holds no application under that name.
pub(crate) const APP_LOAD: u8 = 4;
/// The master itself failed.
pub(crate) const INTERNAL: u8 = 255;
/// Ctrl-C came before there was a server to stop.
pub(crate) const INTERRUPTED: u8 = 130;

/// The code that a `SystemExit` asks for: what Python would make of it.
pub(crate) fn of_system_exit(py: Python<'_>, error: &PyErr) -> u8 {
    let Ok(code) = error.value(py).getattr("code") else {
        return CONFIG;
    };
    if code.is_none() {
        return OK;
    }
    // Python exits with the lowest byte, and with 1 for what is no number.
    code.extract::<i64>()
        .map_or(CONFIG, |code| code.to_le_bytes()[0])
}
