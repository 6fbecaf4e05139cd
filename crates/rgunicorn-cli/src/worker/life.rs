//! What a worker does on its event loop: start, serve, drain, stop.
//!
//! `rgunicorn._asyncio.live` calls these steps in order and awaits the asyncio
//! futures that they return.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;
use rgunicorn_asgi::app::AsgiApp;
use rgunicorn_asgi::lifespan::Lifespan;
use rgunicorn_asgi::lifespan::Mode;
use rgunicorn_asgi::settings::Settings as AsgiSettings;
use rgunicorn_core::listen::Listener;
use rgunicorn_core::server::Server;
use rgunicorn_eventloop::awaitable::resolve;
use tokio::sync::oneshot;

use super::course::Course;
use super::course::Plan;
use super::reloading;
use super::served::Calls;
use super::steering;
use crate::config;
use crate::config::Config;
use crate::config::LogLevel;
use crate::interface::Interface;

/// What a worker is made of.
pub(super) struct Parts {
    pub(super) course: Rc<Course>,
    pub(super) listeners: Vec<Listener>,
    pub(super) app: Py<PyAny>,
    pub(super) event_loop: Py<PyAny>,
}

/// A worker on its event loop.
#[pyclass(unsendable, frozen, module = "rgunicorn._rgunicorn")]
pub(super) struct Life {
    course: Rc<Course>,
    listeners: Cell<Vec<Listener>>,
    app: Py<PyAny>,
    event_loop: Py<PyAny>,
    lifespan: RefCell<Option<Py<Lifespan>>>,
    server: RefCell<Option<Rc<Server<AsgiApp>>>>,
    /// An asyncio future, done when no connection is left.
    drained: RefCell<Option<Py<PyAny>>>,
}

impl Life {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            course: parts.course,
            listeners: Cell::new(parts.listeners),
            app: parts.app,
            event_loop: parts.event_loop,
            lifespan: RefCell::default(),
            server: RefCell::default(),
            drained: RefCell::default(),
        }
    }

    /// Waits no longer for the application to start or to stop.
    fn give_up_lifespan(&self, py: Python<'_>) -> PyResult<()> {
        match &*self.lifespan.borrow() {
            Some(lifespan) if self.server.borrow().is_none() => {
                lifespan.bind(py).borrow().give_up(py)
            }
            _ => Ok(()),
        }
    }

    fn make_server(
        &self,
        app: &Bound<'_, PyAny>,
        lifespan: &Lifespan,
    ) -> PyResult<Rc<Server<AsgiApp>>> {
        let py = app.py();
        // Taken in the root task: what the lifespan set stays in the lifespan.
        let context = py.import("contextvars")?.call_method0("copy_context")?;
        let mut settings = asgi_settings(&self.course.config);
        settings.hooks = self.course.hooks.requests(py)?;
        let event_loop = self.event_loop.bind(py);
        let app = AsgiApp::new(app, event_loop, &context, &settings, lifespan.state(py))?;
        self.course.make_server(app, self.listeners.take())
    }
}

#[pymethods]
impl Life {
    /// Begins the application's lifespan. Returns an asyncio future.
    fn start<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.borrow());
        steering::listen(&this.course)?;
        let owner = slf.clone().unbind();
        this.course.set_give_up_starting(Box::new(move || {
            Python::attach(|py| report(owner.bind(py).borrow().give_up_lifespan(py)));
        }));
        let mode = this.course.config.lifespan.into();
        let lifespan = Lifespan::begin(this.event_loop.bind(py), this.app.bind(py), mode)?;
        let started = lifespan.borrow().started(py).clone();
        this.lifespan.replace(Some(lifespan.unbind()));
        Ok(started)
    }

    /// Begins to accept. Returns whether there is anything to wait for.
    fn serve(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let (py, this) = (slf.py(), slf.borrow());
        let lifespan = this.lifespan.borrow();
        let Some(lifespan) = &*lifespan else {
            return Ok(false);
        };
        let lifespan = lifespan.bind(py).borrow();
        let mut app = this.app.bind(py).clone();
        if let Some(reason) = lifespan.failure() {
            if this.course.config.reload.is_none() {
                this.course.fail(&reason);
                return Ok(false);
            }
            tracing::error!("{reason}");
            app = reloading::show_failure(py, Interface::Asgi, &reason)?;
        }
        if this.course.plan() != Plan::Serve {
            return Ok(false); // told to stop while it started
        }
        let drained = this.event_loop.bind(py).call_method0("create_future")?;
        this.drained.replace(Some(drained.clone().unbind()));
        let server = this.make_server(&app, &lifespan)?;
        this.server.replace(Some(Rc::clone(&server)));
        let drained = drained.unbind();
        let ground = &this.course.ground;
        let (ending, ended) = oneshot::channel();
        ground.spawn(async move {
            server.run().await;
            let _ = ending.send(()); // nobody waits once the worker is gone
        });
        let course = Rc::clone(&this.course);
        ground.spawn(async move {
            // Where the task panics nothing is sent.
            if ended.await.is_err() {
                course.give_up_serving();
            }
            Python::attach(|py| report(resolve(drained.bind(py), py.None().into_bound(py))));
        });
        Self::beat(slf)?;
        this.course.seat.ready();
        Ok(true)
    }

    /// An asyncio future, done when no connection is left.
    fn drained(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.drained
            .borrow()
            .as_ref()
            .map(|future| future.clone_ref(py))
    }

    /// The requests' tasks that still run.
    fn tasks<'py>(&self, py: Python<'py>) -> Bound<'py, PyList> {
        match &*self.server.borrow() {
            Some(server) => server.app().tasks(py),
            None => PyList::empty(py),
        }
    }

    /// Seconds that are left of the graceful timeout.
    fn remaining(&self) -> f64 {
        let limit = match self.course.plan() {
            Plan::Serve => self.course.config.graceful_timeout,
            Plan::Stop { deadline } => deadline.saturating_duration_since(Instant::now()),
        };
        limit.max(LEAST).as_secs_f64()
    }

    /// Ends the application's lifespan. Returns an asyncio future.
    fn stop<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let lifespan = self.lifespan.borrow();
        lifespan
            .as_ref()
            .map(|lifespan| lifespan.bind(py).borrow().shut_down(py).cloned())
            .transpose()
    }

    /// The heartbeat: a callback on the event loop, so that it proves both that
    /// the runtime takes turns and that Python's side of the loop goes round.
    fn beat(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.borrow());
        let next = this.course.beat();
        let again = slf.getattr(intern!(py, "beat"))?;
        let arguments = (next.as_secs_f64(), again);
        let event_loop = this.event_loop.bind(py);
        event_loop.call_method1(intern!(py, "call_later"), arguments)?;
        Ok(())
    }
}

/// What an ASGI application is told of its server.
pub(crate) fn asgi_settings(config: &Config) -> AsgiSettings {
    let is_talkative = matches!(config.log_level, LogLevel::Trace | LogLevel::Debug);
    AsgiSettings {
        root_path: config.root_path.clone(),
        debug: config.reload.is_some() || is_talkative,
        hooks: None,
        websocket: config.websocket.clone(),
    }
}

impl From<config::Lifespan> for Mode {
    fn from(lifespan: config::Lifespan) -> Self {
        match lifespan {
            config::Lifespan::Auto => Self::Auto,
            config::Lifespan::On => Self::On,
            config::Lifespan::Off => Self::Off,
        }
    }
}

impl Calls for AsgiApp {
    fn cancel(&self) {
        Python::attach(|py| report(cancel_tasks(&self.tasks(py))));
    }

    fn look_after(&self, config: &Config) {
        Python::attach(|py| report(self.cancel_abandoned(py, config.disconnect_grace)));
    }
}

fn cancel_tasks(tasks: &Bound<'_, PyList>) -> PyResult<()> {
    if !tasks.is_empty() {
        tracing::warn!("Cancelling {} running task(s)", tasks.len());
    }
    for task in tasks {
        task.call_method0(intern!(tasks.py(), "cancel"))?;
    }
    Ok(())
}

fn report(result: PyResult<()>) {
    if let Err(error) = result {
        tracing::error!("Cannot act on a signal: {error}");
    }
}

/// What the lifespan's shutdown gets, however late it is.
const LEAST: Duration = Duration::from_millis(200);
