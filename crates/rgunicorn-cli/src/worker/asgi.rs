//! A worker of an ASGI application: an asyncio event loop around the runtime, or beside it.

use std::rc::Rc;

use pyo3::prelude::*;
use rgunicorn_eventloop::ground::Ground;
use rgunicorn_eventloop::guest::Guest;
use rgunicorn_eventloop::reactor;
use rgunicorn_eventloop::reactor::Reactor;
use rgunicorn_eventloop::task::ends_process;
use rgunicorn_eventloop::visit::Visit;

use super::Inherited;
use super::course::Course;
use super::life::Life;
use super::life::Parts;
use crate::config::Config;
use crate::config::EventLoop;
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
    let (ground, detach) = attach(&event_loop, config.event_loop)?;
    let app = traced(config, app)?;
    let Inherited {
        listeners,
        seat,
        hooks,
    } = inherited;
    let course = Course::new(config.clone(), seat, ground, hooks);
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
    module.call_method1("close", (&event_loop, detach))?;
    drop(life);
    reactor::release(py);
    outcome.map(|()| course.exit_code())
}

/// Has the event loop give the server its turns. Returns also what ends that.
fn attach<'py>(
    event_loop: &Bound<'py, PyAny>,
    kind: EventLoop,
) -> PyResult<(Ground, Bound<'py, PyAny>)> {
    let py = event_loop.py();
    if kind == EventLoop::Uvloop {
        let guest = Rc::new(Guest::new()?);
        let visit = Bound::new(py, Visit::new(Rc::clone(&guest)))?;
        let turns = py.import("rgunicorn._turns")?;
        let turns = turns.call_method1("Turns", (event_loop, visit))?;
        return Ok((Ground::Guest(guest), turns.getattr("end")?));
    }
    let reactor = Reactor::new(py, event_loop.call_method0("epoll")?.extract()?)?;
    event_loop.call_method1("attach", (&reactor,))?;
    let runtime = Rc::clone(reactor.bind(py).borrow().runtime());
    Ok((Ground::Runtime(runtime), event_loop.getattr("detach")?))
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
