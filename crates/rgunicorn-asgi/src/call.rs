//! One call of the application, and what all calls share.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::types::PyDict;
use rgunicorn_core::exchange::Interest;
use rgunicorn_core::responder::Received;
use rgunicorn_core::responder::Responder;
use rgunicorn_eventloop::awaitable::Done;
use rgunicorn_eventloop::reactor::escape;

use crate::awaited::Awaited;
use crate::awaited::Sleeper;
use crate::hooks::Record;
use crate::message;

/// A call of the application, whatever the protocol.
pub(crate) trait Called {
    /// Looks at its finished task.
    ///
    /// # Errors
    /// When Python cannot say how the task ended.
    fn settle(&self, task: &Bound<'_, PyAny>) -> PyResult<()>;

    /// Whether the application has been sending to nobody for as long as `grace`.
    /// Says so once.
    fn becomes_abandoned(&self, now: Instant, grace: Duration) -> bool;
}

/// What one call of the application shares.
pub(crate) struct Call {
    pub(crate) responder: Responder,
    pub(crate) context: Rc<CallContext>,
    /// The hooks around this request, where there are any.
    hooks: Option<Record>,
    absence: Cell<Absence>,
}

impl Call {
    pub(crate) fn new(
        responder: Responder,
        context: Rc<CallContext>,
        hooks: Option<Record>,
    ) -> Rc<Self> {
        Rc::new(Self {
            responder,
            context,
            hooks,
            absence: Cell::new(Absence::None),
        })
    }

    /// Calls the hook that comes before the application.
    ///
    /// # Errors
    /// What it raises.
    pub(crate) fn begin(&self, py: Python<'_>) -> PyResult<()> {
        self.hooks.as_ref().map_or(Ok(()), |hooks| hooks.before(py))
    }

    /// The call is over, whatever came of it: calls the hook that comes after.
    pub(crate) fn end(&self, py: Python<'_>) {
        let Some(hooks) = &self.hooks else { return };
        // The client need not wait for the hook.
        self.responder.write_through();
        if let Err(error) = hooks.after(py, &self.responder) {
            escape(py, error);
        }
    }

    /// One that has not begun to answer is left to finish what it does.
    pub(crate) fn becomes_abandoned(&self, now: Instant, grace: Duration) -> bool {
        if !self.responder.is_disconnected() || !self.responder.is_started() {
            return false;
        }
        let since = match self.absence.get() {
            Absence::None => now,
            Absence::Seen { since } => since,
            Absence::Reported => return false,
        };
        let over = now.duration_since(since) >= grace;
        let seen = Absence::Seen { since };
        self.absence
            .set(if over { Absence::Reported } else { seen });
        over
    }
}

/// What is known of a client that left before its answer was complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Absence {
    None,
    Seen { since: Instant },
    Reported,
}

/// What all calls share.
pub(crate) struct CallContext {
    /// Makes a future.
    maker: Py<PyAny>,
    pub(crate) done: Py<PyAny>,
    /// Where frames are put together.
    pub(crate) scratch: RefCell<Vec<u8>>,
}

/// The most that is kept of it.
const MOST_SCRATCH: usize = 64 * 1024;

impl CallContext {
    /// What calls share on this loop.
    ///
    /// # Errors
    /// When asyncio cannot be imported.
    pub(crate) fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            maker: future_maker(event_loop)?.unbind(),
            done: Done::nothing(event_loop.py())?.unbind(),
            scratch: RefCell::default(),
        })
    }

    /// A future of the loop.
    pub(crate) fn future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.maker.bind(py).call0()
    }

    /// Keeps the room for the next frame, if it is not too much.
    pub(crate) fn keep_scratch(&self, scratch: Vec<u8>) {
        if scratch.capacity() <= MOST_SCRATCH {
            self.scratch.replace(scratch);
        }
    }
}

/// The loop's `create_future`, or what it would call, where that is the stock one: every wait needs one.
fn future_maker<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = event_loop.py();
    let (asyncio, name) = (py.import("asyncio")?, intern!(py, "create_future"));
    let stock = asyncio.getattr("BaseEventLoop")?.getattr(name)?;
    if !event_loop.get_type().getattr(name)?.is(&stock) {
        return event_loop.getattr(name);
    }
    let keywords = PyDict::new(py);
    keywords.set_item("loop", event_loop)?;
    let partial = py.import("functools")?.getattr("partial")?;
    partial.call((asyncio.getattr("Future")?,), Some(&keywords))
}

/// The next event, if it is there.
pub(crate) fn receive<'py>(py: Python<'py>, call: &Call) -> PyResult<Option<Bound<'py, PyAny>>> {
    match call.responder.receive(|data| PyBytes::new(py, data)) {
        Received::Body(data, part) => message::request(py, data, part).map(Some),
        Received::Disconnected => message::disconnect(py).map(Some),
        Received::Pending => Ok(None),
    }
}

impl Awaited for Call {
    fn next_event<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        receive(py, self)
    }

    fn when_event(&self, interest: &Rc<Interest>, sleeper: Sleeper) {
        self.responder
            .when_readable(interest, sleeper.into_notice());
    }

    fn responder(&self) -> &Responder {
        &self.responder
    }

    fn future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.context.future(py)
    }
}
