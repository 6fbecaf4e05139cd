//! Who waits for which descriptor.

use std::os::fd::RawFd;

use nix::sys::epoll::EpollFlags;
use pyo3::PyTraverseError;
use pyo3::PyVisit;
use pyo3::prelude::*;

use crate::handle::job_for_collector;

/// Descriptors by their number, which is small.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    slots: Vec<Slot>,
}

/// Those who wait for one descriptor.
#[derive(Debug)]
pub(crate) struct Slot {
    /// A handle to run when there is something to read.
    pub(crate) reader: Option<Py<PyAny>>,
    /// A handle to run when there is room to write.
    pub(crate) writer: Option<Py<PyAny>>,
    /// A transport of ours.
    pub(crate) source: Option<Source>,
    /// What the kernel was last told to watch for.
    pub(crate) told: EpollFlags,
}

/// An object that is told of its descriptor's events without a handle.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) object: Py<PyAny>,
    pub(crate) wants: EpollFlags,
    pub(crate) tell: Tell,
}

/// Tells a source's object which events there are.
pub(crate) type Tell = fn(&Bound<'_, PyAny>, EpollFlags) -> PyResult<Rest>;

/// Whether there may be more without another event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rest {
    None,
    Perhaps,
}

/// The two directions of a descriptor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Reader,
    Writer,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            reader: None,
            writer: None,
            source: None,
            told: EpollFlags::empty(),
        }
    }
}

impl Slot {
    /// What the kernel should watch for.
    pub(crate) fn wanted(&self) -> EpollFlags {
        let mut flags = EpollFlags::empty();
        flags.set(EpollFlags::EPOLLIN, self.reader.is_some());
        flags.set(EpollFlags::EPOLLOUT, self.writer.is_some());
        match &self.source {
            Some(source) => flags | source.wants,
            None => flags,
        }
    }

    pub(crate) fn side(&mut self, side: Side) -> &mut Option<Py<PyAny>> {
        match side {
            Side::Reader => &mut self.reader,
            Side::Writer => &mut self.writer,
        }
    }

    fn objects(&self) -> impl Iterator<Item = &Py<PyAny>> {
        let source = self.source.as_ref().map(|source| &source.object);
        [&self.reader, &self.writer]
            .into_iter()
            .flatten()
            .chain(source)
    }
}

impl Watched {
    pub(crate) fn get(&self, descriptor: RawFd) -> Option<&Slot> {
        self.slots.get(usize::try_from(descriptor).ok()?)
    }

    pub(crate) fn get_mut(&mut self, descriptor: RawFd) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(descriptor).ok()?)
    }

    /// The slot of a descriptor, which is made if need be; None for what is no descriptor.
    pub(crate) fn slot(&mut self, descriptor: RawFd) -> Option<&mut Slot> {
        let index = usize::try_from(descriptor).ok()?;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, Slot::default);
        }
        self.slots.get_mut(index)
    }

    /// Takes all of them out.
    pub(crate) fn clear(&mut self) -> Vec<Slot> {
        std::mem::take(&mut self.slots)
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.slots
            .iter()
            .flat_map(Slot::objects)
            .try_for_each(|object| traverse_handle(object, visit))
    }
}

/// Visits a handle and, where it is one of ours, what it would call.
pub(crate) fn traverse_handle(
    handle: &Py<PyAny>,
    visit: &PyVisit<'_>,
) -> Result<(), PyTraverseError> {
    visit.call(handle)?;
    job_for_collector(handle).map_or(Ok(()), |job| job.traverse(visit))
}
