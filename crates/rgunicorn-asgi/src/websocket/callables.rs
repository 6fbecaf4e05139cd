//! `receive` and `send` of a WebSocket, as the application sees them.

use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use rgunicorn_core::responder::Flow;
use rgunicorn_eventloop::awaitable::Done;
use rgunicorn_eventloop::awaitable::Failed;
use rgunicorn_eventloop::confined::Confined;

use super::Socket;
use crate::awaited::Awaited;
use crate::callables::on_the_loop;
use crate::waiting::Wait;
use crate::waiting::WaitFor;

/// Carries `receive` and `send` as its methods.
#[pyclass(frozen, module = "rgunicorn._rgunicorn")]
pub(crate) struct WebSocket {
    socket: Confined<Rc<Socket>>,
}

impl WebSocket {
    pub(crate) fn new(socket: Rc<Socket>) -> Self {
        Self {
            socket: Confined::new(socket),
        }
    }
}

#[pymethods]
impl WebSocket {
    /// ASGI's `receive`: an awaitable of the next event.
    fn receive<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let Ok(socket) = slf.get().socket.get() else {
            return on_the_loop(py, (slf.getattr(intern!(py, "receive"))?,));
        };
        match socket.next_event(py)? {
            Some(event) => Done::with(event),
            None => Wait::begin_wait(py, Rc::<Socket>::clone(socket), WaitFor::Event),
        }
    }

    /// ASGI's `send`: an awaitable that is done when more may be sent.
    fn send<'py>(slf: &Bound<'py, Self>, event: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let Ok(socket) = slf.get().socket.get() else {
            return on_the_loop(py, (slf.getattr(intern!(py, "send"))?, event));
        };
        match socket.send(event) {
            // Of the sends of a broadcast some may fail: the call itself must not.
            Err(error) => Failed::with(py, error),
            Ok(Flow::Ready) => Ok(socket.done(py)),
            Ok(Flow::Full) => Wait::begin_wait(py, Rc::<Socket>::clone(socket), WaitFor::Room),
        }
    }
}
