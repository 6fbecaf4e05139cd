//! The life of a worker, from the fork to its exit code.

use pyo3::prelude::*;
use rgunicorn_core::listen::Listener;
use rgunicorn_supervisor::Seat;

use crate::config::Config;
use crate::exit;
use crate::load;

/// Loads the application and says that the worker is ready. Serves nothing yet.
pub(crate) fn run(
    py: Python<'_>,
    config: &Config,
    listeners: Vec<Listener>,
    seat: Seat,
    preloaded: Option<Py<PyAny>>,
) -> u8 {
    match preloaded.map_or_else(|| load::load_app(py, config), Ok) {
        Ok(_) => {
            seat.ready();
            drop(listeners);
            exit::OK
        }
        Err(error) => {
            error.report();
            error.exit_code()
        }
    }
}
