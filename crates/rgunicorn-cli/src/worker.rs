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
use crate::load::Loaded;
use crate::load::load_app;
use crate::logging;

mod asgi;
mod course;
mod life;
mod memory;
mod steering;
mod wsgi;

/// What a worker begins with.
#[derive(Debug)]
pub(crate) enum Start {
    /// The application that the master loaded.
    With(Loaded),
    /// Nothing. How the application is called was or will be said by another process.
    Empty,
    /// Nothing, and nobody has said yet how the application is called.
    First,
}

impl Start {
    fn application(self, py: Python<'_>, config: &Config) -> Result<Loaded, LoadError> {
        Ok(match self {
            Self::With(loaded) => loaded,
            Self::Empty => load_app(py, config)?,
            Self::First => {
                let loaded = load_app(py, config)?;
                tracing::info!("Using worker: {}", loaded.worker);
                loaded
            }
        })
    }
}

/// Serves until told to stop. Runs in a child of the master; returns its exit code.
pub(crate) fn run(
    py: Python<'_>,
    config: &Config,
    listeners: Vec<Listener>,
    seat: Seat,
    start: Start,
) -> u8 {
    tracing::info!("Booting worker with pid: {}", std::process::id());
    if let Err(error) = steering::dump_stacks_when_aborted(py, &config.error_log) {
        tracing::warn!("A hung worker's stacks will not be logged: {error}");
    }
    let code = match start.application(py, config) {
        Ok(loaded) => {
            let app = loaded.app.bind(py);
            let config = &config.serving(loaded.interface);
            let served = match loaded.interface {
                Interface::Asgi => asgi::serve(py, config, listeners, seat, app),
                Interface::Wsgi => wsgi::serve(py, config, listeners, seat, app),
                Interface::PooledWsgi => wsgi::serve_pooled(py, config, listeners, seat, app),
            };
            served.unwrap_or_else(|error| {
                tracing::error!("Exception in worker process\n{}", traceback(py, &error));
                exit::INTERNAL
            })
        }
        Err(error) => fail(&error),
    };
    logging::tell_at_once();
    tracing::info!("Worker exiting (pid: {})", std::process::id());
    code
}

fn fail(error: &LoadError) -> u8 {
    error.report();
    error.exit_code()
}
