//! Awaitables that need no future: they finish at the first step.
//!
//! They offer all that `collections.abc.Coroutine` asks for, so that
//! `asyncio.create_task(receive())` takes them for the coroutines they stand for.

use pyo3::Borrowed;
use pyo3::exceptions::PyStopIteration;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

/// Completes an asyncio future, unless it is done: whoever waited may have been
/// cancelled.
///
/// # Errors
/// Whatever the future's own methods raise.
pub fn resolve(future: &Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<()> {
    let py = future.py();
    if !future.call_method0(intern!(py, "done"))?.is_truthy()? {
        future.call_method1(intern!(py, "set_result"), (value,))?;
    }
    Ok(())
}

/// Raises in an awaitable what `throw` was given, which is how a task tells it
/// of its cancellation.
///
/// # Errors
/// Always: the exception.
pub fn thrown(
    kind: Bound<'_, PyAny>,
    value: Option<Bound<'_, PyAny>>,
    _traceback: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    let error = match value.filter(|value| !value.is_none()) {
        Some(value) if value.is_instance(&kind)? => value,
        Some(value) => kind.call1((value,))?,
        None if kind.is_callable() => kind.call0()?,
        None => kind,
    };
    Err(PyErr::from_value(error))
}

/// `await` gives its value at once.
#[pyclass(frozen, freelist = 64, module = "rgunicorn._rgunicorn")]
#[derive(Debug)]
pub struct Done {
    /// None is Python's None, and needs no exception to be given.
    value: Option<Py<PyAny>>,
}

impl Done {
    /// `await` gives `None`.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn nothing(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(Bound::new(py, Self { value: None })?.into_any())
    }

    /// `await` gives `value`.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn with(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
        let py = value.py();
        let value = Some(value.unbind());
        Ok(Bound::new(py, Self { value })?.into_any())
    }
}

#[pymethods]
impl Done {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<()>> {
        match &self.value {
            None => Ok(None),
            Some(value) => Err(PyStopIteration::new_err((value.clone_ref(py),))),
        }
    }

    fn send(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.__next__(value.py())?;
        Err(PyStopIteration::new_err(()))
    }

    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw(
        &self,
        kind: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        thrown(kind, value, traceback)
    }

    fn close(&self) {}
}

/// `await` raises at once: what is wrong with a call is told whoever awaits it, which need not be the one
/// who made it.
#[pyclass(frozen, module = "rgunicorn._rgunicorn")]
#[derive(Debug)]
pub struct Failed {
    error: Py<PyAny>,
}

impl Failed {
    /// `await` raises `error`.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn with(py: Python<'_>, error: PyErr) -> PyResult<Bound<'_, PyAny>> {
        let error = error.into_value(py).into_any();
        Ok(Bound::new(py, Self { error })?.into_any())
    }
}

#[pymethods]
impl Failed {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<()> {
        Err(PyErr::from_value(self.error.bind(py).clone()))
    }

    fn send(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.__next__(value.py())
    }

    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw(
        &self,
        kind: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        thrown(kind, value, traceback)
    }

    fn close(&self) {}
}

/// Lets `await` take the value of a [`Done`] without a `StopIteration` around
/// it (`tp_as_async.am_send`, which pyo3 has no name for). To be called once,
/// before the first one is awaited.
pub fn skip_stop_iteration(py: Python<'_>) {
    let class = py.get_type::<Done>();
    #[expect(unsafe_code, reason = "pyo3 gives no access to the slot")]
    // SAFETY: `class` is a heap type, whose `tp_as_async` points into itself; the
    // interpreter is attached, so nobody reads the slot meanwhile.
    unsafe {
        let methods = (*class.as_type_ptr()).tp_as_async;
        if let Some(methods) = methods.as_mut() {
            methods.am_send = Some(take_value);
        }
    }
}

/// `PyIter_Send` on a [`Done`]: always its end.
#[expect(
    unsafe_code,
    reason = "called by the interpreter, with its own pointers"
)]
unsafe extern "C" fn take_value(
    done: *mut ffi::PyObject,
    _sent: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    // SAFETY: the interpreter calls a slot of a type attached, and with an instance of
    // that type, which has no subclasses.
    let (py, done) = unsafe {
        let py = Python::assume_attached();
        let done = Borrowed::from_ptr(py, done);
        (py, done.cast_unchecked::<Done>())
    };
    let value = match &done.get().value {
        Some(value) => value.clone_ref(py),
        None => py.None(),
    };
    // SAFETY: `result` is a variable of the caller's, for a reference that it will own.
    unsafe { result.write(value.into_ptr()) };
    ffi::PySendResult::PYGEN_RETURN
}
