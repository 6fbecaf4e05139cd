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
    let _ = (listeners, seat);
    match preloaded.map_or_else(|| crate::load::load_app(py, config), Ok) {
        Ok(_) => crate::exit::OK,
        Err(error) => {
            error.report();
            error.exit_code()
        }
    }
}
