//! The awaitable of a `receive` or `send` that has to wait.
//!
//! It takes its event only when its task runs again, so that a wait which is
//! cancelled in between loses nothing. The waiting itself is an asyncio future.

use std::cell::Cell;
use std::rc::Rc;

use pyo3::exceptions::PyStopIteration;
use pyo3::intern;
use pyo3::prelude::*;
use rgunicorn_core::exchange::Interest;
use rgunicorn_eventloop::awaitable::thrown;
use rgunicorn_eventloop::confined::Confined;

use crate::awaited::Awaited;
use crate::awaited::Sleeper;

/// What to wait for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WaitFor {
    /// The next event for `receive`.
    Event,
    /// The client to read, so that `send` may go on.
    Room,
}

/// A coroutine-like object: `await` it, or give it to `asyncio.create_task`.
#[pyclass(frozen, module = "rgunicorn._rgunicorn")]
pub(crate) struct Wait {
    inner: Confined<Inner>,
}

struct Inner {
    call: Rc<dyn Awaited>,
    wanted: WaitFor,
    /// Whether its task waited for a future. It runs again when that is done: whatever else happens is
    /// thrown.
    waited: Cell<bool>,
    /// Dead as soon as nobody holds this wait any more.
    interest: Rc<Interest>,
}

impl Wait {
    pub(crate) fn begin_wait(
        py: Python<'_>,
        call: Rc<dyn Awaited>,
        wanted: WaitFor,
    ) -> PyResult<Bound<'_, PyAny>> {
        let inner = Inner {
            call,
            wanted,
            waited: Cell::new(false),
            interest: Rc::default(),
        };
        Ok(Bound::new(
            py,
            Self {
                inner: Confined::new(inner),
            },
        )?
        .into_any())
    }
}

#[pymethods]
impl Wait {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.inner.get()?.step(py)
    }

    fn send<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.inner.get()?.step(value.py())
    }

    /// Raises the exception where the wait stands: it waits no more.
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

impl Inner {
    /// Runs until the next wait, which it returns, or to the end, which is
    /// raised as `StopIteration`.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let waited = self.waited.replace(false);
        match self.wanted {
            WaitFor::Event => {
                if let Some(event) = self.call.next_event(py)? {
                    return Err(PyStopIteration::new_err((event.unbind(),)));
                }
                if self.call.gives_way() {
                    return Ok(py.None().into_bound(py)); // as asyncio.sleep(0) does
                }
            }
            // The room may have come, or the client gone, before anybody waited.
            WaitFor::Room if waited || self.call.responder().has_room() => {
                return Err(PyStopIteration::new_err(()));
            }
            WaitFor::Room => {}
        }
        self.begin(py)
    }

    fn begin<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let future = self.call.future(py)?;
        let sleeper = Sleeper(future.clone().unbind());
        match self.wanted {
            WaitFor::Event => self.call.when_event(&self.interest, sleeper),
            WaitFor::Room => {
                let responder = self.call.responder();
                responder.when_writable(&self.interest, sleeper.into_notice());
            }
        }
        // As its own `__await__` does before it gives itself to the task.
        future.setattr(intern!(py, "_asyncio_future_blocking"), true)?;
        self.waited.set(true);
        Ok(future)
    }
}
