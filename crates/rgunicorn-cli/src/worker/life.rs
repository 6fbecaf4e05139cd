//! What a worker does on its event loop: start, serve, drain, stop.
//!
//! `rgunicorn._asyncio.live` calls these steps in order and awaits the asyncio
//! futures that they return.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use rgunicorn_asgi::app::AsgiApp;
use rgunicorn_asgi::lifespan::Lifespan;
use rgunicorn_asgi::lifespan::Mode;
use rgunicorn_asgi::settings::Settings as AsgiSettings;
use rgunicorn_core::listen::Listener;
use rgunicorn_core::server::Server;
use rgunicorn_eventloop::awaitable::resolve;
use rgunicorn_supervisor::Seat;
use tokio::runtime::LocalRuntime;

use super::steering;
use super::steering::Plan;
use crate::config;
use crate::config::Config;
use crate::config::LogLevel;
use crate::exit;
use crate::logging;

/// What a worker is made of.
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) listeners: Vec<Listener>,
    pub(super) seat: Seat,
    pub(super) app: Py<PyAny>,
    pub(super) event_loop: Py<PyAny>,
    pub(super) runtime: Rc<LocalRuntime>,
}

/// A worker on its event loop.
#[pyclass(unsendable, frozen, module = "rgunicorn._rgunicorn")]
pub(super) struct Life {
    config: Config,
    listeners: Cell<Vec<Listener>>,
    seat: Seat,
    app: Py<PyAny>,
    event_loop: Py<PyAny>,
    runtime: Rc<LocalRuntime>,
    lifespan: RefCell<Option<Py<Lifespan>>>,
    server: RefCell<Option<Rc<Server<AsgiApp>>>>,
    /// An asyncio future, done when no connection is left.
    drained: RefCell<Option<Py<PyAny>>>,
    plan: Cell<Plan>,
    exit_code: Cell<u8>,
}

impl Life {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            config: parts.config,
            listeners: Cell::new(parts.listeners),
            seat: parts.seat,
            app: parts.app,
            event_loop: parts.event_loop,
            runtime: parts.runtime,
            lifespan: RefCell::default(),
            server: RefCell::default(),
            drained: RefCell::default(),
            plan: Cell::new(Plan::Serve),
            exit_code: Cell::new(exit::OK),
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        self.exit_code.get()
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn seat(&self) -> &Seat {
        &self.seat
    }

    pub(super) fn runtime(&self) -> &Rc<LocalRuntime> {
        &self.runtime
    }

    pub(super) fn event_loop<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.event_loop.bind(py)
    }

    pub(super) fn server(&self) -> Option<Rc<Server<AsgiApp>>> {
        self.server.borrow().clone()
    }

    /// Waits no longer for the application to start or to stop.
    pub(super) fn give_up_lifespan(&self, py: Python<'_>) -> PyResult<()> {
        match &*self.lifespan.borrow() {
            Some(lifespan) if self.server.borrow().is_none() => {
                lifespan.bind(py).borrow().give_up(py)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn plan(&self) -> Plan {
        self.plan.get()
    }

    pub(super) fn set_plan(&self, plan: Plan) {
        self.plan.set(plan);
    }

    /// A bug of ours ended the server's task: only a new worker can serve.
    fn give_up_serving(&self) {
        tracing::error!(
            critical = true,
            "The server's task panicked: the worker ends."
        );
        self.exit_code.set(exit::INTERNAL);
        if let Some(server) = self.server() {
            server.abort();
        }
    }

    /// Says that the worker must not be replaced but given up.
    pub(super) fn fail(&self, reason: &str) {
        if !reason.is_empty() {
            tracing::error!("{reason}");
        }
        tracing::error!("Application startup failed. Exiting.");
        self.exit_code.set(exit::WORKER_BOOT);
    }

    fn make_server(&self, py: Python<'_>, lifespan: &Lifespan) -> PyResult<Rc<Server<AsgiApp>>> {
        // Taken in the root task: what the lifespan set stays in the lifespan.
        let context = py.import("contextvars")?.call_method0("copy_context")?;
        let settings = AsgiSettings {
            root_path: self.config.root_path.clone(),
            debug: matches!(self.config.log_level, LogLevel::Trace | LogLevel::Debug),
        };
        let event_loop = self.event_loop.bind(py);
        let app = AsgiApp::new(
            self.app.bind(py),
            event_loop,
            &context,
            &settings,
            lifespan.state(py),
        )?;
        let access_log = logging::open_access_log(&self.config)
            .map_err(|failure| PyRuntimeError::new_err(failure.to_string()))?;
        let _context = self.runtime.enter();
        Ok(Server::new(
            app,
            self.listeners.take(),
            self.config.http.clone(),
            access_log,
        )?)
    }
}

#[pymethods]
impl Life {
    /// Begins the application's lifespan. Returns an asyncio future.
    fn start<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.borrow());
        steering::listen(slf)?;
        let mode = match this.config.lifespan {
            config::Lifespan::Auto => Mode::Auto,
            config::Lifespan::On => Mode::On,
            config::Lifespan::Off => Mode::Off,
        };
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
        if let Some(reason) = lifespan.failure() {
            this.fail(&reason);
            return Ok(false);
        }
        if this.plan() != Plan::Serve {
            return Ok(false); // told to stop while it started
        }
        let drained = this.event_loop.bind(py).call_method0("create_future")?;
        this.drained.replace(Some(drained.clone().unbind()));
        let server = this.make_server(py, &lifespan)?;
        this.server.replace(Some(Rc::clone(&server)));
        let drained = drained.unbind();
        let serving = this.runtime.spawn_local(async move { server.run().await });
        let owner = slf.clone().unbind();
        this.runtime.spawn_local(async move {
            let broken = serving.await.is_err();
            Python::attach(|py| {
                if broken {
                    owner.bind(py).borrow().give_up_serving();
                }
                steering::report(resolve(drained.bind(py), py.None().into_bound(py)));
            });
        });
        steering::beat(slf)?;
        this.seat.ready();
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
        match self.server() {
            Some(server) => server.app().tasks(py),
            None => PyList::empty(py),
        }
    }

    /// Seconds that are left of the graceful timeout.
    fn remaining(&self) -> f64 {
        let limit = match self.plan() {
            Plan::Serve => self.config.graceful_timeout,
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

    /// The heartbeat's callback.
    fn beat(slf: &Bound<'_, Self>) -> PyResult<()> {
        steering::beat(slf)
    }
}

/// What the lifespan's shutdown gets, however late it is.
const LEAST: Duration = Duration::from_millis(200);
