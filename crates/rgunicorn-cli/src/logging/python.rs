//! The way of both logs through Python's logging (`logconfig`, `logger_class`), and the logger that
//! hooks and applications find.
//!
//! Handlers are code of others: they may take their time, and drop objects that end exchanges. So
//! while a worker serves, what is logged waits for a task of the worker's runtime, which holds
//! nothing. At any other time it is delivered at once. The lock is never held while the interpreter
//! is waited for, nor while Python code runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use pyo3::prelude::*;
use pyo3::types::PyList;
use rgunicorn_eventloop::ground::Ground;
use tokio::sync::Notify;

use super::exchange::Exchange;
use crate::config::Config;
use crate::config::LogLevel;
use crate::config::logging::Way;
use crate::failure::Failure;

static LOGGER: Mutex<Logger> = Mutex::new(Logger {
    object: None,
    delivery: Delivery::AtOnce,
    waiting: Vec::new(),
});

/// The logger of this process, and what it has not been told.
struct Logger {
    /// An instance of `rgunicorn.glogging.Logger`, or of the user's class.
    object: Option<Py<PyAny>>,
    delivery: Delivery,
    waiting: Vec<Entry>,
}

/// When the logger is told.
enum Delivery {
    AtOnce,
    /// By the task that waits for this.
    Later(Arc<Notify>),
}

/// Something to be logged.
enum Entry {
    Line(LogLevel, String),
    Exchange(Exchange),
}

/// Makes the logger that `config` asks for. Returns the least level that it logs.
///
/// # Errors
/// When the logging configuration cannot be used, or the class raises.
pub(super) fn make(py: Python<'_>, config: &Config) -> Result<LogLevel, Failure> {
    let module = py.import("rgunicorn._logger")?;
    let settings = config.as_python(py)?;
    let made = match &config.logging.way {
        Way::Direct => module.call_method1("direct", (settings,)),
        Way::Python { class } => {
            let object = config.objects.get(py, "logger_class");
            let class = object.or_else(|| Some(class.as_ref()?.into_pyobject(py).ok()?.into_any()));
            module.call_method1("through_python", (settings, class))
        }
    };
    let object = made.map_err(|error| explain(py, &error))?;
    let level: Option<i32> = module.call_method1("level", (&object,))?.extract()?;
    logger().object = Some(object.unbind());
    Ok(match (&config.logging.way, level) {
        (Way::Python { .. }, Some(level)) => of_python(level),
        _ => config.log_level,
    })
}

/// A configuration that cannot be used is explained in one line, by whoever read it.
fn explain(py: Python<'_>, error: &PyErr) -> Failure {
    let is_ours = || {
        let class = py.import("rgunicorn.glogging")?.getattr("SetupError")?;
        error.value(py).is_instance(&class)
    };
    if is_ours().unwrap_or(false) {
        Failure::Config(error.value(py).to_string())
    } else {
        Failure::Python(error.clone_ref(py))
    }
}

/// Logs a line.
pub(super) fn say(level: LogLevel, text: String) {
    take(Entry::Line(level, text));
}

/// Logs an exchange.
pub(super) fn note(exchange: Exchange) {
    take(Entry::Exchange(exchange));
}

fn take(entry: Entry) {
    let mut logger = logger();
    logger.waiting.push(entry);
    match &logger.delivery {
        Delivery::Later(task) => task.notify_one(),
        Delivery::AtOnce => {
            drop(logger);
            deliver();
        }
    }
}

/// From now on a task on `ground` tells the logger, until [`tell_at_once`].
pub(super) fn tell_later(ground: &Ground) {
    let task = Arc::new(Notify::new());
    logger().delivery = Delivery::Later(Arc::clone(&task));
    ground.spawn(async move {
        loop {
            task.notified().await;
            deliver();
        }
    });
}

/// Tells the logger what waits, and from now on everything at once.
pub(super) fn tell_at_once() {
    logger().delivery = Delivery::AtOnce;
    deliver();
}

/// Whether the logger wants to be told of exchanges.
pub(super) fn reads_exchanges() -> bool {
    let ask = |py: Python<'_>| -> PyResult<bool> {
        let module = py.import("rgunicorn._logger")?;
        let object = object(py);
        module.call_method1("reads_exchanges", (object,))?.extract()
    };
    Python::attach(|py| ask(py).unwrap_or(false))
}

/// Has the logger open its files anew (USR1).
pub(super) fn reopen() {
    tell("reopen_files");
}

/// The files that handlers have open.
pub(super) fn files(py: Python<'_>) -> PyResult<Vec<PathBuf>> {
    let module = py.import("rgunicorn.glogging")?;
    module.call_method0("open_files")?.extract()
}

/// Has the logger's files end with this program, if it starts another.
pub(super) fn close_on_exec() {
    tell("close_on_exec");
}

fn tell(method: &str) {
    let tell = |py: Python<'_>| match object(py) {
        Some(object) => object.call_method0(method).map(drop),
        None => Ok(()),
    };
    if let Some(Err(error)) = Python::try_attach(tell) {
        super::write(
            LogLevel::Error,
            &format!("{method} of the logger failed: {error}"),
        );
    }
}

/// Tells the logger what waits.
fn deliver() {
    let entries = std::mem::take(&mut logger().waiting);
    if entries.is_empty() {
        return;
    }
    let mut entries = Some(entries);
    let delivered =
        Python::try_attach(|py| entries.take().map_or(Ok(()), |it| deliver_with(py, it)));
    if let Some(Err(error)) = delivered {
        super::write(LogLevel::Error, &format!("Logging failed: {error}"));
    }
    // Where Python has come to its end, we have the last word.
    for entry in entries.into_iter().flatten() {
        if let Entry::Line(level, text) = entry {
            super::write(level, &text);
        }
    }
}

fn deliver_with(py: Python<'_>, entries: Vec<Entry>) -> PyResult<()> {
    let list = PyList::empty(py);
    for entry in entries {
        match entry {
            Entry::Line(level, text) => list.append((to_python(level), text))?,
            Entry::Exchange(exchange) => list.append(exchange.into_python(py)?)?,
        }
    }
    let module = py.import("rgunicorn._logger")?;
    module.call_method1("deliver", (object(py), list))?;
    Ok(())
}

fn object(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    logger()
        .object
        .as_ref()
        .map(|object| object.bind(py).clone())
}

fn logger() -> MutexGuard<'static, Logger> {
    LOGGER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A level of Python's `logging`.
pub(super) fn to_python(level: LogLevel) -> i32 {
    match level {
        LogLevel::Critical => 50,
        LogLevel::Error => 40,
        LogLevel::Warning => 30,
        LogLevel::Info => 20,
        LogLevel::Debug => 10,
        LogLevel::Trace => 5,
    }
}

/// The level for one of Python's, which may be any number.
pub(super) fn of_python(level: i32) -> LogLevel {
    match level {
        41.. => LogLevel::Critical,
        31..=40 => LogLevel::Error,
        21..=30 => LogLevel::Warning,
        11..=20 => LogLevel::Info,
        6..=10 => LogLevel::Debug,
        _ => LogLevel::Trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_the_same_there_and_back() {
        for level in [
            LogLevel::Trace,
            LogLevel::Debug,
            LogLevel::Info,
            LogLevel::Warning,
            LogLevel::Error,
            LogLevel::Critical,
        ] {
            assert_eq!(of_python(to_python(level)), level);
        }
    }
}
