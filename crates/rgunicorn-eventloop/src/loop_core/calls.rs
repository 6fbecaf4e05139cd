//! The methods that everything goes through, without a tuple or a dict for their arguments.

use std::ffi::CStr;
use std::slice;
use std::sync::atomic::Ordering;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyFloat;
use pyo3::types::PyTuple;
use pyo3::types::PyType;

use super::LoopCore;
use super::now;
use crate::call::Call;
use crate::handle::Job;
use crate::handle::Often;
use crate::handle::TimerHandle;
use crate::handle::debug_handle;
use crate::loop_base;

/// What a method was called with: positional arguments, then those that `names` names.
struct Given<'a, 'py> {
    values: &'a [Borrowed<'a, 'py, PyAny>],
    named: &'a [Borrowed<'a, 'py, PyAny>],
    names: Option<Borrowed<'a, 'py, PyTuple>>,
}

impl<'a, 'py> Given<'a, 'py> {
    /// The callback and its arguments, after `skipped` others; and `context`.
    #[inline(always)]
    fn call(&self, method: &str, skipped: usize) -> PyResult<Call> {
        let Some((callback, arguments)) = self.values.get(skipped..).and_then(<[_]>::split_first)
        else {
            return Err(missing(method));
        };
        Call::new(callback, arguments, self.context(method)?)
    }

    /// The same of any thread, for a method without other arguments.
    #[inline(always)]
    fn call_from_outside(&self, method: &str) -> PyResult<Call> {
        let Some((callback, arguments)) = self.values.split_first() else {
            return Err(missing(method));
        };
        Call::from_outside(callback, arguments, self.context(method)?)
    }

    fn context(&self, method: &str) -> PyResult<Option<Borrowed<'a, 'py, PyAny>>> {
        let Some(names) = self.names else {
            return Ok(None);
        };
        let wanted = intern!(names.py(), "context");
        for name in names.iter_borrowed() {
            if !name.is(wanted) && !name.eq(wanted)? {
                let message = format!("{method}() got an unexpected keyword argument {name:?}");
                return Err(PyTypeError::new_err(message));
            }
        }
        Ok(self.named.first().copied())
    }

    /// The name of a method goes with it, for messages.
    fn first(&self, method: &str) -> PyResult<Borrowed<'a, 'py, PyAny>> {
        self.values.first().copied().ok_or_else(|| missing(method))
    }
}

fn missing(method: &str) -> PyErr {
    PyTypeError::new_err(format!("{method}() is missing a required argument"))
}

type Method = fn(&Bound<'_, LoopCore>, &Given<'_, '_>) -> PyResult<Py<PyAny>>;

fn call_soon(slf: &Bound<'_, LoopCore>, given: &Given<'_, '_>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    if loop_base::is_catching()
        && let [callback, arguments @ ..] = given.values
        && arguments.len() < 2
        && loop_base::catch_step(
            callback,
            arguments.first().copied(),
            given.context("call_soon")?,
        )?
    {
        return Ok(py.None());
    }
    let this = slf.get();
    let mode = this.mode(py);
    if mode.debug || mode.closed {
        this.check_open(py)?;
        slf.call_method0(intern!(py, "_check_thread"))?;
        let handle = checked_handle(slf, given.call("call_soon", 0)?, "call_soon")?;
        this.push(py, handle.clone_ref(py));
        return Ok(handle);
    }
    let handle = this.handle(py)?;
    handle.get().job.renew(py, given.call("call_soon", 0)?);
    this.push(py, handle.clone_ref(py).into_any());
    Ok(handle.into_any())
}

fn call_soon_threadsafe(slf: &Bound<'_, LoopCore>, given: &Given<'_, '_>) -> PyResult<Py<PyAny>> {
    const NAME: &str = "call_soon_threadsafe";
    let py = slf.py();
    let this = slf.get();
    let mode = this.mode(py);
    if mode.debug || mode.closed {
        this.check_open(py)?;
        let handle = checked_handle(slf, given.call_from_outside(NAME)?, NAME)?;
        this.push_from_outside(py, handle.clone_ref(py));
        return Ok(handle);
    }
    let handle = this.handle(py)?;
    handle.get().job.renew(py, given.call_from_outside(NAME)?);
    this.push_from_outside(py, handle.clone_ref(py).into_any());
    Ok(handle.into_any())
}

/// One of asyncio's own, for debug mode.
#[cold]
fn checked_handle(slf: &Bound<'_, LoopCore>, mut call: Call, method: &str) -> PyResult<Py<PyAny>> {
    slf.call_method1("_check_callback", (call.callback(), method))?;
    debug_handle(slf.as_any(), &mut call, None).map(Bound::unbind)
}

fn call_later(slf: &Bound<'_, LoopCore>, given: &Given<'_, '_>) -> PyResult<Py<PyAny>> {
    let delay = given.first("call_later")?;
    if delay.is_none() {
        return Err(PyTypeError::new_err("delay must not be None"));
    }
    let delay = seconds(delay)?;
    schedule_at(slf, now() + delay, given.call("call_later", 1)?)
}

fn call_at(slf: &Bound<'_, LoopCore>, given: &Given<'_, '_>) -> PyResult<Py<PyAny>> {
    let when = given.first("call_at")?;
    if when.is_none() {
        return Err(PyTypeError::new_err("when cannot be None"));
    }
    let when = seconds(when)?;
    schedule_at(slf, when, given.call("call_at", 1)?)
}

fn seconds(value: Borrowed<'_, '_, PyAny>) -> PyResult<f64> {
    match value.cast_exact::<PyFloat>() {
        Ok(seconds) => Ok(seconds.value()),
        Err(_) => value.extract(),
    }
}

fn schedule_at(slf: &Bound<'_, LoopCore>, when: f64, mut call: Call) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let this = slf.get();
    let mode = this.mode(py);
    let handle = if mode.debug || mode.closed {
        this.check_open(py)?;
        slf.call_method0(intern!(py, "_check_thread"))?;
        slf.call_method1("_check_callback", (call.callback(), "call_at"))?;
        debug_handle(slf.as_any(), &mut call, Some(when))?.unbind()
    } else {
        let job = Job::new(call, Often::Once);
        Py::new(py, TimerHandle::new(job, when))?.into_any()
    };
    let full = this.timers.with(py, |timers| {
        timers.add(when, handle.clone_ref(py));
        timers.has_doubled()
    });
    if full {
        this.sweep_timers(py);
    }
    if this.asleep.load(Ordering::Relaxed) {
        crate::schedule::mark();
    }
    Ok(handle)
}

static TASK: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static FUTURE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// `asyncio.Task(coroutine, loop=self, ...)`, with whatever keywords were given.
fn create_task(slf: &Bound<'_, LoopCore>, given: &Given<'_, '_>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let this = slf.get();
    let mode = this.mode(py);
    let has_factory = this.task_factory.with(py, |factory| factory.is_some());
    if mode.debug || mode.closed || has_factory || given.values.len() != 1 {
        return general_create_task(slf, given);
    }
    let task = TASK.import(py, "asyncio.tasks", "Task")?;
    let mut names = vec![intern!(py, "loop").clone().into_any()];
    let mut values = vec![(*given.values[0]).clone(), slf.clone().into_any()];
    if let Some(given_names) = given.names {
        names.extend(given_names.iter());
        values.extend(given.named.iter().map(|value| (**value).clone()));
    }
    let names = match names.len() {
        1 => loop_name(py)?.clone(),
        _ => PyTuple::new(py, names)?,
    };
    vectorcall(task.as_any(), &values, 1, &names).map(Bound::unbind)
}

/// asyncio's own `create_task`: with a task factory, in debug mode, on a closed loop.
fn general_create_task(slf: &Bound<'_, LoopCore>, given: &Given<'_, '_>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    static CREATE_TASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let own = CREATE_TASK.get_or_try_init(py, || {
        let class = py.import("asyncio")?.getattr("BaseEventLoop")?;
        PyResult::Ok(class.getattr("create_task")?.unbind())
    })?;
    let mut values = vec![slf.clone().into_any()];
    values.extend(given.values.iter().map(|value| (**value).clone()));
    let positional = values.len();
    values.extend(given.named.iter().map(|value| (**value).clone()));
    let names = match given.names {
        Some(names) => names.to_owned(),
        None => PyTuple::empty(py),
    };
    vectorcall(own.bind(py), &values, positional, &names).map(Bound::unbind)
}

fn create_future(slf: &Bound<'_, LoopCore>, _given: &Given<'_, '_>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let future = FUTURE.import(py, "asyncio.futures", "Future")?;
    let values = [slf.clone().into_any()];
    vectorcall(future.as_any(), &values, 0, loop_name(py)?).map(Bound::unbind)
}

fn loop_name(py: Python<'_>) -> PyResult<&Bound<'_, PyTuple>> {
    static NAME: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let name = NAME.get_or_try_init(py, || {
        PyResult::Ok(PyTuple::new(py, [intern!(py, "loop")])?.unbind())
    });
    name.map(|name| name.bind(py))
}

/// Calls with the first `positional` values as they are and the others by `names`.
#[expect(unsafe_code, reason = "pyo3 makes a dict of keywords")]
fn vectorcall<'py>(
    callable: &Bound<'py, PyAny>,
    values: &[Bound<'py, PyAny>],
    positional: usize,
    names: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    debug_assert_eq!(values.len(), positional + names.len());
    let pointers: Vec<*mut ffi::PyObject> = values.iter().map(Bound::as_ptr).collect();
    // SAFETY: the pointers are those of living objects, held by `values` during the call, and
    // there is one for each positional argument and each name.
    unsafe {
        let result = ffi::PyObject_Vectorcall(
            callable.as_ptr(),
            pointers.as_ptr(),
            positional,
            names.as_ptr(),
        );
        Bound::from_owned_ptr_or_err(callable.py(), result)
    }
}

/// Gives the class its methods that pyo3's own calling convention would slow down.
///
/// # Errors
/// When there is no memory.
pub fn add_fast_methods(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<LoopCore>();
    add::<CallSoon>(&class)?;
    add::<CallSoonThreadsafe>(&class)?;
    add::<CallLater>(&class)?;
    add::<CallAt>(&class)?;
    add::<CreateTask>(&class)?;
    add::<CreateFuture>(&class)
}

/// A method by its name. The type stands for it, so that there is one C function for each.
trait FastMethod {
    const NAME: &CStr;
    const DOC: &CStr;
    const CALL: Method;
}

struct CallSoon;
struct CallSoonThreadsafe;
struct CallLater;
struct CallAt;
struct CreateTask;
struct CreateFuture;

impl FastMethod for CallSoon {
    const NAME: &CStr = c"call_soon";
    const DOC: &CStr =
        c"call_soon($self, callback, *args, context=None)\n--\n\nAs asyncio.loop.call_soon.";
    const CALL: Method = call_soon;
}

impl FastMethod for CallSoonThreadsafe {
    const NAME: &CStr = c"call_soon_threadsafe";
    const DOC: &CStr = c"call_soon_threadsafe($self, callback, *args, context=None)\n--\n\nAs asyncio.loop.call_soon_threadsafe.";
    const CALL: Method = call_soon_threadsafe;
}

impl FastMethod for CallLater {
    const NAME: &CStr = c"call_later";
    const DOC: &CStr = c"call_later($self, delay, callback, *args, context=None)\n--\n\nAs asyncio.loop.call_later.";
    const CALL: Method = call_later;
}

impl FastMethod for CallAt {
    const NAME: &CStr = c"call_at";
    const DOC: &CStr =
        c"call_at($self, when, callback, *args, context=None)\n--\n\nAs asyncio.loop.call_at.";
    const CALL: Method = call_at;
}

impl FastMethod for CreateTask {
    const NAME: &CStr = c"create_task";
    const DOC: &CStr = c"create_task($self, coro, **kwargs)\n--\n\nAs asyncio.loop.create_task.";
    const CALL: Method = create_task;
}

impl FastMethod for CreateFuture {
    const NAME: &CStr = c"create_future";
    const DOC: &CStr = c"create_future($self)\n--\n\nAs asyncio.loop.create_future.";
    const CALL: Method = create_future;
}

#[expect(
    unsafe_code,
    reason = "pyo3 has no method without its own conversion of arguments"
)]
fn add<M: FastMethod>(class: &Bound<'_, PyType>) -> PyResult<()> {
    let definition = Box::new(ffi::PyMethodDef {
        ml_name: M::NAME.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunctionFastWithKeywords: enter::<M>,
        },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: M::DOC.as_ptr(),
    });
    // SAFETY: the class is alive and the definition lives for ever, as the descriptor asks.
    let method = unsafe {
        let method = ffi::PyDescr_NewMethod(class.as_type_ptr(), Box::leak(definition));
        Bound::from_owned_ptr_or_err(class.py(), method)?
    };
    class.setattr(&*M::NAME.to_string_lossy(), method)
}

/// What the interpreter calls.
#[expect(
    unsafe_code,
    reason = "called by the interpreter, with its own pointers"
)]
unsafe extern "C" fn enter<M: FastMethod>(
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls a method attached; a method descriptor has checked that `slf`
    // is an instance of the class; `values` are `count` living objects followed by one for each of
    // `names`, which is null or a tuple. `Borrowed` is a pointer and nothing more.
    let (slf, given) = unsafe {
        let py = Python::assume_attached();
        let names = Borrowed::from_ptr_or_opt(py, names).map(|it| it.cast_unchecked::<PyTuple>());
        let (count, named) = (count.unsigned_abs(), names.map_or(0, |names| names.len()));
        let all: &[Borrowed<'_, '_, PyAny>] = match count + named {
            0 => &[],
            total => slice::from_raw_parts(values.cast(), total),
        };
        let (values, named) = all.split_at(count);
        let slf = Borrowed::from_ptr(py, slf).cast_unchecked::<LoopCore>();
        (
            slf,
            Given {
                values,
                named,
                names,
            },
        )
    };
    match (M::CALL)(&slf, &given) {
        Ok(value) => value.into_ptr(),
        Err(error) => {
            error.restore(slf.py());
            std::ptr::null_mut()
        }
    }
}
