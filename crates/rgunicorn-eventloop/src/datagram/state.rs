//! Where a datagram transport is in its life, and what it waits for then.

use nix::sys::epoll::EpollFlags;
use pyo3::intern;
use pyo3::prelude::*;

use super::DatagramTransport;
use super::receiving;
use super::sending;
use crate::call::Entered;
use crate::flow::WaterMarks;
use crate::task::ends_process;
use crate::watched::Rest;
use crate::watched::Source;

/// Where a transport is in its life.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "asyncio's states, which are independent"
)]
pub(super) struct State {
    pub(super) wants: EpollFlags,
    pub(super) marks: WaterMarks,
    pub(super) started: bool,
    pub(super) paused: bool,
    pub(super) closing: bool,
    /// Something waits for room, or did until the last event.
    pub(super) waiting: bool,
    /// The protocol was told to write no more for now.
    pub(super) protocol_paused: bool,
    /// Writes since the connection was lost, and the loss itself.
    pub(super) lost: u32,
    pub(super) pace: Pace,
}

impl Default for State {
    /// Of a transport that does not receive yet.
    fn default() -> Self {
        Self {
            wants: EpollFlags::empty(),
            marks: WaterMarks::default(),
            started: false,
            paused: false,
            closing: false,
            waiting: false,
            protocol_paused: false,
            lost: 0,
            pace: Pace::default(),
        }
    }
}

/// How many datagrams one event is taken for. To look for another one that is not there costs as
/// much as to receive one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    events: u8,
    many: bool,
}

impl Pace {
    /// How many to receive at most, now that there is an event.
    pub(super) fn limit(&mut self) -> usize {
        self.events = self.events.wrapping_add(1);
        match (self.many, self.events.is_multiple_of(PROBED)) {
            (true, _) => MANY,
            (false, true) => 2,
            (false, false) => 1,
        }
    }

    /// So many came.
    pub(super) fn note(&mut self, received: usize) {
        self.many = received > 1;
    }
}

/// So many at once, so that other sockets have their turn.
const MANY: usize = 16;

/// Each time after so many events a second datagram is looked for.
const PROBED: u8 = 8;

impl DatagramTransport {
    pub(super) fn change(&self, py: Python<'_>, change: impl FnOnce(&mut State)) {
        self.state.with(py, change);
    }

    /// Tells the loop which events this transport waits for now.
    pub(super) fn rewatch(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let state = this.state.get(py);
        let mut wants = EpollFlags::empty();
        if state.lost == 0 {
            let receives = state.started && !state.paused && !state.closing;
            wants.set(EpollFlags::EPOLLIN, receives);
            wants.set(EpollFlags::EPOLLOUT, state.waiting);
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
    let slf = object.cast_exact::<DatagramTransport>()?;
    let (py, this) = (slf.py(), slf.get());
    let wants = |flag| this.state.get(py).wants.contains(flag);
    let mut rest = Rest::None;
    // An error is for both sides.
    if flags.intersects(!EpollFlags::EPOLLOUT) && wants(EpollFlags::EPOLLIN) {
        rest = match in_context(slf, receiving::receive) {
            Ok(rest) => rest,
            Err(error) => {
                report(slf, error, "_read_ready")?;
                Rest::Perhaps
            }
        };
    }
    if flags.intersects(!EpollFlags::EPOLLIN)
        && wants(EpollFlags::EPOLLOUT)
        && let Err(error) = in_context(slf, sending::send_waiting)
    {
        report(slf, error, "_sendto_ready")?;
    }
    Ok(rest)
}

/// Serves an event in the context of the transport. Who handles its error does it outside.
fn in_context<'py, T>(
    slf: &Bound<'py, DatagramTransport>,
    serve: fn(&Bound<'py, DatagramTransport>) -> PyResult<T>,
) -> PyResult<T> {
    let _entered = Entered::new(slf.get().context.bind(slf.py()))?;
    serve(slf)
}

/// What the protocol raises goes where the error of a callback goes.
#[cold]
fn report(slf: &Bound<'_, DatagramTransport>, error: PyErr, callback: &str) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    if ends_process(py, &error) {
        return Err(error);
    }
    let callback = slf.getattr(callback)?;
    let given = (callback, &this.context, error.into_value(py));
    let event_loop = this.event_loop.bind(py);
    event_loop.call_method1(intern!(py, "_report_failed_callback"), given)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_datagram_is_looked_for_now_and_then() {
        let mut pace = Pace::default();
        let limits: Vec<usize> = (0..17)
            .map(|_| {
                let limit = pace.limit();
                pace.note(1);
                limit
            })
            .collect();
        assert_eq!(limits.iter().filter(|limit| **limit == 2).count(), 2);
        assert_eq!(limits.iter().filter(|limit| **limit == 1).count(), 15);
    }

    #[test]
    fn many_are_taken_for_as_long_as_many_come() {
        let mut pace = Pace::default();
        pace.note(2);
        assert_eq!(pace.limit(), MANY);
        pace.note(MANY);
        assert_eq!(pace.limit(), MANY);
        pace.note(1);
        assert!(pace.limit() < MANY);
    }
}
