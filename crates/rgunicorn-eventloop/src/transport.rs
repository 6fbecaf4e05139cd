//! A connected stream socket of the application's: TCP or unix.
//!
//! As asyncio's own transport, but for these: bytes are received into one buffer of the loop's, and
//! what is written in one turn of the loop goes out in one system call at its end. Python code
//! of `rgunicorn.eventloop` makes one and says when it may begin to read.

mod ending;
mod reading;
mod state;
mod writing;

use std::os::fd::RawFd;

use nix::sys::epoll::EpollFlags;
use pyo3::PyTraverseError;
use pyo3::PyVisit;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use pyo3::types::PyType;

use state::State;
use state::receives;

use crate::attached::Attached;
use crate::call::copied_context;
use crate::flow::WaterMarks;
use crate::loop_core::LoopCore;
use crate::send_queue::SendQueue;

/// As `asyncio.Transport`.
#[pyclass(frozen, weakref, module = "rgunicorn.eventloop")]
pub struct StreamTransport {
    event_loop: Py<LoopCore>,
    descriptor: RawFd,
    extra: Py<PyDict>,
    /// The context in which the protocol is called.
    context: Py<PyAny>,
    /// None once the connection is lost.
    socket: Attached<Option<Py<PyAny>>>,
    protocol: Attached<Option<Py<PyAny>>>,
    server: Attached<Option<Py<PyAny>>>,
    /// A future that is done when nothing is left to send: `sendfile` waits for it.
    empty_waiter: Attached<Option<Py<PyAny>>>,
    queue: Attached<SendQueue>,
    state: Attached<State>,
}

#[pymethods]
impl StreamTransport {
    #[new]
    #[pyo3(signature = (event_loop, socket, protocol, extra, server))]
    fn new(
        event_loop: Bound<'_, LoopCore>,
        socket: Bound<'_, PyAny>,
        protocol: Bound<'_, PyAny>,
        extra: Bound<'_, PyDict>,
        server: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let py = event_loop.py();
        let descriptor = socket.call_method0(intern!(py, "fileno"))?.extract()?;
        let state = State::new(receives(&protocol)?);
        Ok(Self {
            event_loop: event_loop.unbind(),
            descriptor,
            extra: extra.unbind(),
            context: copied_context(py)?.unbind(),
            socket: Attached::new(Some(socket.unbind())),
            protocol: Attached::new(Some(protocol.unbind())),
            server: Attached::new(server),
            empty_waiter: Attached::default(),
            queue: Attached::default(),
            state: Attached::new(state),
        })
    }

    /// `isinstance(transport, asyncio.Transport)` holds, though the layout is another. This is the
    /// subclass that says that `get_protocol` and water marks are there.
    #[getter(__class__)]
    fn class<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyType>> {
        static TRANSPORT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        TRANSPORT
            .import(py, "asyncio.transports", "_FlowControlMixin")
            .cloned()
    }

    /// Begins to read, once the protocol knows of its connection.
    fn _start(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().change(slf.py(), |state| state.started = true);
        Self::rewatch(slf)
    }

    /// As `asyncio.BaseTransport.get_extra_info`.
    #[pyo3(signature = (name, default=None))]
    fn get_extra_info<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self
            .extra
            .bind(py)
            .as_any()
            .cast::<PyDict>()?
            .get_item(name)?
            .or(default))
    }

    /// As `asyncio.BaseTransport.is_closing`.
    fn is_closing(&self, py: Python<'_>) -> bool {
        self.state.get(py).closing
    }

    /// As `asyncio.BaseTransport.close`.
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        ending::close(slf)
    }

    /// As `asyncio.WriteTransport.abort`.
    fn abort(slf: &Bound<'_, Self>) -> PyResult<()> {
        ending::force_close(slf, None)
    }

    #[pyo3(signature = (error))]
    fn _force_close(slf: &Bound<'_, Self>, error: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        ending::force_close(slf, error)
    }

    #[pyo3(signature = (error, message="Fatal error on transport"))]
    fn _fatal_error(slf: &Bound<'_, Self>, error: Bound<'_, PyAny>, message: &str) -> PyResult<()> {
        ending::fatal_error(slf, PyErr::from_value(error), message)
    }

    #[pyo3(signature = (error))]
    fn _call_connection_lost(
        slf: &Bound<'_, Self>,
        error: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        ending::call_connection_lost(slf, error)
    }

    /// As `asyncio.BaseTransport.set_protocol`.
    fn set_protocol(&self, protocol: Bound<'_, PyAny>) -> PyResult<()> {
        let py = protocol.py();
        let receives = receives(&protocol)?;
        self.change(py, |state| state.receives = receives);
        drop(self.protocol.replace(py, Some(protocol.unbind())));
        Ok(())
    }

    /// As `asyncio.BaseTransport.get_protocol`.
    fn get_protocol(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.protocol
            .with(py, |it| it.as_ref().map(|it| it.clone_ref(py)))
    }

    /// As `asyncio.ReadTransport.is_reading`.
    fn is_reading(&self, py: Python<'_>) -> bool {
        let state = self.state.get(py);
        !state.closing && !state.paused
    }

    /// As `asyncio.ReadTransport.pause_reading`.
    fn pause_reading(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get()
            .change(slf.py(), |state| state.paused |= !state.closing);
        Self::rewatch(slf)
    }

    /// As `asyncio.ReadTransport.resume_reading`.
    fn resume_reading(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get()
            .change(slf.py(), |state| state.paused &= state.closing);
        Self::rewatch(slf)
    }

    /// As `asyncio.WriteTransport.write`.
    fn write(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        writing::write(slf, data)
    }

    /// As `asyncio.WriteTransport.writelines`.
    fn writelines(slf: &Bound<'_, Self>, list_of_data: &Bound<'_, PyAny>) -> PyResult<()> {
        for data in list_of_data.try_iter()? {
            writing::write(slf, &data?)?;
        }
        Ok(())
    }

    /// As `asyncio.WriteTransport.write_eof`.
    fn write_eof(slf: &Bound<'_, Self>) -> PyResult<()> {
        writing::write_eof(slf)
    }

    /// As `asyncio.WriteTransport.can_write_eof`.
    fn can_write_eof(&self) -> bool {
        true
    }

    /// As `asyncio.WriteTransport.get_write_buffer_size`.
    fn get_write_buffer_size(&self, py: Python<'_>) -> usize {
        self.queue.with(py, |queue| queue.size())
    }

    /// As `asyncio.WriteTransport.get_write_buffer_limits`.
    fn get_write_buffer_limits(&self, py: Python<'_>) -> (usize, usize) {
        let marks = self.state.get(py).marks;
        (marks.low, marks.high)
    }

    /// As `asyncio.WriteTransport.set_write_buffer_limits`.
    #[pyo3(signature = (high=None, low=None))]
    fn set_write_buffer_limits(
        slf: &Bound<'_, Self>,
        high: Option<isize>,
        low: Option<isize>,
    ) -> PyResult<()> {
        let marks = WaterMarks::new(high, low)?;
        slf.get().change(slf.py(), |state| state.marks = marks);
        writing::pause_protocol_if_full(slf)
    }

    fn _make_empty_waiter<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if this.empty_waiter.with(py, |waiter| waiter.is_some()) {
            return Err(PyRuntimeError::new_err("Empty waiter is already set"));
        }
        let waiter = this
            .event_loop
            .bind(py)
            .call_method0(intern!(py, "create_future"))?;
        if this.queue.with(py, |queue| queue.size() == 0) {
            waiter.call_method1(intern!(py, "set_result"), (py.None(),))?;
        }
        this.empty_waiter.replace(py, Some(waiter.clone().unbind()));
        Ok(waiter)
    }

    fn _reset_empty_waiter(&self, py: Python<'_>) {
        drop(self.empty_waiter.replace(py, None));
    }

    #[getter]
    fn _sock(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.socket
            .with(py, |it| it.as_ref().map(|it| it.clone_ref(py)))
    }

    #[getter]
    fn _sock_fd(&self) -> RawFd {
        self.descriptor
    }

    #[getter]
    fn _loop(&self, py: Python<'_>) -> Py<LoopCore> {
        self.event_loop.clone_ref(py)
    }

    #[getter]
    fn _protocol(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get_protocol(py)
    }

    #[getter]
    fn _extra(&self, py: Python<'_>) -> Py<PyDict> {
        self.extra.clone_ref(py)
    }

    #[getter]
    fn _closing(&self, py: Python<'_>) -> bool {
        self.is_closing(py)
    }

    #[getter]
    fn _conn_lost(&self, py: Python<'_>) -> u32 {
        self.state.get(py).lost
    }

    #[getter]
    fn _paused(&self, py: Python<'_>) -> bool {
        self.state.get(py).paused
    }

    #[getter]
    fn _protocol_paused(&self, py: Python<'_>) -> bool {
        self.state.get(py).protocol_paused
    }

    #[getter]
    fn _start_tls_compatible(&self) -> bool {
        true
    }

    #[getter]
    fn _sendfile_compatible<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("asyncio.constants")?
            .getattr("_SendfileMode")?
            .getattr("TRY_NATIVE")
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let state = self.state.get(py);
        let mut text = String::from("<StreamTransport");
        if self.socket.with(py, |socket| socket.is_none()) {
            text.push_str(" closed");
        } else if state.closing {
            text.push_str(" closing");
        }
        let polls = |flag| {
            if state.wants.contains(flag) {
                "polling"
            } else {
                "idle"
            }
        };
        let size = self.get_write_buffer_size(py);
        text + &format!(
            " fd={} read={} write=<{}, bufsize={size}>>",
            self.descriptor,
            polls(EpollFlags::EPOLLIN),
            polls(EpollFlags::EPOLLOUT)
        )
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        visit.call(&self.extra)?;
        visit.call(&self.context)?;
        for held in [
            &self.socket,
            &self.protocol,
            &self.server,
            &self.empty_waiter,
        ] {
            held.peek(|object| visit.call(object)).unwrap_or(Ok(()))?;
        }
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        for held in [&self.protocol, &self.server, &self.empty_waiter] {
            drop(held.replace(py, None));
        }
    }
}
