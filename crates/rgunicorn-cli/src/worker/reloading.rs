//! `--reload`: a worker whose code changed asks for another in its place.
//!
//! What changed is found by comparing files with what was loaded, in
//! `rgunicorn._reloading`. Here is only when to look: after the kernel said
//! that something happened in one of the directories, or every now and then.
//! The looking is a task on the worker's own thread; `notify` has a thread
//! that rings a bell and knows nothing of Python.

mod alarm;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use pyo3::prelude::*;

use super::course::Course;
use crate::config::Config;
use crate::interface::Interface;
use crate::load::LoadError;
use alarm::Alarm;

/// Begins to note which files are loaded. To be called before the application is.
pub(super) fn begin(py: Python<'_>, config: &Config) -> PyResult<()> {
    let Some(reload) = &config.reload else {
        return Ok(());
    };
    let watched = (
        &reload.trees,
        &reload.includes,
        &reload.excludes,
        &reload.extra,
    );
    py.import("rgunicorn._reloading")?
        .call_method1("begin", watched)?;
    Ok(())
}

/// The application to serve while the real one cannot be loaded: it shows why.
pub(super) fn show_failure<'py>(
    py: Python<'py>,
    interface: Interface,
    text: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let make = match interface {
        Interface::Asgi => "failed_asgi",
        Interface::Wsgi | Interface::PooledWsgi => "failed_wsgi",
    };
    py.import("rgunicorn._reloading")?
        .call_method1(make, (text,))
}

/// The same for an application that could not be loaded. The files in which
/// that failed are watched too.
pub(super) fn show_load_error(
    py: Python<'_>,
    interface: Interface,
    error: &LoadError,
) -> PyResult<Py<PyAny>> {
    if let Some(raised) = error.raised() {
        sources(py)?.call_method1("failed", (raised.value(py),))?;
    }
    show_failure(py, interface, &error.to_string()).map(Bound::unbind)
}

/// Watches from now on, if the configuration says so.
pub(super) fn watch(course: &Rc<Course>) {
    let Some(reload) = &course.config.reload else {
        return;
    };
    let (engine, this) = (reload.engine, Rc::clone(course));
    course.ground.spawn(async move {
        let watched = match Alarm::new(engine) {
            Ok(alarm) => keep_looking(&this, alarm).await,
            Err(error) => Err(error),
        };
        if let Err(error) = watched {
            tracing::error!("Changed code will not be noticed: {error}");
        }
    });
}

/// Looks whenever the alarm says so.
async fn keep_looking(course: &Course, mut alarm: Alarm) -> Result<(), alarm::AlarmError> {
    loop {
        match Python::attach(changed) {
            Ok(Some(file)) => {
                tracing::info!("Worker reloading: {file} modified");
                if Python::attach(|py| is_inherited(py, &file)).unwrap_or(false) {
                    tracing::warn!("{file} was loaded by the master: {UNTIL_RESTART}");
                }
                course.hooks.tell("worker_int", ());
                course.seat.wants_replacement();
            }
            Ok(None) => {}
            Err(error) => tracing::error!("Cannot look for changed code: {error}"),
        }
        // What happened in a directory before it was watched shows only to another look.
        if !alarm.watch(Python::attach(directories).unwrap_or_default())? {
            wait(&mut alarm).await;
        }
    }
}

/// Waits until there may be something to see.
async fn wait(alarm: &mut Alarm) {
    while !alarm.rings_within(LATEST).await {
        let grew = Python::attach(|py| sources(py)?.call_method0("grew")?.is_truthy());
        if grew.unwrap_or(true) {
            return;
        }
    }
}

fn sources(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("rgunicorn._reloading")?.call_method0("sources")
}

fn changed(py: Python<'_>) -> PyResult<Option<String>> {
    sources(py)?.call_method0("changed")?.extract()
}

fn is_inherited(py: Python<'_>, file: &str) -> PyResult<bool> {
    sources(py)?
        .call_method1("is_inherited", (file,))?
        .is_truthy()
}

fn directories(py: Python<'_>) -> PyResult<BTreeMap<PathBuf, u64>> {
    sources(py)?.call_method0("directories")?.extract()
}

const UNTIL_RESTART: &str =
    "restart to use the change, or send HUP if it is the configuration file";
/// How soon a module that was imported late is watched.
const LATEST: Duration = Duration::from_secs(1);
