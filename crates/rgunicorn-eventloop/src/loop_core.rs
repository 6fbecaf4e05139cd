//! The hot part of `rgunicorn.eventloop.EventLoop`: queue, timers, descriptors, turns.
//!
//! The Python class inherits from this class first and from asyncio's
//! `SelectorEventLoop` second, so what is not here is asyncio's own code. Both
//! meet in the attributes that asyncio's constructor sets (`_closed`,
//! `_stopping`, `_thread_id`, `_debug`, `_task_factory`): they are properties
//! of this class. asyncio's `run_forever` calls `_run_once` until the loop is
//! stopped; ours takes all turns until then ([`turns`]), unless it is called from elsewhere.

mod calls;
mod queue;
mod turns;
mod watching;
mod postponed;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nix::sys::epoll::EpollEvent;
use nix::time::ClockId;
use nix::time::clock_gettime;
use pyo3::PyTraverseError;
use pyo3::PyVisit;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::types::PyTuple;

use crate::attached::Attached;
use crate::handle::Handle;
use crate::handle::is_cancelled;
use crate::poller::Poller;
use crate::reactor::Reactor;
use crate::timers::Timers;
use crate::watched::Side;
use crate::watched::Watched;
use crate::watched::traverse_handle;

use postponed::Postponed;
use watching::Sides;

pub use calls::add_fast_methods;

/// Base of `rgunicorn.eventloop.EventLoop`.
#[pyclass(subclass, frozen, module = "rgunicorn._rgunicorn")]
pub struct LoopCore {
    /// Handles to run in the next turn.
    ready: Attached<VecDeque<Py<PyAny>>>,
    /// Handles that have run and that nobody has kept, to be used again.
    spare: Attached<Vec<Py<Handle>>>,
    timers: Attached<Timers>,
    watched: Attached<Watched>,
    /// None once the loop is closed.
    poller: Attached<Option<Arc<Poller>>>,
    /// Where events are put, while nobody uses it.
    events: Attached<Vec<EpollEvent>>,
    postponed: Attached<Postponed>,
    /// Transports that send at the end of the turn what was written in it.
    flushes: Attached<Vec<(Py<PyAny>, Flush)>>,
    /// Where sockets are read into, while nobody uses it.
    read_buffer: Attached<Vec<u8>>,
    /// The runtime of a worker, whose turns are taken where we would sleep.
    reactor: Attached<Option<Py<Reactor>>>,
    mode: Attached<Mode>,
    thread: Attached<Option<Py<PyAny>>>,
    task_factory: Attached<Option<Py<PyAny>>>,
    /// Whether the thread sleeps or is about to, so that other threads must ring. Read and
    /// written by attached threads only.
    asleep: AtomicBool,
}

/// What asyncio keeps in attributes.
#[derive(Clone, Copy, Debug, Default)]
struct Mode {
    debug: bool,
    closed: bool,
    stopping: bool,
}

/// What is called at the end of a turn.
pub(crate) type Flush = fn(&Bound<'_, PyAny>) -> PyResult<()>;

/// The loop's clock, in seconds.
fn now() -> f64 {
    // The clock exists on every kernel, so this cannot fail.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0.0, |time| Duration::from(time).as_secs_f64())
}

#[pymethods]
impl LoopCore {
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn new(
        _arguments: &Bound<'_, PyTuple>,
        _keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        Ok(Self {
            ready: Attached::default(),
            spare: Attached::default(),
            timers: Attached::default(),
            watched: Attached::default(),
            poller: Attached::new(Some(Arc::new(Poller::new()?))),
            events: Attached::default(),
            postponed: Attached::default(),
            flushes: Attached::default(),
            read_buffer: Attached::default(),
            reactor: Attached::default(),
            mode: Attached::default(),
            thread: Attached::default(),
            task_factory: Attached::default(),
            asleep: AtomicBool::new(false),
        })
    }

    /// As `asyncio.loop.time`.
    fn time(&self) -> f64 {
        now()
    }

    /// As `asyncio.loop.get_debug`.
    fn get_debug(&self, py: Python<'_>) -> bool {
        self.mode(py).debug
    }

    /// As `asyncio.loop.is_closed`.
    fn is_closed(&self, py: Python<'_>) -> bool {
        self.mode(py).closed
    }

    /// As `asyncio.loop.is_running`.
    fn is_running(&self, py: Python<'_>) -> bool {
        self.thread.with(py, |thread| thread.is_some())
    }

    fn _check_closed(&self, py: Python<'_>) -> PyResult<()> {
        self.check_open(py)
    }

    #[getter(_debug)]
    fn debug_mode(&self, py: Python<'_>) -> bool {
        self.mode(py).debug
    }

    #[setter(_debug)]
    fn set_debug_mode(&self, enabled: &Bound<'_, PyAny>) -> PyResult<()> {
        let debug = enabled.is_truthy()?;
        self.mode.with(enabled.py(), |mode| mode.debug = debug);
        Ok(())
    }

    #[getter(_closed)]
    fn closed_mode(&self, py: Python<'_>) -> bool {
        self.mode(py).closed
    }

    #[setter(_closed)]
    fn set_closed_mode(&self, py: Python<'_>, closed: bool) {
        self.mode.with(py, |mode| mode.closed = closed);
        if closed {
            self.forget_all(py);
        }
    }

    #[getter(_stopping)]
    fn stopping_mode(&self, py: Python<'_>) -> bool {
        self.mode(py).stopping
    }

    #[setter(_stopping)]
    fn set_stopping_mode(&self, py: Python<'_>, stopping: bool) {
        self.mode.with(py, |mode| mode.stopping = stopping);
    }

    #[getter(_thread_id)]
    fn own_thread(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.thread
            .with(py, |thread| thread.as_ref().map(|it| it.clone_ref(py)))
    }

    #[setter(_thread_id)]
    fn set_own_thread(&self, py: Python<'_>, thread: Option<Py<PyAny>>) {
        drop(self.thread.replace(py, thread));
    }

    #[getter(_task_factory)]
    fn own_task_factory(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.task_factory
            .with(py, |factory| factory.as_ref().map(|it| it.clone_ref(py)))
    }

    #[setter(_task_factory)]
    fn set_own_task_factory(&self, py: Python<'_>, factory: Option<Py<PyAny>>) {
        drop(self.task_factory.replace(py, factory));
    }

    /// Appends a handle to those that run in the next turn.
    fn _add_callback(&self, handle: &Bound<'_, PyAny>) -> PyResult<()> {
        if !is_cancelled(handle)? {
            self.push(handle.py(), handle.clone().unbind());
        }
        Ok(())
    }

    /// The same, from a signal handler or another thread.
    fn _add_callback_signalsafe(&self, handle: &Bound<'_, PyAny>) -> PyResult<()> {
        self._add_callback(handle)?;
        self.wake(handle.py());
        Ok(())
    }

    /// Ends the loop's sleep.
    fn _write_to_self(&self, py: Python<'_>) {
        self.wake(py);
    }

    /// Takes one turn.
    fn take_turn(slf: &Bound<'_, Self>) -> PyResult<()> {
        turns::take_one(slf)
    }

    /// Takes turns until the loop is stopped.
    fn take_turns(slf: &Bound<'_, Self>) -> PyResult<()> {
        turns::take_all(slf)
    }

    #[pyo3(signature = (fd, callback, *args))]
    fn _add_reader(
        slf: &Bound<'_, Self>,
        fd: &Bound<'_, PyAny>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<Py<PyAny>> {
        watching::add_standing(slf, Side::Reader, fd, callback, args)
    }

    #[pyo3(signature = (fd, callback, *args))]
    fn _add_writer(
        slf: &Bound<'_, Self>,
        fd: &Bound<'_, PyAny>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<Py<PyAny>> {
        watching::add_standing(slf, Side::Writer, fd, callback, args)
    }

    fn _remove_reader(&self, fd: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.remove_by_file(Side::Reader, fd)
    }

    fn _remove_writer(&self, fd: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.remove_by_file(Side::Writer, fd)
    }

    /// What a file is watched for, as `selectors` counts: 1 to read, 2 to write; and the handles.
    fn watched_for(&self, fd: &Bound<'_, PyAny>) -> PyResult<Sides> {
        self.sides(fd)
    }

    /// From now on turns of `reactor` are taken where the loop would sleep; None detaches it.
    #[pyo3(signature = (reactor))]
    fn use_reactor(&self, py: Python<'_>, reactor: Option<Py<Reactor>>) {
        drop(self.reactor.replace(py, reactor));
    }

    /// The descriptor that is readable when the loop has events to look at.
    fn epoll(&self, py: Python<'_>) -> PyResult<i32> {
        let descriptor = self.poller.with(py, |poller| {
            poller.as_ref().map(|poller| poller.descriptor())
        });
        descriptor.ok_or_else(|| PyRuntimeError::new_err("Event loop is closed"))
    }

    /// Gives the descriptors back; the loop is closed.
    fn release(&self, py: Python<'_>) {
        let slots = self.watched.with(py, Watched::clear);
        drop(slots);
        drop(self.postponed.replace(py, Postponed::default()));
        drop(self.poller.replace(py, None));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let visit_handle = |handle: &Py<PyAny>| traverse_handle(handle, &visit);
        self.ready
            .peek(|ready| ready.iter().try_for_each(visit_handle))
            .unwrap_or(Ok(()))?;
        self.timers
            .peek(|timers| timers.iter().try_for_each(visit_handle))
            .unwrap_or(Ok(()))?;
        self.watched
            .peek(|watched| watched.traverse(&visit))
            .unwrap_or(Ok(()))?;
        self.postponed
            .peek(|postponed| postponed.traverse(&visit))
            .unwrap_or(Ok(()))?;
        self.flushes
            .peek(|flushes| {
                flushes
                    .iter()
                    .try_for_each(|(object, _)| visit.call(object))
            })
            .unwrap_or(Ok(()))?;
        self.task_factory
            .peek(|factory| visit.call(factory))
            .unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        self.forget_all(py);
        self.release(py);
        drop(self.flushes.replace(py, Vec::new()));
        drop(self.task_factory.replace(py, None));
    }
}
