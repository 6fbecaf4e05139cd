//! What `receive` and `send` wait for, whatever the protocol.

use std::rc::Rc;

use pyo3::prelude::*;
use rgunicorn_core::exchange::Interest;
use rgunicorn_core::responder::Responder;
use rgunicorn_eventloop::awaitable::resolve;
use rgunicorn_eventloop::reactor::escape;
use rgunicorn_eventloop::task::ends_process;
use rgunicorn_eventloop::task::resume;

/// A call of the application that is waited for.
pub(crate) trait Awaited {
    /// The next event, if it is there.
    fn next_event<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>>;

    /// Whether others are to have their turn before the next event, although that may be there. Says so
    /// once. To be asked before every wait, which is a turn for others too.
    fn gives_way(&self) -> bool {
        false
    }

    /// Wakes the sleeper once there is an event, if somebody still holds `interest` then.
    fn when_event(&self, interest: &Rc<Interest>, sleeper: Sleeper);

    /// Where what is sent goes.
    fn responder(&self) -> &Responder;

    /// A future of the loop that the application runs on.
    fn future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// A task that waits for an asyncio future.
pub(crate) struct Sleeper(pub(crate) Py<PyAny>);

impl Sleeper {
    /// Completes the future, unless whoever waited was cancelled.
    pub(crate) fn wake(&self, py: Python<'_>) {
        let future = self.0.bind(py);
        if let Err(error) = resolve(future, py.None().into_bound(py)) {
            error.write_unraisable(py, Some(future));
        }
    }

    /// The same in a turn of the server: the task goes on at once.
    pub(crate) fn resume(&self, py: Python<'_>) {
        let future = self.0.bind(py);
        match resume(future, py.None().into_bound(py)) {
            Ok(()) => {}
            Err(error) if ends_process(py, &error) => escape(py, error),
            Err(error) => error.write_unraisable(py, Some(future)),
        }
    }

    /// The same as [`Self::wake`], for whoever knows nothing of Python.
    pub(crate) fn into_notice(self) -> Box<dyn FnOnce()> {
        Box::new(move || Python::attach(|py| self.wake(py)))
    }
}
