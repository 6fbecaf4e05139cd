//! `wsgi.early_hints`: fields for the client to act on while it waits (RFC 8297).

use std::cell::RefCell;
use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::PyString;
use rgunicorn_core::fields::EarlyHints;
use rgunicorn_eventloop::confined::Confined;

use crate::reply::Reply;
use crate::text::with_field;

/// The call that a thread is in. One object serves all of its requests, since
/// most never use it.
#[derive(Clone, Default)]
pub(crate) struct Present(Rc<RefCell<Option<Rc<Reply>>>>);

impl Present {
    /// Lends `reply` to the application for as long as the result lives.
    pub(crate) fn enter(&self, reply: &Rc<Reply>) -> Entered<'_> {
        self.0.replace(Some(Rc::clone(reply)));
        Entered(self)
    }
}

/// A call that is going on.
pub(crate) struct Entered<'a>(&'a Present);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        drop(self.0.0.take());
    }
}

/// What the application calls.
#[pyclass(frozen, module = "rgunicorn._rgunicorn")]
pub(crate) struct SendEarlyHints {
    present: Confined<Present>,
}

impl SendEarlyHints {
    pub(crate) fn new(present: Present) -> Self {
        Self {
            present: Confined::new(present),
        }
    }
}

#[pymethods]
impl SendEarlyHints {
    /// Sends pairs of name and value in a 103. Does nothing once the head was
    /// sent, or for HTTP/1.0.
    #[pyo3(signature = (headers, /))]
    fn __call__(&self, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut hints = EarlyHints::new();
        for pair in headers.try_iter()? {
            let (name, value): (Bound<'_, PyString>, Bound<'_, PyString>) = pair?.extract()?;
            with_field(&name, &value, |name, value| hints.field(name, value))?;
        }
        let reply = self.present.get()?.0.borrow().clone();
        reply.map_or(Ok(()), |reply| reply.hint(headers.py(), hints))
    }
}
