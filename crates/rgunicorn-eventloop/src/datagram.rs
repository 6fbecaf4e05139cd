//! A datagram socket of the application's: UDP, unix, or any other.
//!
//! As asyncio's own transport. Messages go out at once, or in order when there is room. What the
//! native calls do not cover (names that are to be resolved, other kinds of sockets, classes of
//! sockets with methods of their own) goes through the methods of Python's socket.

mod ending;
mod names;
mod queue;
mod receiving;
mod sending;
mod state;
mod system;

use std::os::fd::RawFd;

use nix::libc;
use nix::sys::epoll::EpollFlags;
use pyo3::PyTraverseError;
use pyo3::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use pyo3::types::PyType;

use names::Peer;
use queue::DatagramQueue;
use state::State;

use crate::attached::Attached;
use crate::call::copied_context;
use crate::flow::WaterMarks;
use crate::loop_core::LoopCore;

/// As `asyncio.DatagramTransport`.
#[pyclass(frozen, weakref, module = "rgunicorn.eventloop")]
pub struct DatagramTransport {
    event_loop: Py<LoopCore>,
    descriptor: RawFd,
    extra: Py<PyDict>,
    /// The context in which the protocol is called.
    context: Py<PyAny>,
    /// The only address that may be sent to.
    address: Option<Py<PyAny>>,
    /// The family of a socket that we may call the kernel for, without Python's methods.
    family: Option<i32>,
    /// Whether the kernel knows who is sent to.
    connected: bool,
    empty: Empty,
    /// None once the connection is lost.
    socket: Attached<Option<Py<PyAny>>>,
    protocol: Attached<Option<Py<PyAny>>>,
    /// The last one that something came from.
    peer: Attached<Option<Peer>>,
    queue: Attached<DatagramQueue>,
    state: Attached<State>,
}

/// What becomes of empty datagrams.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Empty {
    Sent,
    /// Before Python 3.13.
    Ignored,
}

#[pymethods]
impl DatagramTransport {
    #[new]
    #[pyo3(signature = (event_loop, socket, protocol, extra, address))]
    fn new(
        event_loop: Bound<'_, LoopCore>,
        socket: Bound<'_, PyAny>,
        protocol: Bound<'_, PyAny>,
        extra: Bound<'_, PyDict>,
        address: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let py = event_loop.py();
        let peername = extra.get_item(intern!(py, "peername"))?;
        let address = if_set(address)?;
        let empty = match py.version_info() >= (3, 13) {
            true => Empty::Sent,
            false => Empty::Ignored,
        };
        Ok(Self {
            event_loop: event_loop.unbind(),
            descriptor: socket.call_method0(intern!(py, "fileno"))?.extract()?,
            extra: extra.unbind(),
            context: copied_context(py)?.unbind(),
            address: address.map(Bound::unbind),
            family: known_family(&socket)?,
            connected: if_set(peername)?.is_some(),
            empty,
            socket: Attached::new(Some(socket.unbind())),
            protocol: Attached::new(Some(protocol.unbind())),
            peer: Attached::default(),
            queue: Attached::new(DatagramQueue::new(empty)),
            state: Attached::default(),
        })
    }

    /// An instance of whatever asyncio's own transport of this version is one of, though the layout
    /// is another.
    #[getter(__class__)]
    fn class<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyType>> {
        static TRANSPORT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        TRANSPORT
            .import(py, "asyncio.selector_events", "_SelectorDatagramTransport")
            .cloned()
    }

    /// Begins to receive, once the protocol knows of its connection.
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
        Ok(self.extra.bind(py).get_item(name)?.or(default))
    }

    /// As `asyncio.BaseTransport.is_closing`.
    fn is_closing(&self, py: Python<'_>) -> bool {
        self.state.get(py).closing
    }

    /// As `asyncio.BaseTransport.close`.
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        ending::close(slf)
    }

    /// As `asyncio.DatagramTransport.abort`.
    fn abort(slf: &Bound<'_, Self>) -> PyResult<()> {
        ending::force_close(slf, None)
    }

    #[pyo3(signature = (error))]
    fn _call_connection_lost(
        slf: &Bound<'_, Self>,
        error: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        ending::call_connection_lost(slf, error)
    }

    /// Receives what is there. The loop calls it otherwise; this is the name that reports have.
    fn _read_ready(slf: &Bound<'_, Self>) -> PyResult<()> {
        receiving::receive(slf).map(drop)
    }

    /// Sends what waits. The loop calls it otherwise; this is the name that reports have.
    fn _sendto_ready(slf: &Bound<'_, Self>) -> PyResult<()> {
        sending::send_waiting(slf)
    }

    /// As `asyncio.BaseTransport.set_protocol`.
    fn set_protocol(&self, protocol: Bound<'_, PyAny>) {
        let py = protocol.py();
        drop(self.protocol.replace(py, Some(protocol.unbind())));
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

    /// As `asyncio.DatagramTransport.sendto`.
    #[pyo3(signature = (data, addr=None))]
    fn sendto(
        slf: &Bound<'_, Self>,
        data: &Bound<'_, PyAny>,
        addr: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        sending::send(slf, data, addr)
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
        sending::pause_protocol_if_full(slf)
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
    fn _address(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.address.as_ref().map(|it| it.clone_ref(py))
    }

    #[getter]
    fn _protocol_paused(&self, py: Python<'_>) -> bool {
        self.state.get(py).protocol_paused
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let state = self.state.get(py);
        let mut text = String::from("<DatagramTransport");
        if self.is_over(py) {
            text.push_str(" closed");
        } else if state.closing {
            text.push_str(" closing");
        }
        let polls = |flag| match state.wants.contains(flag) {
            true => "polling",
            false => "idle",
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
        visit.call(&self.address)?;
        for held in [&self.socket, &self.protocol] {
            held.peek(|object| visit.call(object)).unwrap_or(Ok(()))?;
        }
        self.queue
            .peek(|queue| queue.addresses().try_for_each(|it| visit.call(it)))
            .unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.protocol.replace(py, None));
        drop(self.queue.replace(py, DatagramQueue::new(self.empty)));
    }
}

impl DatagramTransport {
    /// Whether the protocol was told that its connection is gone.
    fn is_over(&self, py: Python<'_>) -> bool {
        self.socket.with(py, |socket| socket.is_none())
    }
}

/// What Python takes for true.
fn if_set(value: Option<Bound<'_, PyAny>>) -> PyResult<Option<Bound<'_, PyAny>>> {
    Ok(match value {
        Some(value) if value.is_truthy()? => Some(value),
        _ => None,
    })
}

/// The family of a socket whose addresses we know. A subclass may have methods of its own, as
/// that of a proxy has: those must be called.
fn known_family(socket: &Bound<'_, PyAny>) -> PyResult<Option<i32>> {
    static SOCKET: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = socket.py();
    if !socket.get_type().is(SOCKET.import(py, "socket", "socket")?) {
        return Ok(None);
    }
    let family: i32 = socket.getattr(intern!(py, "family"))?.extract()?;
    let known = [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX];
    Ok(known.contains(&family).then_some(family))
}
