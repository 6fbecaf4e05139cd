//! A callback with its arguments and its context: what a handle is about.

use pyo3::PyTraverseError;
use pyo3::PyVisit;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::attached::Attached;
use crate::holders;

/// What is to be called, and how.
#[derive(Debug)]
pub(crate) struct Call {
    callback: Py<PyAny>,
    arguments: Arguments,
    /// None: a new one without any variable.
    context: Option<Py<PyAny>>,
}

/// Most callbacks have two arguments or fewer; those need no tuple.
#[derive(Debug)]
enum Arguments {
    None,
    One([Py<PyAny>; 1]),
    Two([Py<PyAny>; 2]),
    More(Py<PyTuple>),
}

impl Arguments {
    #[inline(always)]
    fn new(py: Python<'_>, arguments: &[Borrowed<'_, '_, PyAny>]) -> PyResult<Self> {
        let own = |argument: &Borrowed<'_, '_, PyAny>| (**argument).clone().unbind();
        Ok(match arguments {
            [] => Self::None,
            [one] => Self::One([own(one)]),
            [one, other] => Self::Two([own(one), own(other)]),
            more => Self::More(PyTuple::new(py, more)?.unbind()),
        })
    }
}

impl Call {
    /// A call in `context`, or in a copy of the present one.
    #[inline(always)]
    pub(crate) fn new(
        callback: &Bound<'_, PyAny>,
        arguments: &[Borrowed<'_, '_, PyAny>],
        context: Option<Borrowed<'_, '_, PyAny>>,
    ) -> PyResult<Self> {
        let context = match context.filter(|context| !context.is_none()) {
            Some(context) => context.to_owned(),
            None => copied_context(callback.py())?,
        };
        Self::in_context(callback, arguments, Some(context))
    }

    /// The same of a thread that may be far ahead of the loop. Most threads have no context
    /// variables; then their contexts are made when they are needed. Many that wait would keep the
    /// garbage collector busy.
    #[inline(always)]
    pub(crate) fn from_outside(
        callback: &Bound<'_, PyAny>,
        arguments: &[Borrowed<'_, '_, PyAny>],
        context: Option<Borrowed<'_, '_, PyAny>>,
    ) -> PyResult<Self> {
        let context = match context.filter(|context| !context.is_none()) {
            Some(context) => Some(context.to_owned()),
            None => {
                let copy = copied_context(callback.py())?;
                // Dropped here and now, as `Bound`: the thread may be one that pyo3 does not know of.
                (copy.len()? > 0).then_some(copy)
            }
        };
        Self::in_context(callback, arguments, context)
    }

    #[inline(always)]
    fn in_context(
        callback: &Bound<'_, PyAny>,
        arguments: &[Borrowed<'_, '_, PyAny>],
        context: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self {
            callback: callback.clone().unbind(),
            arguments: Arguments::new(callback.py(), arguments)?,
            context: context.map(Bound::unbind),
        })
    }

    /// Calls it.
    #[inline]
    pub(crate) fn run(&mut self, py: Python<'_>) -> PyResult<()> {
        if let Some(context) = &self.context {
            let entered = Entered::new(context.bind(py))?;
            let result = self.invoke(py);
            drop(entered);
            return result;
        }
        let context = spare_context(py)?;
        let entered = Entered::new(&context)?;
        let result = self.invoke(py);
        let left = entered.leave();
        match result {
            Ok(()) if left.is_ok() => keep_context(context),
            // Whoever reads the report looks for the context.
            result => {
                self.context = Some(context.unbind());
                result
            }
        }
    }

    #[inline]
    fn invoke(&self, py: Python<'_>) -> PyResult<()> {
        let callback = self.callback.bind(py);
        let result = match &self.arguments {
            Arguments::None => vectorcall(callback, &[]),
            Arguments::One(arguments) => vectorcall(callback, arguments),
            Arguments::Two(arguments) => vectorcall(callback, arguments),
            Arguments::More(arguments) => callback.call1(arguments.bind(py)),
        };
        result.map(drop)
    }

    pub(crate) fn callback(&self) -> &Py<PyAny> {
        &self.callback
    }

    /// The context that it is called in. Where that was to be made later, it is `fresh`.
    pub(crate) fn context_or(&mut self, fresh: Py<PyAny>) -> &Py<PyAny> {
        self.context.get_or_insert(fresh)
    }

    pub(crate) fn arguments<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match &self.arguments {
            Arguments::None => Ok(PyTuple::empty(py)),
            Arguments::One(arguments) => PyTuple::new(py, arguments),
            Arguments::Two(arguments) => PyTuple::new(py, arguments),
            Arguments::More(arguments) => Ok(arguments.bind(py).clone()),
        }
    }

    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        let arguments = match &self.arguments {
            Arguments::None => Arguments::None,
            Arguments::One([one]) => Arguments::One([one.clone_ref(py)]),
            Arguments::Two([one, other]) => {
                Arguments::Two([one.clone_ref(py), other.clone_ref(py)])
            }
            Arguments::More(more) => Arguments::More(more.clone_ref(py)),
        };
        Self {
            callback: self.callback.clone_ref(py),
            arguments,
            context: self.context.as_ref().map(|context| context.clone_ref(py)),
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.callback)?;
        visit.call(&self.context)?;
        match &self.arguments {
            Arguments::None => Ok(()),
            Arguments::One(arguments) => arguments.iter().try_for_each(|it| visit.call(it)),
            Arguments::Two(arguments) => arguments.iter().try_for_each(|it| visit.call(it)),
            Arguments::More(arguments) => visit.call(arguments),
        }
    }
}

/// A context without any variable.
#[expect(unsafe_code, reason = "pyo3 has no name for contexts")]
pub(crate) fn empty_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the thread is attached; the result is a new reference or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_New()) }
}

/// An empty context that was of use before. It is taken out: a callback may run callbacks.
static SPARE: Attached<Option<Py<PyAny>>> = Attached::new(None);

fn spare_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    match SPARE.replace(py, None) {
        Some(context) => Ok(context.into_bound(py)),
        None => empty_context(py),
    }
}

/// Keeps a context for the next use if it is as it was and nobody else has it.
fn keep_context(context: Bound<'_, PyAny>) -> PyResult<()> {
    let py = context.py();
    let is_empty = context.len()? == 0;
    let context = context.unbind();
    if is_empty && holders::count(&context, py) == 1 {
        drop(SPARE.replace(py, Some(context)));
    }
    Ok(())
}

/// A copy of the present context.
#[expect(unsafe_code, reason = "pyo3 has no name for contexts")]
pub(crate) fn copied_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the thread is attached; the result is a new reference or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }
}

/// While it lives, a context is the present one.
pub(crate) struct Entered<'a, 'py>(&'a Bound<'py, PyAny>);

impl<'a, 'py> Entered<'a, 'py> {
    /// # Errors
    /// `RuntimeError` where the context is entered already, `TypeError` where it is none.
    #[inline]
    #[expect(unsafe_code, reason = "pyo3 has no name for contexts")]
    pub(crate) fn new(context: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        // SAFETY: the thread is attached, and the function checks that it was given a context.
        if unsafe { ffi::PyContext_Enter(context.as_ptr()) } < 0 {
            return Err(PyErr::fetch(context.py()));
        }
        Ok(Self(context))
    }
}

impl Entered<'_, '_> {
    /// # Errors
    /// `RuntimeError` where who was called left another context entered.
    #[inline]
    #[expect(unsafe_code, reason = "pyo3 has no name for contexts")]
    fn leave(self) -> PyResult<()> {
        let context = self.0;
        std::mem::forget(self);
        // SAFETY: as in `drop`, which this takes the place of.
        match unsafe { ffi::PyContext_Exit(context.as_ptr()) } {
            0.. => Ok(()),
            _ => Err(PyErr::fetch(context.py())),
        }
    }
}

impl Drop for Entered<'_, '_> {
    #[inline]
    #[expect(unsafe_code, reason = "pyo3 has no name for contexts")]
    fn drop(&mut self) {
        // SAFETY: the thread is attached, as the token in `Bound` shows, and entered this context.
        // An exception cannot be set here: results are taken before.
        if unsafe { ffi::PyContext_Exit(self.0.as_ptr()) } < 0 {
            // Who was called left another context entered.
            drop(PyErr::take(self.0.py()));
        }
    }
}

/// Calls with positional arguments, without a tuple.
#[inline]
#[expect(unsafe_code, reason = "pyo3 copies the arguments of a slice")]
pub(crate) fn vectorcall<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &[Py<PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    // SAFETY: `Py` is a pointer to a living object and nothing more (`repr(transparent)`), and the
    // slice holds them alive during the call.
    unsafe {
        let result = ffi::PyObject_Vectorcall(
            callable.as_ptr(),
            arguments.as_ptr().cast(),
            arguments.len(),
            std::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, result)
    }
}
