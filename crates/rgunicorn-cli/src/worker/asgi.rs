//! A worker of an ASGI application: an asyncio event loop around the runtime.

use std::rc::Rc;

use pyo3::prelude::*;
use rgunicorn_eventloop::reactor;
use rgunicorn_eventloop::reactor::Reactor;
use rgunicorn_eventloop::task::ends_process;

use super::Inherited;
use super::course::Course;
use super::life::Life;
use super::life::Parts;
use crate::config::Config;
use crate::config::LogLevel;

/// Serves until told to stop. Returns the worker's exit code.
pub(super) fn serve(
    py: Python<'_>,
    config: &Config,
    inherited: Inherited,
    app: &Bound<'_, PyAny>,
) -> PyResult<u8> {
    let module = py.import("rgunicorn._asyncio")?;
    let event_loop = module.call_method1("make_loop", (config.event_loop.name(),))?;
    let reactor = Reactor::new(py, event_loop.call_method0("epoll")?.extract()?)?;
    event_loop.call_method1("attach", (&reactor,))?;
    let runtime = Rc::clone(reactor.bind(py).borrow().runtime());
    let app = traced(config, app)?;
    let Inherited {
        listeners,
        seat,
        hooks,
    } = inherited;
    let course = Course::new(config.clone(), seat, runtime, hooks);
    let parts = Parts {
        course: Rc::clone(&course),
        listeners,
        app: app.unbind(),
        event_loop: event_loop.clone().unbind(),
    };
    let life = Bound::new(py, Life::new(parts))?;
    let root = module.call_method1("live", (&life,))?;
    let root = event_loop.call_method1("create_task", (root,))?;
    let outcome = run_to_the_end(&course, &event_loop, &root);
    module.call_method1("close", (&event_loop,))?;
    drop(life);
    reactor::release(py);
    outcome.map(|()| course.exit_code())
}

/// The application, with every message logged if that is wanted.
pub(crate) fn traced<'py>(config: &Config, app: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if config.log_level != LogLevel::Trace {
        return Ok(app.clone());
    }
    let module = app.py().import("rgunicorn._trace")?;
    module.call_method1("traced", (app,))
}

/// Runs the loop until its root task ends. An application that raises
/// `SystemExit` ends its worker, but not the requests of others.
fn run_to_the_end(
    course: &Rc<Course>,
    event_loop: &Bound<'_, PyAny>,
    root: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = event_loop.py();
    loop {
        match event_loop.call_method1("run_until_complete", (root,)) {
            Ok(_) => return Ok(()),
            Err(error)
                if ends_process(py, &error) && !root.call_method0("done")?.is_truthy()? =>
            {
                tracing::error!("The application ended its worker: {error}");
                if course.server().is_none() {
                    course.fail("");
                }
                course.drain();
            }
            Err(error) => return Err(error),
        }
    }
}
