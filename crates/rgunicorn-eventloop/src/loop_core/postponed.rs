//! Events that are passed on later in the turn: handles that were due before them run first.

use std::collections::VecDeque;

use nix::sys::epoll::EpollFlags;
use pyo3::PyTraverseError;
use pyo3::PyVisit;
use pyo3::prelude::*;

use crate::watched::Tell;

/// Events of one look, in order.
#[derive(Debug, Default)]
pub(super) struct Postponed {
    events: VecDeque<Event>,
    /// So many handles were due before them.
    earlier: usize,
}

/// Who is to be told, how, and of what.
pub(super) type Event = (Py<PyAny>, Tell, EpollFlags);

impl Postponed {
    /// Keeps an event that came when so many handles were due.
    pub(super) fn push(&mut self, event: Event, earlier: usize) {
        self.events.push_back(event);
        self.earlier = earlier;
    }

    /// How many handles run first; None where there is no event.
    pub(super) fn earlier(&self) -> Option<usize> {
        (!self.events.is_empty()).then_some(self.earlier)
    }

    pub(super) fn take_first(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut objects = self.events.iter().map(|(object, ..)| object);
        objects.try_for_each(|object| visit.call(object))
    }
}
