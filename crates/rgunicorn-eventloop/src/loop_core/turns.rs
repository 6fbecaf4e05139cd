//! A turn of the loop: events, timers, then every callback that was due when the turn came to them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use nix::sys::epoll::EpollEvent;
use nix::sys::epoll::EpollFlags;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::LoopCore;
use super::now;
use super::postponed::Postponed;
use crate::call::Call;
use crate::handle::describe_call;
use crate::handle::is_cancelled;
use crate::handle::job;
use crate::poller::BATCH;
use crate::poller::Limit;
use crate::poller::Poller;
use crate::reactor::Reactor;
use crate::task::ends_process;
use crate::watched::Rest;
use crate::watched::Side;

/// A busy loop looks for events at least this often: a look costs as much as several callbacks.
const LOOK_AFTER: Duration = Duration::from_micros(50);

/// Nor does it take more turns than this in between.
const TURNS_UNSEEN: u32 = 16;

/// Timers due within the resolution of the clock are due now.
const RESOLUTION: f64 = 1e-9;

/// Takes turns until the loop is stopped.
pub(super) fn take_all(slf: &Bound<'_, LoopCore>) -> PyResult<()> {
    let mut pace = Pace::default();
    loop {
        turn(slf, &mut pace)?;
        if slf.get().mode(slf.py()).stopping {
            return Ok(());
        }
    }
}

/// Takes one turn, which may be within another.
pub(super) fn take_one(slf: &Bound<'_, LoopCore>) -> PyResult<()> {
    turn(slf, &mut Pace::default())
}

fn turn(slf: &Bound<'_, LoopCore>, pace: &mut Pace) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let limit = this.limit(py)?;
    if limit != Limit::Now || pace.is_look_due() {
        poll(slf, limit)?;
        pace.looked();
    }
    this.collect_timers(py);
    let ran = run_ready(slf);
    flush(slf)?;
    ran
}

/// Runs as many handles as are in the queue now, and passes on the events that come between them.
fn run_ready(slf: &Bound<'_, LoopCore>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let due = this.ready.with(py, |ready| ready.len());
    let Some(earlier) = this.postponed.with(py, |postponed| postponed.earlier()) else {
        return run_handles(slf, due);
    };
    let earlier = earlier.min(due);
    run_handles(slf, earlier)?;
    tell_postponed(slf)?;
    run_handles(slf, due - earlier)
}

fn run_handles(slf: &Bound<'_, LoopCore>, count: usize) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    for _ in 0..count {
        match this.ready.with(py, |ready| ready.pop_front()) {
            Some(handle) => {
                run_handle(slf, handle.bind(py))?;
                this.keep(py, handle);
            }
            None => break, // a callback closed the loop
        }
    }
    Ok(())
}

/// Tells the sources of the events that had to wait.
fn tell_postponed(slf: &Bound<'_, LoopCore>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    // One by one: who is told may run the loop within the loop, which tells the others.
    while let Some((object, tell, flags)) = this.postponed.with(py, Postponed::take_first) {
        let told = tell(object.bind(py), flags);
        if !matches!(told, Ok(Rest::None))
            && let Some(reactor) = this.own_reactor(py)
        {
            reactor.bind(py).borrow().heat();
        }
        told?;
    }
    Ok(())
}

/// Has the transports send what was written in this turn.
fn flush(slf: &Bound<'_, LoopCore>) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    if this.flushes.with(py, |flushes| flushes.is_empty()) {
        return Ok(());
    }
    let flushes = this.flushes.replace(py, Vec::new());
    for (object, flush) in flushes {
        flush(object.bind(py))?;
    }
    Ok(())
}

/// When a busy loop last looked for events.
#[derive(Debug, Default)]
struct Pace {
    turns: u32,
    looked: Option<Instant>,
}

impl Pace {
    fn is_look_due(&mut self) -> bool {
        self.turns += 1;
        let fresh = |looked: Instant| looked.elapsed() < LOOK_AFTER;
        self.turns > TURNS_UNSEEN || !self.looked.is_some_and(fresh)
    }

    fn looked(&mut self) {
        self.turns = 0;
        self.looked = Some(Instant::now());
    }
}

impl LoopCore {
    /// Whether an event waits that the last turn was to pass on: an exception ended it.
    fn has_postponed(&self, py: Python<'_>) -> bool {
        self.postponed
            .with(py, |postponed| postponed.earlier().is_some())
    }

    fn own_reactor(&self, py: Python<'_>) -> Option<Py<Reactor>> {
        self.reactor
            .with(py, |reactor| reactor.as_ref().map(|it| it.clone_ref(py)))
    }

    /// How long there is nothing to do.
    fn limit(&self, py: Python<'_>) -> PyResult<Limit> {
        if self.has_due(py) || self.mode(py).stopping || self.has_postponed(py) {
            return Ok(Limit::Now);
        }
        Ok(match self.first_deadline(py)? {
            Some(when) => {
                let left = when - now();
                match Duration::try_from_secs_f64(left) {
                    Ok(Duration::ZERO) => Limit::Now,
                    Ok(time) => Limit::After(time.min(LONGEST)),
                    Err(_) if left > 0.0 => Limit::After(LONGEST), // endless
                    Err(_) => Limit::Now,
                }
            }
            None => Limit::Never,
        })
    }

    /// When the first timer is due that was not cancelled.
    fn first_deadline(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        loop {
            let first = self.timers.with(py, |timers| {
                timers
                    .first()
                    .map(|(when, handle)| (when, handle.clone_ref(py)))
            });
            let Some((when, handle)) = first else {
                return Ok(None);
            };
            if !is_cancelled(handle.bind(py))? {
                return Ok(Some(when));
            }
            drop(self.timers.with(py, |timers| timers.take_first()));
        }
    }

    /// Moves the timers that are due to the handles that run in this turn.
    fn collect_timers(&self, py: Python<'_>) {
        if self.timers.with(py, |timers| timers.is_empty()) {
            return;
        }
        let end = now() + RESOLUTION;
        while let Some(handle) = self.timers.with(py, |timers| {
            timers.first().filter(|(when, _)| *when <= end)?;
            timers.take_first()
        }) {
            self.ready.with(py, |ready| ready.push_back(handle));
        }
    }
}

/// No single wait is longer; the loop simply waits again.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Serves what is ready: by way of the worker's runtime where there is one.
fn poll(slf: &Bound<'_, LoopCore>, limit: Limit) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    let Some(reactor) = this.own_reactor(py) else {
        return look(slf, limit).map(drop);
    };
    let reactor = reactor.bind(py).borrow();
    this.asleep.store(true, Ordering::Relaxed);
    let hot = reactor.take_turn(py, limit);
    this.asleep.store(false, Ordering::Relaxed);
    match hot? {
        Some(false) => {}
        Some(true) => {
            if look(slf, Limit::Now)? == Rest::None {
                reactor.drained();
            }
        }
        // The runtime is in the middle of a turn: an application runs the loop within the loop.
        None => drop(look(slf, limit)?),
    }
    Ok(())
}

/// Waits for events and passes them on.
fn look(slf: &Bound<'_, LoopCore>, limit: Limit) -> PyResult<Rest> {
    let (py, this) = (slf.py(), slf.get());
    let Some(poller) = this.poller.with(py, |poller| poller.clone()) else {
        this.check_open(py)?;
        return Ok(Rest::None);
    };
    let mut events = this.events.replace(py, Vec::new());
    events.resize(BATCH, EpollEvent::empty());
    this.asleep.store(limit != Limit::Now, Ordering::Relaxed);
    let waited = py.detach(|| poller.wait(&mut events, limit));
    this.asleep.store(false, Ordering::Relaxed);
    let count = waited?;
    py.check_signals()?;
    // What is due by now was scheduled before the events came.
    let earlier = this.ready.with(py, |ready| ready.len());
    let mut rest = if count == events.len() {
        Rest::Perhaps
    } else {
        Rest::None
    };
    for event in &events[..count] {
        if pass_on(slf, &poller, *event, earlier)? == Rest::Perhaps {
            rest = Rest::Perhaps;
        }
    }
    this.events.replace(py, events);
    Ok(rest)
}

/// Has those run who wait for an event: later in the turn, if `earlier` handles were due before it.
fn pass_on(
    slf: &Bound<'_, LoopCore>,
    poller: &Arc<Poller>,
    event: EpollEvent,
    earlier: usize,
) -> PyResult<Rest> {
    let (py, this) = (slf.py(), slf.get());
    let Some(descriptor) = poller.descriptor_of(event) else {
        return Ok(Rest::None);
    };
    let flags = event.events();
    let (reader, writer, source) = this
        .watched
        .with(py, |watched| {
            let slot = watched.get(descriptor)?;
            let own = |handle: &Option<Py<PyAny>>| handle.as_ref().map(|it| it.clone_ref(py));
            let source = slot.source.as_ref();
            let source = source.map(|source| (source.object.clone_ref(py), source.tell));
            Some((own(&slot.reader), own(&slot.writer), source))
        })
        .unwrap_or_default();
    let mut rest = Rest::None;
    // An error or a hang-up is for both sides, as it is with `selectors`.
    let wakes_reader = flags.intersects(!EpollFlags::EPOLLOUT);
    let wakes_writer = flags.intersects(!EpollFlags::EPOLLIN);
    for (side, handle, wakes) in [
        (Side::Reader, reader, wakes_reader),
        (Side::Writer, writer, wakes_writer),
    ] {
        let Some(handle) = handle.filter(|_| wakes) else {
            continue;
        };
        rest = Rest::Perhaps;
        if is_cancelled(handle.bind(py))? {
            this.remove(py, side, descriptor)?;
        } else {
            this.ready.with(py, |ready| ready.push_back(handle));
        }
    }
    let Some((object, tell)) = source else {
        return Ok(rest);
    };
    if earlier > 0 {
        this.postponed.with(py, |postponed| {
            postponed.push((object, tell, flags), earlier)
        });
    } else if tell(object.bind(py), flags)? == Rest::Perhaps {
        rest = Rest::Perhaps;
    }
    Ok(rest)
}

/// Runs one handle, ours or asyncio's. What it raises goes to the exception handler, unless it is
/// meant for the whole process.
#[inline]
fn run_handle(slf: &Bound<'_, LoopCore>, handle: &Bound<'_, PyAny>) -> PyResult<()> {
    match job(handle) {
        Some(job) => match job.run(slf.py()) {
            Ok(()) => Ok(()),
            Err((error, call)) => {
                // Whoever reads the report finds in the handle what it is about.
                job.remember(slf.py(), &call);
                let reported = report(slf, error, &call, handle);
                job.forget(slf.py());
                reported
            }
        },
        None => run_asyncio_handle(slf, handle),
    }
}

/// Runs a handle of debug mode, which reports for itself.
fn run_asyncio_handle(slf: &Bound<'_, LoopCore>, handle: &Bound<'_, PyAny>) -> PyResult<()> {
    if !is_cancelled(handle)? {
        slf.call_method1(intern!(slf.py(), "_run_in_debug_mode"), (handle,))?;
    }
    Ok(())
}

#[cold]
fn report(
    slf: &Bound<'_, LoopCore>,
    error: PyErr,
    call: &Call,
    handle: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = slf.py();
    if ends_process(py, &error) {
        return Err(error);
    }
    let context = PyDict::new(py);
    let message = format!("Exception in callback {}", describe_call(py, call)?);
    context.set_item("message", message)?;
    context.set_item("exception", error.into_value(py))?;
    context.set_item("handle", handle)?;
    slf.call_method1("call_exception_handler", (context,))?;
    Ok(())
}
