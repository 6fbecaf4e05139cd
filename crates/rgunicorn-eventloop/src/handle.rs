//! What `call_soon`, `call_later` and `add_reader` return: a call that can be cancelled.
//!
//! A handle lets go of its callback when it has run or is cancelled. Until then the loop owns it,
//! so the garbage collector reaches its callback through the loop and the handle itself is not
//! tracked.

use std::cmp::Ordering;

use pyo3::PyTraverseError;
use pyo3::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use pyo3::types::PyTuple;
use pyo3::types::PyType;

use crate::attached::Attached;
use crate::call::Call;
use crate::call::empty_context;

/// A call that is due at most once, or whenever a descriptor is ready.
#[derive(Debug)]
pub(crate) struct Job(Attached<State>);

#[derive(Debug)]
enum State {
    /// Runs once.
    Due(Call),
    /// Runs whenever it is asked to.
    Standing(Call),
    Over,
    Cancelled,
}

/// How often a job runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Often {
    Once,
    Again,
}

impl Job {
    pub(crate) fn new(call: Call, often: Often) -> Self {
        Self(Attached::new(match often {
            Often::Once => State::Due(call),
            Often::Again => State::Standing(call),
        }))
    }

    /// Gives a handle that nobody has kept something else to do, once. A call that is made here goes from
    /// registers to its place: copied from where it was just written, it would hold the processor up.
    #[inline(always)]
    pub(crate) fn renew(&self, py: Python<'_>, call: Call) {
        drop(self.0.replace(py, State::Due(call)));
    }

    pub(crate) fn is_cancelled(&self, py: Python<'_>) -> bool {
        self.0.with(py, |state| matches!(state, State::Cancelled))
    }

    fn cancel(&self, py: Python<'_>) {
        drop(self.0.replace(py, State::Cancelled));
    }

    /// Holds what it has run until it is told to [forget](Self::forget) it.
    pub(crate) fn remember(&self, py: Python<'_>, call: &Call) {
        let call = call.clone_ref(py);
        let unwanted = self.0.with(py, |state| match state {
            State::Over => Some(std::mem::replace(state, State::Due(call))),
            _ => None,
        });
        drop(unwanted);
    }

    /// Lets go of the callback it would run once.
    pub(crate) fn forget(&self, py: Python<'_>) {
        let forgotten = self.0.with(py, |state| match state {
            State::Due(_) => Some(std::mem::replace(state, State::Over)),
            _ => None,
        });
        drop(forgotten);
    }

    /// Runs the callback. What it raises comes with the call that raised it.
    #[inline]
    pub(crate) fn run(&self, py: Python<'_>) -> Result<(), (PyErr, Call)> {
        let call = self.0.with(py, |state| match state {
            State::Due(_) => match std::mem::replace(state, State::Over) {
                State::Due(call) => Some(call),
                _ => None,
            },
            State::Standing(call) => Some(call.clone_ref(py)),
            State::Over | State::Cancelled => None,
        });
        match call {
            Some(mut call) => match call.run(py) {
                Ok(()) => Ok(()),
                Err(error) => Err((error, call)),
            },
            None => Ok(()),
        }
    }

    /// What it would call.
    fn call(&self, py: Python<'_>) -> Option<Call> {
        self.0.with(py, |state| match state {
            State::Due(call) | State::Standing(call) => Some(call.clone_ref(py)),
            State::Over | State::Cancelled => None,
        })
    }

    /// The context that it would be called in.
    fn context(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let mut fresh = Some(empty_context(py)?.unbind());
        Ok(self.0.with(py, |state| match state {
            State::Due(call) | State::Standing(call) => fresh
                .take()
                .map(|fresh| call.context_or(fresh).clone_ref(py)),
            State::Over | State::Cancelled => None,
        }))
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let visited = self.0.peek(|state| match state {
            State::Due(call) | State::Standing(call) => call.traverse(visit),
            State::Over | State::Cancelled => Ok(()),
        });
        visited.unwrap_or(Ok(()))
    }

    fn describe(&self, py: Python<'_>, name: &str, when: Option<f64>) -> PyResult<String> {
        let mut text = format!("<{name}");
        if self.is_cancelled(py) {
            text.push_str(" cancelled");
        }
        if let Some(when) = when {
            text.push_str(&format!(" when={when}"));
        }
        if let Some(call) = self.call(py) {
            text.push(' ');
            text.push_str(&describe_call(py, &call)?);
        }
        text.push('>');
        Ok(text)
    }
}

/// The callback as asyncio writes it in its messages.
pub(crate) fn describe_call(py: Python<'_>, call: &Call) -> PyResult<String> {
    py.import("asyncio.format_helpers")?
        .call_method1(
            "_format_callback_source",
            (call.callback(), call.arguments(py)?),
        )?
        .extract()
}

/// As `asyncio.Handle`.
#[pyclass(frozen, weakref, module = "rgunicorn.eventloop")]
#[derive(Debug)]
pub struct Handle {
    pub(crate) job: Job,
}

/// As `asyncio.TimerHandle`.
#[pyclass(frozen, weakref, module = "rgunicorn.eventloop")]
#[derive(Debug)]
pub struct TimerHandle {
    pub(crate) job: Job,
    when: f64,
}

impl Handle {
    /// One that has nothing to do.
    pub(crate) fn over(py: Python<'_>) -> PyResult<Py<Self>> {
        let job = Job(Attached::new(State::Over));
        Py::new(py, Self { job })
    }
}

impl TimerHandle {
    pub(crate) fn new(job: Job, when: f64) -> Self {
        Self { job, when }
    }
}

/// A class of asyncio's, for `isinstance`.
fn asyncio_class<'py>(
    py: Python<'py>,
    cell: &PyOnceLock<Py<PyType>>,
    name: &str,
) -> PyResult<Bound<'py, PyType>> {
    cell.import(py, "asyncio", name).cloned()
}

static HANDLE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static TIMER_HANDLE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

#[pymethods]
impl Handle {
    /// `isinstance(handle, asyncio.Handle)` holds, though the layout is another.
    #[getter(__class__)]
    fn class<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyType>> {
        asyncio_class(py, &HANDLE, "Handle")
    }

    /// As `asyncio.Handle.cancel`.
    fn cancel(&self, py: Python<'_>) {
        self.job.cancel(py);
    }

    /// As `asyncio.Handle.cancelled`.
    fn cancelled(&self, py: Python<'_>) -> bool {
        self.job.is_cancelled(py)
    }

    #[getter]
    fn _cancelled(&self, py: Python<'_>) -> bool {
        self.job.is_cancelled(py)
    }

    #[getter]
    fn _callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let call = self.job.call(py)?;
        Some(call.callback().clone_ref(py))
    }

    #[getter]
    fn _args<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let call = self.job.call(py);
        call.map(|call| call.arguments(py)).transpose()
    }

    #[getter]
    fn _source_traceback(&self) {}

    /// The context that the callback is called in; None when that is over.
    fn get_context(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.job.context(py)
    }

    fn _run(&self, py: Python<'_>) -> PyResult<()> {
        self.job.run(py).map_err(|(error, _)| error)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.job.describe(py, "Handle", None)
    }
}

#[pymethods]
impl TimerHandle {
    /// `isinstance(handle, asyncio.TimerHandle)` holds, though the layout is another.
    #[getter(__class__)]
    fn class<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyType>> {
        asyncio_class(py, &TIMER_HANDLE, "TimerHandle")
    }

    /// As `asyncio.Handle.cancel`.
    fn cancel(&self, py: Python<'_>) {
        self.job.cancel(py);
    }

    /// As `asyncio.Handle.cancelled`.
    fn cancelled(&self, py: Python<'_>) -> bool {
        self.job.is_cancelled(py)
    }

    /// When it is due, by the loop's clock.
    fn when(&self) -> f64 {
        self.when
    }

    #[getter]
    fn _when(&self) -> f64 {
        self.when
    }

    #[getter]
    fn _cancelled(&self, py: Python<'_>) -> bool {
        self.job.is_cancelled(py)
    }

    #[getter]
    fn _callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let call = self.job.call(py)?;
        Some(call.callback().clone_ref(py))
    }

    #[getter]
    fn _args<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let call = self.job.call(py);
        call.map(|call| call.arguments(py)).transpose()
    }

    #[getter]
    fn _source_traceback(&self) {}

    /// The context that the callback is called in; None when that is over.
    fn get_context(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.job.context(py)
    }

    fn _run(&self, py: Python<'_>) -> PyResult<()> {
        self.job.run(py).map_err(|(error, _)| error)
    }

    /// The earlier one is the lesser one; a handle equals itself only.
    fn __richcmp__(
        slf: &Bound<'_, Self>,
        other: &Bound<'_, PyAny>,
        operator: CompareOp,
    ) -> Py<PyAny> {
        let py = slf.py();
        let answer = match (operator, other.cast_exact::<Self>()) {
            (CompareOp::Eq, _) => Some(slf.is(other)),
            (CompareOp::Ne, _) => Some(!slf.is(other)),
            (_, Ok(other)) => {
                let order = slf.get().when.partial_cmp(&other.get().when);
                Some(order.is_some_and(|order: Ordering| operator.matches(order)))
            }
            _ => None,
        };
        match answer {
            Some(answer) => answer.into_pyobject(py).map_or_else(
                |never| match never {},
                |it| it.to_owned().into_any().unbind(),
            ),
            None => py.NotImplemented(),
        }
    }

    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        slf.as_ptr() as isize >> 4
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.job.describe(py, "TimerHandle", Some(self.when))
    }
}

/// The job of one of our handles; None for asyncio's own, of which debug mode is made.
#[inline]
pub(crate) fn job<'a>(entry: &'a Bound<'_, PyAny>) -> Option<&'a Job> {
    if let Ok(handle) = entry.cast_exact::<Handle>() {
        return Some(&handle.get().job);
    }
    entry
        .cast_exact::<TimerHandle>()
        .ok()
        .map(|handle| &handle.get().job)
}

/// Whether nobody wants this handle, one of ours or not, to run any more.
pub(crate) fn is_cancelled(entry: &Bound<'_, PyAny>) -> PyResult<bool> {
    match job(entry) {
        Some(job) => Ok(job.is_cancelled(entry.py())),
        None => entry
            .getattr(intern!(entry.py(), "_cancelled"))?
            .is_truthy(),
    }
}

/// Makes one of asyncio's own handles, which remember where they were made.
pub(crate) fn debug_handle<'py>(
    event_loop: &Bound<'py, PyAny>,
    call: &mut Call,
    when: Option<f64>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = event_loop.py();
    let arguments = call.arguments(py)?;
    let keywords = PyDict::new(py);
    let fresh = empty_context(py)?.unbind();
    keywords.set_item(intern!(py, "context"), call.context_or(fresh))?;
    match when {
        Some(when) => asyncio_class(py, &TIMER_HANDLE, "TimerHandle")?.call(
            (when, call.callback(), arguments, event_loop),
            Some(&keywords),
        ),
        None => asyncio_class(py, &HANDLE, "Handle")?
            .call((call.callback(), arguments, event_loop), Some(&keywords)),
    }
}

/// The job of one of our handles, for the garbage collector, which runs attached but has no token.
#[expect(unsafe_code, reason = "pyo3 gives the collector no token")]
pub(crate) fn job_for_collector(entry: &Py<PyAny>) -> Option<&Job> {
    // SAFETY: the collector runs on a thread that is attached. Nothing is called, and no reference
    // is counted: the types are compared, and the job is borrowed from `entry`.
    let entry = unsafe { entry.bind(Python::assume_attached()) };
    job(entry)
}
