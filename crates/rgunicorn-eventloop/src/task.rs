//! Starts a coroutine at once, inside a real `asyncio.Task`.
//!
//! Applications need the task (`asyncio.current_task()`, timeouts, cancel
//! scopes), not the event-loop turn that usually goes before its first step.
//! Every task gets a copy of one fixed context: never the context of whatever
//! ran before.

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::exceptions::PySystemExit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::types::PyString;

use crate::awaitable::resolve;
use crate::census;
pub use crate::census::Progress;
use crate::loop_base::capture;
use crate::loop_base::capture_wake_up;

/// How tasks begin on one event loop.
#[derive(Debug)]
pub struct TaskStarter {
    task: Py<PyAny>,
    copy_context: Py<PyAny>,
    keywords: Py<PyDict>,
    start: Start,
}

/// What this Python's `asyncio.Task` can do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Start {
    /// Start eagerly by itself: 3.12 and later.
    Eager,
    /// Take a context; its first step is caught: 3.11.
    Caught,
    /// Copy the current context; its first step is caught: 3.10.
    CaughtInContext,
}

impl TaskStarter {
    /// `context` is what every task's context is copied from.
    ///
    /// # Errors
    /// When asyncio cannot be imported.
    pub fn new(event_loop: &Bound<'_, PyAny>, context: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = event_loop.py();
        let version = py.version_info();
        let start = match (version.major, version.minor) {
            (3, ..=10) => Start::CaughtInContext,
            (3, 11) => Start::Caught,
            _ => Start::Eager,
        };
        let keywords = PyDict::new(py);
        keywords.set_item("loop", event_loop)?;
        keywords.set_item("name", PyString::intern(py, "rgunicorn request"))?;
        if start == Start::Eager {
            keywords.set_item("eager_start", true)?;
        }
        Ok(Self {
            task: py.import("asyncio")?.getattr("Task")?.unbind(),
            copy_context: context.getattr("copy")?.unbind(),
            keywords: keywords.unbind(),
            start,
        })
    }

    /// Runs `coroutine` until its first wait. Returns its task. Not to be
    /// called by anything that the coroutine runs.
    ///
    /// # Errors
    /// What the coroutine raises is the task's, but `SystemExit` and
    /// `KeyboardInterrupt` are raised here too.
    pub fn start<'py>(
        &self,
        coroutine: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Progress)> {
        let py = coroutine.py();
        let context = self.copy_context.bind(py).call0()?;
        let task = self.task.bind(py);
        let keywords = self.keywords.bind(py);
        if self.start == Start::CaughtInContext {
            let make =
                || context.call_method(intern!(py, "run"), (task, coroutine), Some(keywords));
            return Self::start_caught(make);
        }
        keywords.set_item(intern!(py, "context"), &context)?;
        if self.start == Start::Caught {
            return Self::start_caught(|| task.call((coroutine,), Some(keywords)));
        }
        let task = task.call((coroutine,), Some(keywords))?;
        let progress = progress(&task)?;
        Ok((task, progress))
    }

    fn start_caught<'py>(
        make: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyAny>, Progress)> {
        let (task, step) = capture(make)?;
        let outcome = step.map_or(Ok(()), |step| step.run(task.py()));
        let progress = progress(&task)?;
        census::settle(&task, progress)?;
        if let Err(error) = outcome {
            // It is the task's exception too; who reads it there logs it not again.
            task.call_method0(intern!(task.py(), "exception"))?;
            return Err(error);
        }
        Ok((task, progress))
    }
}

/// Completes an asyncio future, unless it is done, and lets the task that waits for it go on at once: for
/// what happens in a turn, where no other task runs. On a loop of another program the task goes on
/// when that loop comes to it.
///
/// # Errors
/// `SystemExit` and `KeyboardInterrupt` of the task, and what the future's methods raise.
pub fn resume(future: &Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<()> {
    match capture_wake_up(|| resolve(future, value))? {
        Some(step) => step.run(future.py()),
        None => Ok(()),
    }
}

fn progress(task: &Bound<'_, PyAny>) -> PyResult<Progress> {
    let done = task.call_method0(intern!(task.py(), "done"))?;
    Ok(if done.is_truthy()? {
        Progress::Ended
    } else {
        Progress::Waiting
    })
}

/// Whether an exception ends the process rather than the request.
pub fn ends_process(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PySystemExit>(py) || error.is_instance_of::<PyKeyboardInterrupt>(py)
}
