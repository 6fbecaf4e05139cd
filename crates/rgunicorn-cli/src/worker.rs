//! The life of a worker, from the fork to its exit code.
//!
//! [`run`] is the whole story; how a worker serves is in [`asgi`] and [`wsgi`],
//! what it is to do and until when in [`course`].

use pyo3::prelude::*;
use rgunicorn_core::listen::Listener;
use rgunicorn_eventloop::task::ends_process;
use rgunicorn_eventloop::traceback::traceback;
use rgunicorn_supervisor::Seat;

use crate::config::Config;
use crate::exit;
use crate::failure;
use crate::hooks::WorkerHooks;
use crate::interface::Interface;
use crate::load::LoadError;
use crate::load::Loaded;
use crate::load::load_app;
use crate::logging;

mod asgi;
mod certificates;
mod course;
mod life;
mod memory;
mod reloading;
mod served;
mod steering;
mod wsgi;

pub(crate) use asgi::traced;
pub(crate) use certificates::Certificates;
pub(crate) use course::Stages;
pub(crate) use life::asgi_settings;
pub(crate) use served::Served;
pub(crate) use wsgi::settings as wsgi_settings;

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

/// What a worker has from its master.
pub(crate) struct Inherited {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) seat: Seat,
    pub(crate) hooks: WorkerHooks,
}

/// Serves until told to stop. Runs in a child of the master; returns its exit code.
pub(crate) fn run(py: Python<'_>, config: &Config, inherited: Inherited, start: Start) -> u8 {
    tracing::info!("Booting worker with pid: {}", std::process::id());
    let hooks = inherited.hooks.clone();
    let code = match boot(py, config, &hooks, start) {
        Ok(loaded) => serve(py, config, inherited, &loaded).unwrap_or_else(|error| {
            tracing::error!("Exception in worker process\n{}", traceback(py, &error));
            exit::INTERNAL
        }),
        Err(error) => fail(&error),
    };
    leave(py, &hooks);
    code
}

/// Gets everything that comes before serving: what a hook does, and the application.
fn boot(
    py: Python<'_>,
    config: &Config,
    hooks: &WorkerHooks,
    start: Start,
) -> Result<Loaded, LoadError> {
    let of_hook = |error: PyErr| LoadError::of_hook(py, &error);
    hooks.call(py, "listen_for_abort", ()).map_err(of_hook)?;
    if let Err(error) = steering::dump_stacks_when_aborted(py, &config.error_log) {
        tracing::warn!("A hung worker's stacks will not be logged: {error}");
    }
    hooks.call(py, "post_fork", ()).map_err(of_hook)?;
    // From here on the worker can do no more than its user.
    config.process.owner.become_it().map_err(LoadError::owner)?;
    if let Err(error) = reloading::begin(py, config) {
        tracing::error!("Changed code will not be noticed: {error}");
    }
    let loaded = start.application(py, config);
    let mut loaded = loaded.or_else(|error| instead(py, config, error))?;
    let changed = hooks.call(py, "post_worker_init", (&loaded.app,));
    if let Some(app) = changed.map_err(of_hook)? {
        loaded.app = app.unbind();
    }
    Ok(loaded)
}

fn serve(py: Python<'_>, config: &Config, inherited: Inherited, loaded: &Loaded) -> PyResult<u8> {
    let app = loaded.app.bind(py);
    let config = &config.serving(loaded.interface);
    match loaded.interface {
        Interface::Asgi => asgi::serve(py, config, inherited, app),
        Interface::Wsgi => wsgi::serve(py, config, inherited, app),
        Interface::PooledWsgi => wsgi::serve_pooled(py, config, inherited, app),
    }
}

/// The last thing that a worker does before its process ends.
fn leave(py: Python<'_>, hooks: &WorkerHooks) {
    logging::tell_at_once();
    tracing::info!("Worker exiting (pid: {})", std::process::id());
    if let Err(error) = hooks.call(py, "worker_exit", ())
        && !ends_process(py, &error)
    {
        let traceback = failure::traceback_of(py, &error);
        tracing::warn!("Exception during worker exit:\n{traceback}");
    }
}

/// What to serve where the application cannot be loaded, but soon may be.
fn instead(py: Python<'_>, config: &Config, error: LoadError) -> Result<Loaded, LoadError> {
    if config.reload.is_none() {
        return Err(error);
    }
    error.report();
    // Whatever the application will be, this can be either.
    let interface = config.interface.unwrap_or(Interface::Asgi);
    match reloading::show_load_error(py, interface, &error) {
        Ok(app) => Ok(Loaded {
            app,
            interface,
            worker: interface.name().to_owned(),
        }),
        Err(_) => Err(error),
    }
}

fn fail(error: &LoadError) -> u8 {
    error.report();
    error.exit_code()
}
