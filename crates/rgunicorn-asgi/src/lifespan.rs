//! ASGI's lifespan: startup, shutdown, and the state that requests share.
//!
//! The application runs in one task for the worker's whole life. Startup and
//! shutdown are asyncio futures that the worker's root task awaits.

use std::cell::Cell;
use std::cell::RefCell;

use pyo3::exceptions::PyRuntimeError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::types::PyDictMethods;
use rgunicorn_eventloop::awaitable::Done;
use rgunicorn_eventloop::awaitable::Failed;
use rgunicorn_eventloop::awaitable::resolve;
use rgunicorn_eventloop::traceback::traceback;

use crate::message::dict;

/// Whether the application must take part.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// It may refuse by raising.
    #[default]
    Auto,
    /// It must not.
    On,
    /// It is not asked.
    Off,
}

/// One worker's lifespan. Also what the application gets as `receive` and `send`.
#[pyclass(unsendable, frozen, module = "rgunicorn._rgunicorn")]
pub struct Lifespan {
    event_loop: Py<PyAny>,
    state: Py<PyDict>,
    mode: Mode,
    stage: Cell<Stage>,
    /// Resolved when startup has come to its end, whatever the end.
    started: Py<PyAny>,
    /// Resolved when nothing is left to wait for.
    ended: Py<PyAny>,
    /// Futures of `receive` calls that wait for the shutdown.
    receivers: RefCell<Vec<Py<PyAny>>>,
    told_to_stop: Cell<bool>,
    failure: RefCell<Option<String>>,
    task: RefCell<Option<Py<PyAny>>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// The startup event was not taken yet.
    Begun,
    /// Taken; not answered.
    Starting,
    /// The application is up.
    Up,
    /// It was told to shut down.
    Stopping,
    /// It said it did, or it never took part.
    Over,
}

impl Lifespan {
    /// Starts the application's lifespan task.
    ///
    /// # Errors
    /// When the event loop cannot make a future or a task.
    pub fn begin<'py>(
        event_loop: &Bound<'py, PyAny>,
        app: &Bound<'py, PyAny>,
        mode: Mode,
    ) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        let lifespan = Bound::new(
            py,
            Self {
                event_loop: event_loop.clone().unbind(),
                state: PyDict::new(py).unbind(),
                mode,
                stage: Cell::new(Stage::Begun),
                started: event_loop.call_method0("create_future")?.unbind(),
                ended: event_loop.call_method0("create_future")?.unbind(),
                receivers: RefCell::default(),
                told_to_stop: Cell::new(false),
                failure: RefCell::default(),
                task: RefCell::default(),
            },
        )?;
        if mode == Mode::Off {
            lifespan.borrow().over(py)?;
        } else {
            tracing::debug!("Waiting for application startup.");
            run(&lifespan, app)?;
        }
        Ok(lifespan)
    }

    /// An asyncio future, done when startup has come to its end.
    pub fn started<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.started.bind(py)
    }

    /// Why the worker must not serve, if so.
    pub fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }

    /// The state for requests, where the application supports lifespan.
    pub fn state(&self, py: Python<'_>) -> Option<Py<PyDict>> {
        (self.stage.get() == Stage::Up).then(|| self.state.clone_ref(py))
    }

    /// Asks the application to shut down, and returns an asyncio future that
    /// is done when it did.
    ///
    /// # Errors
    /// When a future cannot be resolved.
    pub fn shut_down<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        if self.stage.get() == Stage::Up {
            tracing::debug!("Waiting for application shutdown.");
            self.stage.set(Stage::Stopping);
            for receiver in self.receivers.take() {
                let receiver = receiver.bind(py);
                if !is_done(receiver) && !self.told_to_stop.replace(true) {
                    resolve(receiver, event(py, "lifespan.shutdown")?)?;
                }
            }
        }
        Ok(self.ended.bind(py))
    }

    /// Waits no longer for an application whose startup or shutdown takes too long.
    ///
    /// # Errors
    /// When a future cannot be resolved.
    pub fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        if self.stage.get() != Stage::Over {
            tracing::error!("The application's lifespan took too long.");
        }
        self.over(py)
    }

    /// Cancels the application's task, if it still runs.
    ///
    /// # Errors
    /// When the task cannot be cancelled.
    pub fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        self.stage.set(Stage::Over);
        match self.task.take() {
            Some(task) => task.call_method0(py, "cancel").map(drop),
            None => Ok(()),
        }
    }

    fn over(&self, py: Python<'_>) -> PyResult<()> {
        self.stage.set(Stage::Over);
        resolve(self.started.bind(py), py.None().into_bound(py))?;
        resolve(self.ended.bind(py), py.None().into_bound(py))
    }

    fn fail(&self, py: Python<'_>, message: String) -> PyResult<()> {
        self.failure.borrow_mut().get_or_insert(message);
        self.over(py)
    }

    /// The task returned or raised.
    fn task_ended(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = task.py();
        let result = task.call_method0("result");
        match (self.stage.get(), result) {
            (Stage::Over, _) => Ok(()), // its failure was reported by message
            (Stage::Begun | Stage::Starting, Err(error)) if self.mode == Mode::On => self.fail(
                py,
                format!(
                    "Exception in 'lifespan' protocol\n{}",
                    traceback(py, &error)
                ),
            ),
            (Stage::Begun | Stage::Starting, Err(_)) => {
                tracing::info!("ASGI 'lifespan' protocol appears unsupported.");
                self.over(py)
            }
            (Stage::Up | Stage::Stopping, Err(error)) => {
                tracing::error!(
                    "Exception in 'lifespan' protocol\n{}",
                    traceback(py, &error)
                );
                self.over(py)
            }
            (_, Ok(_)) => self.over(py),
        }
    }
}

fn run<'py>(lifespan: &Bound<'py, Lifespan>, app: &Bound<'py, PyAny>) -> PyResult<()> {
    let py = lifespan.py();
    let this = lifespan.borrow();
    let asgi = PyDict::new(py);
    asgi.set_item("version", "3.0")?;
    asgi.set_item("spec_version", "2.0")?;
    let scope = PyDict::new(py);
    scope.set_item("type", "lifespan")?;
    scope.set_item("asgi", asgi)?;
    scope.set_item("state", &this.state)?;
    let run = py.import("rgunicorn._asyncio")?.getattr("run_lifespan")?;
    let coroutine = run.call1((
        app,
        scope,
        lifespan.getattr("receive")?,
        lifespan.getattr("send")?,
    ))?;
    let task = this
        .event_loop
        .bind(py)
        .call_method1("create_task", (coroutine,))?;
    task.call_method1("add_done_callback", (lifespan.getattr("_task_done")?,))?;
    this.task.replace(Some(task.unbind()));
    Ok(())
}

impl Lifespan {
    /// What the application says.
    fn hear(&self, message: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = message.py();
        let message = dict(message)?;
        let Some(kind) = message.get_item("type")? else {
            return Err(PyValueError::new_err("ASGI message has no 'type'"));
        };
        let text = || -> PyResult<String> {
            message
                .get_item("message")?
                .map_or(Ok(String::new()), |text| text.extract())
        };
        match (kind.extract::<&str>()?, self.stage.get()) {
            ("lifespan.startup.complete", Stage::Begun | Stage::Starting) => {
                tracing::debug!("Application startup complete.");
                self.stage.set(Stage::Up);
                resolve(self.started.bind(py), py.None().into_bound(py))?;
            }
            ("lifespan.startup.failed", Stage::Begun | Stage::Starting) => {
                self.fail(py, text()?)?;
            }
            ("lifespan.shutdown.complete", Stage::Stopping) => {
                tracing::debug!("Application shutdown complete.");
                self.over(py)?;
            }
            ("lifespan.shutdown.failed", Stage::Stopping) => {
                let text = text()?;
                if !text.is_empty() {
                    tracing::error!("{text}");
                }
                tracing::error!("Application shutdown failed. Exiting.");
                self.over(py)?;
            }
            (
                "lifespan.startup.complete"
                | "lifespan.startup.failed"
                | "lifespan.shutdown.complete"
                | "lifespan.shutdown.failed",
                _,
            ) => {
                return Err(PyRuntimeError::new_err(
                    "Got invalid state transition on lifespan protocol.",
                ));
            }
            (other, _) => {
                return Err(PyValueError::new_err(format!(
                    "unknown ASGI message type '{other}'"
                )));
            }
        }
        Ok(())
    }
}

#[pymethods]
impl Lifespan {
    /// ASGI's `receive`.
    fn receive<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.stage.get() {
            Stage::Begun => {
                self.stage.set(Stage::Starting);
                Done::with(event(py, "lifespan.startup")?)
            }
            Stage::Stopping if !self.told_to_stop.replace(true) => {
                Done::with(event(py, "lifespan.shutdown")?)
            }
            // Nothing more will come: whoever asks waits until he is cancelled.
            Stage::Starting | Stage::Up | Stage::Stopping | Stage::Over => {
                let future = self.event_loop.bind(py).call_method0("create_future")?;
                let mut receivers = self.receivers.borrow_mut();
                receivers.retain(|waiting| !is_done(waiting.bind(py)));
                receivers.push(future.clone().unbind());
                as_coroutine(&future)
            }
        }
    }

    /// ASGI's `send`. What is wrong with an event is raised where this is awaited.
    fn send<'py>(&self, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = message.py();
        match self.hear(message) {
            Ok(()) => Done::nothing(py),
            Err(error) => Failed::with(py, error),
        }
    }

    fn _task_done(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        self.task_ended(task)
    }
}

fn event<'py>(py: Python<'py>, kind: &str) -> PyResult<Bound<'py, PyAny>> {
    let event = PyDict::new(py);
    event.set_item("type", kind)?;
    Ok(event.into_any())
}

fn is_done(future: &Bound<'_, PyAny>) -> bool {
    let done = future.call_method0("done");
    done.and_then(|done| done.is_truthy()).unwrap_or(true)
}

/// The future in a coroutine, which is what an application may expect.
fn as_coroutine<'py>(future: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let module = future.py().import("rgunicorn._asyncio")?;
    module.call_method1("wait_for", (future,))
}
