//! `receive` and `send`, as the application sees them.

use std::rc::Rc;

use pyo3::call::PyCallArgs;
use pyo3::intern;
use pyo3::prelude::*;
use rgunicorn_core::responder::Flow;
use rgunicorn_core::responder::Responder;
use rgunicorn_eventloop::awaitable::Done;
use rgunicorn_eventloop::awaitable::Failed;
use rgunicorn_eventloop::confined::Confined;

use crate::awaited::Awaited;
use crate::call::Call;
use crate::call::receive;
use crate::error::refused;
use crate::extension;
use crate::message;
use crate::message::Kind;
use crate::waiting::Wait;
use crate::waiting::WaitFor;

/// Carries `receive` and `send` as its methods.
#[pyclass(frozen, freelist = 64, module = "rgunicorn._rgunicorn")]
pub(crate) struct Http {
    call: Confined<Rc<Call>>,
}

impl Http {
    pub(crate) fn new(call: Rc<Call>) -> Self {
        Self {
            call: Confined::new(call),
        }
    }
}

#[pymethods]
impl Http {
    /// ASGI's `receive`: an awaitable of the next event.
    fn receive<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let Ok(call) = slf.get().call.get() else {
            return on_the_loop(py, (slf.getattr(intern!(py, "receive"))?,));
        };
        match receive(py, call)? {
            Some(event) => Done::with(event),
            None => Wait::begin_wait(py, awaited(call), WaitFor::Event),
        }
    }

    /// ASGI's `send`: an awaitable that is done when more may be sent.
    fn send<'py>(slf: &Bound<'py, Self>, event: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let Ok(call) = slf.get().call.get() else {
            return on_the_loop(py, (slf.getattr(intern!(py, "send"))?, event));
        };
        match send(&call.responder, event) {
            Ok(Flow::Ready) => Ok(call.context.done.bind(py).clone()),
            Ok(Flow::Full) => Wait::begin_wait(py, awaited(call), WaitFor::Room),
            // Who made the call may have handed it to a task: that one is to be told.
            Err(error) => Failed::with(py, error),
        }
    }
}

fn awaited(call: &Rc<Call>) -> Rc<dyn Awaited> {
    Rc::<Call>::clone(call)
}

/// A coroutine that makes the call when it runs: what another thread hands to
/// `asyncio.run_coroutine_threadsafe`.
pub(crate) fn on_the_loop<'py>(
    py: Python<'py>,
    call: impl PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let module = py.import("rgunicorn._asyncio")?;
    module.getattr("on_the_loop")?.call1(call)
}

fn send(responder: &Responder, event: &Bound<'_, PyAny>) -> PyResult<Flow> {
    match message::kind(event)? {
        Kind::Start => {
            let head = message::start(event, Kind::Start.name())?;
            responder
                .start(head)
                .map_err(|error| refused(error, Kind::Start.name()))?;
            Ok(Flow::Ready)
        }
        Kind::Body => message::body(event, |chunk, part| {
            responder
                .body(chunk, part)
                .map_err(|error| refused(error, Kind::Body.name()))
        }),
        Kind::PathSend => extension::path_send(responder, event),
        Kind::ZeroCopySend => extension::zero_copy_send(responder, event),
        Kind::Trailers => extension::trailers(responder, event),
        Kind::EarlyHint => extension::early_hint(responder, event),
        Kind::Push => extension::push(responder, event),
        Kind::Debug => extension::debug(event),
    }
}
