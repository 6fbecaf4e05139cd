//! Where a transport is in its life, and what it waits for then.

use nix::sys::epoll::EpollFlags;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::StreamTransport;
use super::reading;
use super::writing;
use crate::call::Entered;
use crate::flow::WaterMarks;
use crate::watched::Rest;
use crate::watched::Source;

/// Up to here a copy costs less than to shrink a large buffer.
const MUCH: usize = 16 * 1024;

/// Where a transport is in its life.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "asyncio's states, which are independent"
)]
pub(super) struct State {
    pub(super) receives: Receives,
    pub(super) wants: EpollFlags,
    pub(super) marks: WaterMarks,
    pub(super) started: bool,
    pub(super) paused: bool,
    pub(super) closing: bool,
    /// `write_eof` was called.
    pub(super) eof: bool,
    /// The protocol was told to write no more for now.
    pub(super) protocol_paused: bool,
    /// The queue will be sent at the end of the turn.
    pub(super) flush_due: bool,
    /// Bytes that the last event brought.
    pub(super) last_received: usize,
    /// Writes since the connection was lost, and the loss itself.
    pub(super) lost: u32,
}

impl State {
    /// Of a transport that does not read yet.
    pub(super) fn new(receives: Receives) -> Self {
        Self {
            receives,
            wants: EpollFlags::empty(),
            marks: WaterMarks::default(),
            started: false,
            paused: false,
            closing: false,
            eof: false,
            protocol_paused: false,
            flush_due: false,
            last_received: 0,
            lost: 0,
        }
    }

    /// Whether what comes is received into Python's memory at once: worth it where it is much.
    pub(super) fn receives_much(&self) -> bool {
        self.last_received > MUCH
    }
}

/// How the protocol takes what was received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Receives {
    /// `data_received`.
    Bytes,
    /// `get_buffer` and `buffer_updated`.
    IntoBuffer,
}

pub(super) fn receives(protocol: &Bound<'_, PyAny>) -> PyResult<Receives> {
    static BUFFERED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let buffered = BUFFERED.import(protocol.py(), "asyncio", "BufferedProtocol")?;
    Ok(match protocol.is_instance(buffered)? {
        true => Receives::IntoBuffer,
        false => Receives::Bytes,
    })
}

impl StreamTransport {
    pub(super) fn change(&self, py: Python<'_>, change: impl FnOnce(&mut State)) {
        self.state.with(py, change);
    }

    /// Tells the loop which events this transport waits for now.
    pub(super) fn rewatch(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let state = this.state.get(py);
        let mut wants = EpollFlags::empty();
        if state.lost == 0 {
            let reads = state.started && !state.paused && !state.closing;
            let waits = this.queue.with(py, |queue| queue.size() > 0) && !state.flush_due;
            wants.set(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP, reads);
            wants.set(EpollFlags::EPOLLOUT, waits);
        }
        if wants == state.wants {
            return Ok(());
        }
        this.change(py, |state| state.wants = wants);
        let source = (!wants.is_empty()).then(|| Source {
            object: slf.clone().into_any().unbind(),
            wants,
            tell: tell_events,
        });
        let core = this.event_loop.get();
        let before = core.rewatch(py, this.descriptor, |slot| {
            std::mem::replace(&mut slot.source, source)
        })?;
        drop(before);
        Ok(())
    }
}

/// What the loop calls when the socket is ready.
fn tell_events(object: &Bound<'_, PyAny>, flags: EpollFlags) -> PyResult<Rest> {
    let slf = object.cast_exact::<StreamTransport>()?;
    let (py, this) = (slf.py(), slf.get());
    let entered = Entered::new(this.context.bind(py))?;
    let mut rest = Rest::None;
    if flags.intersects(!EpollFlags::EPOLLOUT)
        && this.state.get(py).wants.contains(EpollFlags::EPOLLIN)
    {
        rest = reading::receive(slf)?;
        if flags.intersects(!(EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT)) {
            rest = Rest::Perhaps; // the end may come after what was read
        }
    }
    if flags.intersects(!EpollFlags::EPOLLIN)
        && this.state.get(py).wants.contains(EpollFlags::EPOLLOUT)
    {
        writing::flush(slf)?;
    }
    drop(entered);
    Ok(rest)
}
