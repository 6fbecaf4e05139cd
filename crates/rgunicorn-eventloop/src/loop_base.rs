//! The part of the event loop class that Rust must see: `call_soon`.
//!
//! Everything that asyncio schedules goes through it, so this is where a
//! running turn learns that it must end, and where the first step of a new
//! task is caught on Pythons whose tasks cannot start eagerly.

use std::cell::RefCell;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use pyo3::types::PyTuple;
use pyo3::types::PyType;

use crate::schedule;

/// Base of `rgunicorn._asyncio.EventLoop`. Tells what every future and every
/// handle asks of its loop, without Python code.
#[pyclass(subclass, dict, frozen, module = "rgunicorn._rgunicorn")]
pub struct LoopBase {
    debug: AtomicBool,
    closed: AtomicBool,
    /// `append` of the queue of callbacks.
    append: PyOnceLock<Py<PyAny>>,
}

static HANDLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

thread_local! {
    static CAPTURE: RefCell<Capture> = const { RefCell::new(Capture::Off) };
}

enum Capture {
    Off,
    /// The first step of a new task.
    Wanted,
    /// The wake-up of a task whose future is being resolved.
    WakeUpWanted,
    Caught(Step),
}

/// A step of a task: what to call, and the context to call it in.
pub(crate) struct Step {
    callback: Py<PyAny>,
    /// That of a wake-up: the future that was resolved.
    argument: Option<Py<PyAny>>,
    context: Option<Py<PyAny>>,
}

impl Step {
    /// Runs the step in its task's own context.
    pub(crate) fn run(&self, py: Python<'_>) -> PyResult<()> {
        let callback = self.callback.bind(py);
        match (&self.context, &self.argument) {
            (Some(context), Some(argument)) => {
                let run = context.bind(py).getattr(intern!(py, "run"))?;
                run.call1((callback, argument))?
            }
            (Some(context), None) => context
                .bind(py)
                .call_method1(intern!(py, "run"), (callback,))?,
            (None, Some(argument)) => callback.call1((argument,))?,
            (None, None) => callback.call0()?,
        };
        Ok(())
    }
}

/// The type of a task's step, which tells it from anything else that might be
/// scheduled while a task is made, by a finaliser for one.
static STEP: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Runs `body` and returns the first callback that it gave to `call_soon`.
pub(crate) fn capture<T>(body: impl FnOnce() -> PyResult<T>) -> PyResult<(T, Option<Step>)> {
    capture_as(Capture::Wanted, body)
}

/// The same for the wake-up of the task whose future `body` resolves.
pub(crate) fn capture_wake_up(body: impl FnOnce() -> PyResult<()>) -> PyResult<Option<Step>> {
    capture_as(Capture::WakeUpWanted, body).map(|((), step)| step)
}

fn capture_as<T>(
    wanted: Capture,
    body: impl FnOnce() -> PyResult<T>,
) -> PyResult<(T, Option<Step>)> {
    CAPTURE.replace(wanted);
    let result = body();
    let caught = match CAPTURE.replace(Capture::Off) {
        Capture::Caught(step) => Some(step),
        Capture::Off | Capture::Wanted | Capture::WakeUpWanted => None,
    };
    Ok((result?, caught))
}

/// Whether the task that is being made was caught: it has been given to
/// `call_soon`, and is now counted.
pub(crate) fn has_caught() -> bool {
    CAPTURE.with_borrow(|capture| matches!(capture, Capture::Caught(_)))
}

/// Whether a step of a task is waited for.
#[inline]
pub(crate) fn is_catching() -> bool {
    CAPTURE.with_borrow(|capture| matches!(capture, Capture::Wanted | Capture::WakeUpWanted))
}

/// Catches what was given to `call_soon` if it is the step waited for: a first one has no
/// argument, a wake-up has one. Reports whether it was.
pub(crate) fn catch_step(
    callback: &Bound<'_, PyAny>,
    argument: Option<Borrowed<'_, '_, PyAny>>,
    context: Option<Borrowed<'_, '_, PyAny>>,
) -> PyResult<bool> {
    let is_wake_up = CAPTURE.with_borrow(|capture| matches!(capture, Capture::WakeUpWanted));
    if is_wake_up != argument.is_some() || !(is_wake_up || is_step(callback)?) {
        return Ok(false);
    }
    CAPTURE.replace(Capture::Caught(Step {
        callback: callback.clone().unbind(),
        argument: argument.map(|argument| argument.to_owned().unbind()),
        context: context.map(|context| context.to_owned().unbind()),
    }));
    Ok(true)
}

#[pymethods]
impl LoopBase {
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn new(_arguments: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            debug: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            append: PyOnceLock::new(),
        }
    }

    /// As `asyncio.loop.get_debug`.
    fn get_debug(&self) -> bool {
        self.debug.load(Ordering::Relaxed)
    }

    /// As `asyncio.loop.set_debug`.
    fn set_debug(slf: &Bound<'_, Self>, enabled: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        slf.get()
            .debug
            .store(enabled.is_truthy()?, Ordering::Relaxed);
        asyncio_method(py, "set_debug")?.call1((slf, enabled))?;
        Ok(())
    }

    /// As `asyncio.loop.is_closed`.
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Says that the loop was closed.
    fn note_close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// As `asyncio.loop.call_soon`.
    #[pyo3(signature = (callback, *args, context=None))]
    fn call_soon<'py>(
        slf: &Bound<'py, Self>,
        callback: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        context: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if is_catching() && args.len() < 2 {
            let argument = args.iter_borrowed().next();
            let context = context.as_ref().map(Bound::as_borrowed);
            if catch_step(&callback, argument, context)? {
                return Ok(py.None().into_bound(py));
            }
        }
        schedule::mark();
        let this = slf.get();
        if this.get_debug() || this.is_closed() {
            return checked_call_soon(slf, callback, args, context);
        }
        let class = HANDLE.get_or_try_init(py, || {
            PyResult::Ok(py.import("asyncio")?.getattr("Handle")?.unbind())
        })?;
        let handle = class.bind(py).call1((callback, args, slf, context))?;
        let append = this.append.get_or_try_init(py, || {
            let ready = slf.getattr(intern!(py, "_ready"))?;
            PyResult::Ok(ready.getattr(intern!(py, "append"))?.unbind())
        })?;
        append.bind(py).call1((&handle,))?;
        Ok(handle)
    }
}

/// Whether `callback` is a step of a task. The first one, which belongs to a
/// task, shows what all of them look like.
fn is_step(callback: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = callback.py();
    let class = callback.get_type();
    if let Some(step) = STEP.get(py) {
        return Ok(class.is(step.bind(py)));
    }
    let Some(owner) = callback.getattr_opt(intern!(py, "__self__"))? else {
        return Ok(false);
    };
    let is_step = owner.hasattr(intern!(py, "get_coro"))?;
    if is_step {
        STEP.get_or_init(py, || class.unbind());
    }
    Ok(is_step)
}

/// asyncio's own `call_soon`, with the checks of debug mode and closed loops.
fn checked_call_soon<'py>(
    slf: &Bound<'py, LoopBase>,
    callback: Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
    context: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let own = asyncio_method(py, "call_soon")?;
    let mut all = vec![slf.clone().into_any(), callback];
    all.extend(args.iter());
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "context"), context)?;
    own.call(PyTuple::new(py, all)?, Some(&keywords))
}

fn asyncio_method<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("asyncio")?
        .getattr("BaseEventLoop")?
        .getattr(name)
}

/// Reports to a running turn that a timer was set or a callback added by
/// other means than `call_soon`.
#[pyfunction]
pub fn mark_scheduled() {
    schedule::mark();
}
