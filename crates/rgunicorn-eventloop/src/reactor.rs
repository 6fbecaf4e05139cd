//! One turn: what asyncio's `select()` does on the worker's thread.
//!
//! asyncio's own epoll descriptor is nested in the runtime, so everything
//! asyncio can wait for (sockets, subprocesses, threads, signals) still wakes
//! it, and what the runtime serves is served while asyncio waits.

use std::cell::Cell;
use std::cell::RefCell;
use std::future::Future;
use std::future::poll_fn;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use pyo3::prelude::*;
use tokio::io::unix::AsyncFd;
use tokio::runtime::LocalRuntime;

use crate::alarm::Alarm;
use crate::confined;
use crate::drive;
use crate::guest;
use crate::poller::Limit;
use crate::schedule;
use crate::watch::watch;

/// The runtime, as asyncio's selector sees it.
#[pyclass(unsendable, frozen, module = "rgunicorn._rgunicorn")]
pub struct Reactor {
    runtime: Rc<LocalRuntime>,
    nested: RefCell<AsyncFd<OwnedFd>>,
    alarm: RefCell<Alarm>,
    /// Whether asyncio's epoll may still have events. tokio reports edges,
    /// asyncio counts on levels: it stays hot until asyncio found it empty.
    hot: Cell<Nested>,
    escaped: RefCell<Option<PyErr>>,
    taking: Cell<Taking>,
}

/// Whether a turn is being taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Taking {
    None,
    Turn,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Nested {
    Quiet,
    Hot,
}

thread_local! {
    static CURRENT: RefCell<Option<Py<Reactor>>> = const { RefCell::new(None) };
}

impl Reactor {
    /// Builds the runtime of this thread. After the fork, never before:
    /// neither a runtime nor its descriptors survive one.
    ///
    /// # Errors
    /// `OSError` when the kernel gives no descriptor.
    pub fn new(py: Python<'_>, asyncio_epoll: RawFd) -> PyResult<Py<Self>> {
        let runtime = drive::build()?;
        let guard = runtime.enter();
        let nested = watch(duplicate(asyncio_epoll)?)?;
        let alarm = Alarm::new()?;
        drop(guard);
        let reactor = Self {
            runtime: Rc::new(runtime),
            nested: RefCell::new(nested),
            alarm: RefCell::new(alarm),
            hot: Cell::new(Nested::Quiet),
            escaped: RefCell::new(None),
            taking: Cell::new(Taking::None),
        };
        let reactor = Py::new(py, reactor)?;
        CURRENT.set(Some(reactor.clone_ref(py)));
        Ok(reactor)
    }

    /// The runtime that the turns drive.
    pub fn runtime(&self) -> &Rc<LocalRuntime> {
        &self.runtime
    }

    fn run(&self, py: Python<'_>, wait: impl Future<Output = ()>) {
        self.taking.set(Taking::Turn);
        drive::run(py, &self.runtime, wait);
        schedule::unlisten();
        self.taking.set(Taking::None);
    }

    /// A turn that does not sleep. Polls the I/O driver once: a future that is
    /// ready at once would not, and a busy asyncio would starve the sockets.
    async fn glance(&self) {
        tokio::task::yield_now().await;
        poll_fn(|context| {
            self.poll_nested(context);
            Poll::Ready(())
        })
        .await;
    }

    /// A turn that sleeps until asyncio has something to do.
    async fn wait(&self, alarm: AlarmState) {
        poll_fn(|context| {
            schedule::listen(context.waker());
            if schedule::is_pending() || self.poll_nested(context) == Nested::Hot {
                return Poll::Ready(());
            }
            match alarm {
                AlarmState::Set => self.alarm.borrow_mut().poll(context),
                AlarmState::Off => Poll::Pending,
            }
        })
        .await;
    }

    fn poll_nested(&self, context: &mut Context<'_>) -> Nested {
        if let Poll::Ready(Ok(mut guard)) = self.nested.borrow().poll_read_ready(context) {
            guard.clear_ready();
            self.hot.set(Nested::Hot);
        }
        self.hot.get()
    }
}

/// A descriptor of our own for asyncio's epoll: it stays open as long as the
/// runtime watches it, whatever asyncio closes first.
#[expect(unsafe_code, reason = "Python names a descriptor by its bare number")]
fn duplicate(descriptor: RawFd) -> PyResult<OwnedFd> {
    // SAFETY: the caller passes `selector.fileno()` of a selector that is
    // alive, so the number is open for the length of this call.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    Ok(borrowed.try_clone_to_owned()?)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AlarmState {
    Off,
    Set,
}

#[pymethods]
impl Reactor {
    /// Takes one turn of at most `timeout` seconds (None: without a limit).
    /// Returns whether asyncio's own selector should be asked for events; None
    /// where a turn is being taken already, by an application that runs a loop
    /// within the loop: then asyncio has to wait by itself.
    ///
    /// Raises whatever `SystemExit` or `KeyboardInterrupt` left a task.
    #[pyo3(signature = (timeout))]
    fn turn(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<bool>> {
        let limit = match timeout {
            None => Limit::Never,
            Some(seconds) if seconds <= 0.0 => Limit::Now,
            Some(seconds) => {
                Limit::After(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 4))
            }
        };
        self.take_turn(py, limit)
    }

    /// asyncio's selector found no more events.
    #[pyo3(name = "drained")]
    fn drained_by_python(&self) {
        self.drained();
    }
}

impl Reactor {
    /// Takes one turn; [`turn`](Self::turn) says what comes of it.
    pub(crate) fn take_turn(&self, py: Python<'_>, limit: Limit) -> PyResult<Option<bool>> {
        if self.taking.get() == Taking::Turn {
            return Ok(None);
        }
        let hot = self.hot.get() == Nested::Hot || schedule::is_pending();
        schedule::clear();
        confined::bury();
        match limit {
            Limit::After(after) if !hot => {
                self.alarm.borrow_mut().set(after.min(LONGEST))?;
                self.run(py, self.wait(AlarmState::Set));
            }
            Limit::Never if !hot => self.run(py, self.wait(AlarmState::Off)),
            _ => self.run(py, self.glance()),
        }
        match self.escaped.take() {
            Some(error) => Err(error),
            None => Ok(Some(self.hot.get() == Nested::Hot)),
        }
    }

    /// The nested epoll instance may have events that were seen already.
    pub(crate) fn heat(&self) {
        self.hot.set(Nested::Hot);
    }

    /// The nested epoll instance has no more events.
    pub(crate) fn drained(&self) {
        self.hot.set(Nested::Quiet);
    }
}

/// No single wait is longer; asyncio simply asks again.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Lets an exception that is meant for the whole process (`SystemExit`,
/// `KeyboardInterrupt`) out through the running turn, or that of a guest.
pub fn escape(py: Python<'_>, error: PyErr) {
    CURRENT.with_borrow(|current| match current {
        Some(reactor) => {
            reactor.bind(py).borrow().escaped.replace(Some(error));
            schedule::mark();
        }
        None => guest::keep_escaped(error),
    });
}

/// Lets the reactor go: its runtime ends with it.
pub fn release(py: Python<'_>) {
    let reactor = CURRENT.take();
    drop(reactor.map(|reactor| reactor.into_bound(py)));
}
