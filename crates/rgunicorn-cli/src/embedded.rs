//! A server on the event loop of another program: no master, no fork, no signals.
//!
//! `rgunicorn._embedded.Server` calls the steps in order and waits for what
//! they return, as `rgunicorn._asyncio.live` does in a worker.

mod addresses;
mod serving;

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use pyo3::exceptions::PyRuntimeError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::types::PyList;
use rgunicorn_asgi::app::AsgiApp;
use rgunicorn_asgi::lifespan::Lifespan;
use rgunicorn_core::app::App;
use rgunicorn_core::listen::Listener;
use rgunicorn_core::server::Server;
use rgunicorn_eventloop::awaitable::resolve;
use rgunicorn_eventloop::confined::Confined;
use rgunicorn_eventloop::drive;
use rgunicorn_eventloop::guest::Guest;
use rgunicorn_eventloop::guest::Turn;
use rgunicorn_eventloop::guest::take_escaped;
use rgunicorn_wsgi::pool::PooledApp;

use crate::config::Config;
use crate::failure::Failure;
use crate::interface::Interface;
use crate::logging;
use crate::operator;
use crate::worker::Certificates;
use crate::worker::Served;
use crate::worker::Stages;
use crate::worker::asgi_settings;
use crate::worker::traced;
use crate::worker::wsgi_settings;
use addresses::open_all;
use serving::Serving;

/// One server, on the thread of the loop that it was made for.
#[pyclass(frozen, module = "rgunicorn._rgunicorn")]
pub(crate) struct Embedded {
    config: Config,
    app: Py<PyAny>,
    event_loop: Py<PyAny>,
    /// A collection of garbage on another thread may drop this one.
    home: Confined<Home>,
}

/// What belongs to that thread.
#[derive(Default)]
struct Home {
    guest: RefCell<Option<Rc<Guest>>>,
    /// Until the server has them; then other handles of the same, to remove their files.
    listeners: RefCell<Vec<Listener>>,
    lifespan: RefCell<Option<Py<Lifespan>>>,
    serving: RefCell<Option<Serving>>,
    /// An asyncio future, done when no connection is left.
    drained: RefCell<Option<Py<PyAny>>>,
    deadline: Cell<Option<Instant>>,
    attention: Rc<Cell<Attention>>,
}

/// Whether somebody looks after running calls.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Attention {
    #[default]
    None,
    Soon,
}

impl Embedded {
    fn home(&self) -> PyResult<&Home> {
        self.home.get()
    }

    fn guest(&self) -> PyResult<Rc<Guest>> {
        let guest = self.home()?.guest.borrow().clone();
        guest.ok_or_else(|| PyRuntimeError::new_err("the server is closed"))
    }

    fn make_server<A: App>(&self, app: A, guest: &Guest) -> PyResult<Rc<Server<A>>> {
        let access_log = logging::open_access_log(&self.config).map_err(as_exception)?;
        let given: Vec<_> = self.home()?.listeners.take();
        let kept: Result<Vec<_>, _> = given.iter().map(Listener::try_clone).collect();
        self.home()?.listeners.replace(kept?);
        let _context = guest.enter();
        Ok(Server::new(
            app,
            given,
            self.config.http.clone(),
            access_log,
        )?)
    }

    fn make_asgi(&self, py: Python<'_>, guest: &Guest) -> PyResult<Serving> {
        // Taken where the server is started: what the lifespan set stays in the lifespan.
        let context = py.import("contextvars")?.call_method0("copy_context")?;
        let lifespan = self.home()?.lifespan.borrow();
        let state = lifespan
            .as_ref()
            .and_then(|lifespan| lifespan.bind(py).borrow().state(py));
        let app = AsgiApp::new(
            self.app.bind(py),
            self.event_loop.bind(py),
            &context,
            &asgi_settings(&self.config),
            state,
        )?;
        Ok(Serving::Asgi(self.make_server(app, guest)?))
    }

    fn make_wsgi(&self, py: Python<'_>, guest: &Guest) -> PyResult<Serving> {
        let app = PooledApp::new(
            self.app.bind(py),
            &wsgi_settings(&self.config),
            self.config.threads,
            Arc::new(ignore_exit),
        )?;
        let server = self.make_server(app, guest)?;
        let delivered = Rc::clone(&server);
        guest.spawn(async move { delivered.app().deliver().await });
        Ok(Serving::Wsgi(server))
    }

    /// Has somebody look after the calls that run, for as long as some do.
    fn attend(&self, home: &Home, guest: &Guest, serving: &Serving) {
        if !serving.is_busy() || home.attention.replace(Attention::Soon) == Attention::Soon {
            return;
        }
        let (serving, config) = (serving.clone(), self.config.clone());
        let attention = Rc::clone(&home.attention);
        guest.spawn(async move {
            tokio::time::sleep(ATTENTION).await;
            attention.set(Attention::None);
            serving.server().look_after(&config);
        });
    }

    /// A bug of ours ended a task: nothing can be served any more.
    fn give_up(&self, py: Python<'_>, serving: &Serving) -> PyResult<()> {
        tracing::error!(
            critical = true,
            "The server's task panicked: the server ends."
        );
        serving.server().abort();
        let Some(drained) = self.drained(py)? else {
            return Ok(());
        };
        if !drained.call_method0(py, "done")?.is_truthy(py)? {
            let error = PyRuntimeError::new_err("the server's task panicked");
            drained.call_method1(py, "set_exception", (error.into_value(py),))?;
        }
        Ok(())
    }

    fn on_server(&self, act: impl FnOnce(&dyn Served)) -> PyResult<()> {
        let serving = self.home()?.serving.borrow().clone();
        if let Some(serving) = serving {
            act(serving.server());
        }
        Ok(())
    }
}

#[pymethods]
impl Embedded {
    /// Opens the sockets that `settings` name, for `app` on `event_loop`.
    ///
    /// Raises `ValueError` for a wrong setting and `OSError` for an address that cannot be used.
    #[new]
    fn new(
        settings: &Bound<'_, PyDict>,
        app: &Bound<'_, PyAny>,
        event_loop: Py<PyAny>,
    ) -> PyResult<Self> {
        let config = operator::of_program(settings, None).map_err(as_exception)?;
        logging::set_up_once(settings.py(), &config).map_err(as_exception)?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let listeners = open_all(settings.py(), &config)?;
        let app = match config.interface {
            Some(Interface::Asgi) => traced(&config, app)?,
            Some(Interface::Wsgi | Interface::PooledWsgi) | None => app.clone(),
        };
        let home = Home {
            guest: RefCell::new(Some(Rc::new(Guest::new()?))),
            listeners: RefCell::new(listeners),
            ..Home::default()
        };
        Ok(Self {
            config,
            app: app.unbind(),
            event_loop,
            home: Confined::new(home),
        })
    }

    /// Where the server listens: `http://127.0.0.1:8000`, `unix:/path`.
    fn addresses(&self) -> PyResult<Vec<String>> {
        let listeners = self.home()?.listeners.borrow();
        let address = |it: &Listener| self.config.scheme().of_address(&it.address());
        Ok(listeners.iter().map(address).collect())
    }

    /// The port of the first address over TCP.
    fn port(&self) -> PyResult<Option<u16>> {
        let listeners = self.home()?.listeners.borrow();
        Ok(listeners.iter().find_map(Listener::port))
    }

    /// The descriptor that is readable when a turn is due.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.guest()?.bell())
    }

    /// Begins the application's lifespan. Returns an asyncio future, or None for WSGI.
    fn start_lifespan<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.config.interface != Some(Interface::Asgi) {
            return Ok(None);
        }
        let mode = self.config.lifespan.into();
        let lifespan = Lifespan::begin(self.event_loop.bind(py), self.app.bind(py), mode)?;
        let started = lifespan.borrow().started(py).clone();
        self.home()?.lifespan.replace(Some(lifespan.unbind()));
        Ok(Some(started))
    }

    /// Why the application did not start, if so.
    fn failure(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let lifespan = self.home()?.lifespan.borrow();
        let lifespan = lifespan.as_ref();
        Ok(lifespan.and_then(|lifespan| lifespan.bind(py).borrow().failure()))
    }

    /// Begins to accept.
    fn serve(&self, py: Python<'_>) -> PyResult<()> {
        let guest = self.guest()?;
        let drained = self.event_loop.bind(py).call_method0("create_future")?;
        self.home()?.drained.replace(Some(drained.clone().unbind()));
        let serving = match self.config.interface {
            Some(Interface::Asgi) => self.make_asgi(py, &guest)?,
            Some(Interface::Wsgi | Interface::PooledWsgi) | None => self.make_wsgi(py, &guest)?,
        };
        self.home()?.serving.replace(Some(serving.clone()));
        let drained = drained.unbind();
        guest.spawn(
            serving
                .clone()
                .watch_certificates(Certificates::new(&self.config)),
        );
        guest.spawn(async move {
            serving.run().await;
            Python::attach(|py| {
                let drained = drained.bind(py);
                if let Err(error) = resolve(drained, py.None().into_bound(py)) {
                    error.write_unraisable(py, Some(drained));
                }
            });
        });
        Ok(())
    }

    /// Serves what is ready. Nothing is done once the server is closed.
    ///
    /// Raises whatever `SystemExit` or `KeyboardInterrupt` left a task.
    fn turn(&self, py: Python<'_>) -> PyResult<()> {
        let Some(guest) = self.home()?.guest.borrow().clone() else {
            return Ok(());
        };
        drive::tidy_up();
        let serving = self.home()?.serving.borrow().clone();
        let turn = match &serving {
            // Its threads get the interpreter meanwhile.
            Some(Serving::Wsgi(_)) => drive::detached(py, || guest.turn()),
            Some(Serving::Asgi(_)) | None => guest.turn(),
        };
        if let Some(serving) = &serving {
            if turn == Turn::Panicked {
                self.give_up(py, serving)?;
            }
            self.attend(self.home()?, &guest, serving);
        }
        take_escaped().map_or(Ok(()), Err)
    }

    /// An asyncio future, done when no connection is left.
    fn drained(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let drained = self.home()?.drained.borrow();
        Ok(drained.as_ref().map(|future| future.clone_ref(py)))
    }

    /// Stops accepting, and lets what began finish.
    fn drain(&self) -> PyResult<()> {
        let home = self.home()?;
        for listener in home.listeners.take() {
            listener.unlink();
        }
        let limit = Instant::now() + self.config.graceful_timeout;
        home.deadline.set(home.deadline.get().or(Some(limit)));
        self.on_server(|server| server.drain())
    }

    /// Tells applications that their clients left.
    fn bid_farewell(&self) -> PyResult<()> {
        self.on_server(|server| {
            server.bid_farewell();
        })
    }

    /// Cancels the calls that run.
    fn cancel(&self) -> PyResult<()> {
        self.on_server(|server| server.cancel())
    }

    /// Closes every connection.
    fn abort(&self) -> PyResult<()> {
        self.on_server(|server| server.abort())
    }

    /// Seconds after the begin of a drain at which applications are told that their clients
    /// left, are cancelled, and their connections closed.
    fn stages(&self) -> (f64, f64, f64) {
        Stages::graceful(self.config.graceful_timeout).in_seconds()
    }

    /// Seconds that are left of the graceful timeout, and at least a moment.
    fn remaining(&self) -> PyResult<f64> {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        let limit = self.home()?.deadline.get().map_or(Duration::MAX, left);
        Ok(limit.clamp(LEAST, LONGEST).as_secs_f64())
    }

    /// The requests' tasks that still run.
    fn tasks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let serving = self.home()?.serving.borrow();
        let tasks = serving.as_ref().and_then(|serving| serving.tasks(py));
        Ok(tasks.unwrap_or_else(|| PyList::empty(py)))
    }

    /// Lets the threads of a WSGI application go. Returns how many have not.
    fn threads_left(&self) -> PyResult<usize> {
        let serving = self.home()?.serving.borrow();
        Ok(serving.as_ref().map_or(0, Serving::threads_left))
    }

    /// Ends the application's lifespan. Returns an asyncio future, or None where there is none.
    fn stop_lifespan<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let lifespan = self.home()?.lifespan.borrow();
        lifespan
            .as_ref()
            .map(|lifespan| lifespan.bind(py).borrow().shut_down(py).cloned())
            .transpose()
    }

    /// Lets everything go, whatever it is doing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.drain()?;
        if let Some(lifespan) = self.home()?.lifespan.take() {
            lifespan.bind(py).borrow().cancel(py)?;
        }
        drop(self.home()?.serving.take());
        drop(self.home()?.guest.take());
        Ok(())
    }
}

fn as_exception(failure: Failure) -> PyErr {
    match failure {
        Failure::Python(error) => error,
        Failure::System(error) => error.into(),
        failure => PyValueError::new_err(failure.to_string()),
    }
}

/// A WSGI application that raises `SystemExit` on one of its threads would end its worker. Here
/// there is none, and the program around it is not its to end.
fn ignore_exit() {
    tracing::error!("The application raised SystemExit: the program that serves it goes on.");
}

/// How often running calls are looked after.
const ATTENTION: Duration = Duration::from_secs(1);
/// What the lifespan's shutdown gets, however late it is.
const LEAST: Duration = Duration::from_millis(200);
/// Far enough, and within what Python's timeouts can hold.
const LONGEST: Duration = Duration::from_secs(1_000_000_000);
