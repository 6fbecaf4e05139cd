//! The life of a worker, from the fork to its exit code.
//!
//! [`run`] is the whole story; how a worker serves is in [`asgi`] and [`wsgi`],
//! what it is to do and until when in [`course`].

use pyo3::prelude::*;
use rgunicorn_core::listen::Listener;
use rgunicorn_eventloop::traceback::traceback;
use rgunicorn_supervisor::Seat;

use crate::config::Config;
use crate::exit;
use crate::interface::Interface;
use crate::load::LoadError;
use crate::load::load_app;

mod asgi;
mod course;
mod life;
mod steering;
mod wsgi;

/// Serves until told to stop. Runs in a child of the master; returns its exit code.
pub(crate) fn run(
    py: Python<'_>,
    config: &Config,
    listeners: Vec<Listener>,
    seat: Seat,
    preloaded: Option<Py<PyAny>>,
) -> u8 {
    tracing::info!("Booting worker with pid: {}", std::process::id());
    if let Err(error) = steering::dump_stacks_when_aborted(py, &config.error_log) {
        tracing::warn!("A hung worker's stacks will not be logged: {error}");
    }
    let code = match preloaded.map_or_else(|| load_app(py, config), Ok) {
        Ok(app) => match config.interface {
            Interface::Asgi => asgi::serve(py, config, listeners, seat, app.bind(py)),
            Interface::Wsgi => wsgi::serve(py, config, listeners, seat, app.bind(py)),
            Interface::PooledWsgi => wsgi::serve_pooled(py, config, listeners, seat, app.bind(py)),
        }
        .unwrap_or_else(|error| {
            tracing::error!("Exception in worker process\n{}", traceback(py, &error));
            exit::INTERNAL
        }),
        Err(error) => fail(&error),
    };
    tracing::info!("Worker exiting (pid: {})", std::process::id());
    code
}

fn fail(error: &LoadError) -> u8 {
    error.report();
    error.exit_code()
}
