//! `add_reader` and its relatives: handles that run whenever a descriptor is ready.

use std::os::fd::RawFd;

use nix::sys::epoll::EpollFlags;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::LoopCore;
use crate::call::Call;
use crate::handle::Handle;
use crate::handle::Job;
use crate::handle::Often;
use crate::handle::debug_handle;
use crate::watched::Side;
use crate::watched::Slot;

/// What a file is watched for, the handle of its reader and that of its writer.
pub(super) type Sides = (u8, Option<Py<PyAny>>, Option<Py<PyAny>>);

/// Watches one side of a file for a callback. Returns the handle.
pub(super) fn add_standing(
    slf: &Bound<'_, LoopCore>,
    side: Side,
    file: &Bound<'_, PyAny>,
    callback: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
) -> PyResult<Py<PyAny>> {
    let args: Vec<Borrowed<'_, '_, PyAny>> = args.iter_borrowed().collect();
    add(slf, side, file, Call::new(callback, &args, None)?)
}

impl LoopCore {
    /// Lets `change` change who waits for a descriptor, and tells the kernel.
    ///
    /// # Errors
    /// When the kernel cannot watch it: then nothing has changed but `change`'s own doing.
    pub(crate) fn rewatch<T>(
        &self,
        py: Python<'_>,
        descriptor: RawFd,
        change: impl FnOnce(&mut Slot) -> T,
    ) -> PyResult<T> {
        self.watched.with(py, |watched| {
            let slot = watched
                .slot(descriptor)
                .ok_or_else(|| invalid_descriptor(descriptor))?;
            let result = change(slot);
            let wanted = slot.wanted();
            let told = self.poller.with(py, |poller| match poller {
                Some(poller) => poller.watch(descriptor, slot.told, wanted),
                None => Ok(()),
            });
            told?;
            slot.told = wanted;
            Ok(result)
        })
    }

    pub(super) fn sides(&self, file: &Bound<'_, PyAny>) -> PyResult<Sides> {
        let (py, descriptor) = (file.py(), descriptor(file)?);
        let own = |handle: &Option<Py<PyAny>>| handle.as_ref().map(|it| it.clone_ref(py));
        let sides = self.watched.with(py, |watched| {
            let slot = watched.get(descriptor)?;
            let read = u8::from(slot.wanted().contains(EpollFlags::EPOLLIN));
            let write = u8::from(slot.wanted().contains(EpollFlags::EPOLLOUT));
            Some((read | (write << 1), own(&slot.reader), own(&slot.writer)))
        });
        Ok(sides.unwrap_or_default())
    }

    pub(super) fn remove(&self, py: Python<'_>, side: Side, descriptor: RawFd) -> PyResult<bool> {
        let known = self
            .watched
            .with(py, |watched| watched.get(descriptor).is_some());
        if self.mode(py).closed || !known {
            return Ok(false);
        }
        let removed = self.rewatch(py, descriptor, |slot| slot.side(side).take())?;
        match removed {
            Some(handle) => {
                handle.bind(py).call_method0(intern!(py, "cancel"))?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    pub(super) fn remove_by_file(&self, side: Side, file: &Bound<'_, PyAny>) -> PyResult<bool> {
        if self.mode(file.py()).closed {
            return Ok(false);
        }
        self.remove(file.py(), side, descriptor(file)?)
    }
}

fn add(
    slf: &Bound<'_, LoopCore>,
    side: Side,
    file: &Bound<'_, PyAny>,
    mut call: Call,
) -> PyResult<Py<PyAny>> {
    let (py, this) = (slf.py(), slf.get());
    this.check_open(py)?;
    let descriptor = descriptor(file)?;
    let handle = if this.mode(py).debug {
        debug_handle(slf.as_any(), &mut call, None)?.unbind()
    } else {
        let job = Job::new(call, Often::Again);
        Py::new(py, Handle { job })?.into_any()
    };
    let mut before = None;
    let watched = this.rewatch(py, descriptor, |slot| {
        before = slot.side(side).replace(handle.clone_ref(py));
    });
    if let Err(error) = watched {
        let failed = this.watched.with(py, |watched| {
            let slot = watched.get_mut(descriptor)?;
            std::mem::replace(slot.side(side), before)
        });
        drop(failed);
        return Err(error);
    }
    if let Some(before) = before {
        before.bind(py).call_method0(intern!(py, "cancel"))?;
    }
    Ok(handle)
}

/// The descriptor of a file-like object, or a number.
fn descriptor(file: &Bound<'_, PyAny>) -> PyResult<RawFd> {
    if let Ok(number) = file.extract::<RawFd>() {
        return match number {
            0.. => Ok(number),
            _ => Err(invalid_descriptor(number)),
        };
    }
    let number = file
        .call_method0(intern!(file.py(), "fileno"))
        .and_then(|number| number.extract::<RawFd>());
    match number {
        Ok(number @ 0..) => Ok(number),
        Ok(number) => Err(invalid_descriptor(number)),
        Err(_) => Err(PyValueError::new_err(format!(
            "Invalid file object: {}",
            file.repr()?
        ))),
    }
}

fn invalid_descriptor(number: RawFd) -> PyErr {
    PyValueError::new_err(format!("Invalid file descriptor: {number}"))
}
