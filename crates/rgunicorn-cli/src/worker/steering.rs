//! What the master tells a worker: signals.

use std::io;
use std::path::Path;
use std::rc::Rc;

use nix::sys::signal::Signal;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use super::course::Course;
use super::reloading;

/// Listens for signals from now on, and looks for changed code if that is wanted.
pub(super) fn listen(course: &Rc<Course>) -> io::Result<()> {
    let _context = course.ground.enter();
    on_signal(course, SignalKind::terminate(), Course::drain)?;
    on_signal(course, SignalKind::interrupt(), Course::stop)?;
    on_signal(course, SignalKind::quit(), Course::stop)?;
    on_signal(course, SignalKind::user_defined1(), reopen_logs)?;
    // Meant for the master; by default they would stop the process.
    on_signal(course, SignalKind::from_raw(Signal::SIGTTIN as i32), |_| {})?;
    on_signal(course, SignalKind::from_raw(Signal::SIGTTOU as i32), |_| {})?;
    reloading::watch(course);
    Ok(())
}

fn on_signal(course: &Rc<Course>, kind: SignalKind, act: fn(&Rc<Course>)) -> io::Result<()> {
    let mut signals = signal(kind)?;
    let owner = Rc::clone(course);
    course.ground.spawn(async move {
        while signals.recv().await.is_some() {
            act(&owner);
        }
    });
    Ok(())
}

fn reopen_logs(course: &Rc<Course>) {
    course.reopen_logs();
    let dumped = Python::attach(|py| dump_stacks_when_aborted(py, &course.config.error_log));
    if let Err(error) = dumped {
        tracing::error!("A hung worker's stacks will not be logged: {error}");
    }
}

/// A worker that hangs is sent SIGABRT: its stacks go to the error log first.
pub(super) fn dump_stacks_when_aborted(py: Python<'_>, error_log: &Path) -> PyResult<()> {
    let arguments = PyDict::new(py);
    if error_log != Path::new("-") {
        let file = py
            .import("builtins")?
            .call_method1("open", (error_log.as_os_str(), "ab"))?;
        arguments.set_item("file", file)?;
    } else {
        arguments.set_item("file", STANDARD_ERROR)?;
    }
    py.import("faulthandler")?
        .call_method("enable", (), Some(&arguments))?;
    Ok(())
}

const STANDARD_ERROR: i32 = 2;
