//! The life of a worker, from the fork to its exit code.

use pyo3::prelude::*;
use rgunicorn_core::listen::Listener;
use rgunicorn_supervisor::Seat;

use crate::config::Config;

/// Placeholder.
pub(crate) fn run(
    py: Python<'_>,
    config: &Config,
    listeners: Vec<Listener>,
    seat: Seat,
    preloaded: Option<Py<PyAny>>,
) -> u8 {
    match preloaded.map_or_else(|| crate::load::load_app(py, config), Ok) {
        Ok(_) => {
            seat.ready();
            tracing::info!(
                "Booting worker with pid: {} ({} sockets)",
                std::process::id(),
                listeners.len()
            );
            let slept = py
                .import("time")
                .and_then(|time| time.call_method1("sleep", (25,)));
            if slept.is_err() { 0 } else { crate::exit::OK }
        }
        Err(error) => {
            error.report();
            error.exit_code()
        }
    }
}
