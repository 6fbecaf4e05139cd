//! The life of a worker, from the fork to its exit code.
//!
//! [`run`] is the whole story; its steps on the event loop are in [`life`],
//! and what signals do is in [`steering`].

use std::rc::Rc;

use pyo3::prelude::*;
use rgunicorn_asgi::outcome::traceback;
use rgunicorn_core::listen::Listener;
use rgunicorn_eventloop::reactor;
use rgunicorn_eventloop::reactor::Reactor;
use rgunicorn_eventloop::task::ends_process;
use rgunicorn_supervisor::Seat;

use crate::config::Config;
use crate::config::LogLevel;
use crate::exit;
use crate::load::LoadError;
use crate::load::load_app;

mod life;
mod steering;

use life::Life;
use life::Parts;

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
        Ok(app) => serve(py, config, listeners, seat, app.bind(py)).unwrap_or_else(|error| {
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

fn serve(
    py: Python<'_>,
    config: &Config,
    listeners: Vec<Listener>,
    seat: Seat,
    app: &Bound<'_, PyAny>,
) -> PyResult<u8> {
    let module = py.import("rgunicorn._asyncio")?;
    let event_loop = module.call_method0("make_loop")?;
    let reactor = Reactor::new(py, event_loop.call_method0("epoll")?.extract()?)?;
    event_loop.call_method1("attach", (&reactor,))?;
    let runtime = Rc::clone(reactor.bind(py).borrow().runtime());
    let app = if config.log_level == LogLevel::Trace {
        py.import("rgunicorn._trace")?
            .call_method1("traced", (app,))?
    } else {
        app.clone()
    };
    let parts = Parts {
        config: config.clone(),
        listeners,
        seat,
        app: app.unbind(),
        event_loop: event_loop.clone().unbind(),
        runtime,
    };
    let life = Bound::new(py, Life::new(parts))?;
    let root = module.call_method1("live", (&life,))?;
    let root = event_loop.call_method1("create_task", (root,))?;
    let outcome = run_to_the_end(&life, &event_loop, &root);
    module.call_method1("close", (&event_loop,))?;
    let code = life.borrow().exit_code();
    drop(life);
    reactor::release(py);
    outcome.map(|()| code)
}

/// Runs the loop until its root task ends. An application that raises
/// `SystemExit` ends its worker, but not the requests of others.
fn run_to_the_end(
    life: &Bound<'_, Life>,
    event_loop: &Bound<'_, PyAny>,
    root: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = life.py();
    loop {
        match event_loop.call_method1("run_until_complete", (root,)) {
            Ok(_) => return Ok(()),
            Err(error)
                if ends_process(py, &error) && !root.call_method0("done")?.is_truthy()? =>
            {
                tracing::error!("The application ended its worker: {error}");
                if life.borrow().server().is_none() {
                    life.borrow().fail("");
                }
                steering::drain(life)?;
            }
            Err(error) => return Err(error),
        }
    }
}
