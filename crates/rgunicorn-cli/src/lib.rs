//! The command `rgunicorn`, as a Python extension module: settings, logging, master and workers.
//!
//! The composition root: the one crate that knows all others, and that none of them knows.
//! Read [`command`] first. Modules are listed in reading order, and each imports only those
//! below it.

mod command;
mod master;
mod embedded;
mod worker;
mod hooks;
mod load;
mod environment;
mod logging;
mod operator;
mod config;
mod python_settings;
mod interface;
mod listing;
mod owner;
mod layers;
mod paste_file;
mod config_file;
mod data_file;
mod variables;
mod args;
mod said;
mod value;
mod objects;
mod failure;
mod settings;
mod exit;

use pyo3::prelude::*;

/// The extension module `rgunicorn._rgunicorn`.
#[pymodule(gil_used = true)]
mod _rgunicorn {
    use std::ffi::OsString;

    use pyo3::prelude::*;
    #[pymodule_export]
    use rgunicorn_asgi::error::ClientDisconnected;
    #[pymodule_export]
    use rgunicorn_eventloop::census::add_task;
    #[pymodule_export]
    use rgunicorn_eventloop::census::complete_tasks;
    #[pymodule_export]
    use rgunicorn_eventloop::census::count_tasks_by;
    #[pymodule_export]
    use rgunicorn_eventloop::datagram::DatagramTransport;
    #[pymodule_export]
    use rgunicorn_eventloop::handle::Handle;
    #[pymodule_export]
    use rgunicorn_eventloop::handle::TimerHandle;
    #[pymodule_export]
    use rgunicorn_eventloop::loop_base::LoopBase;
    #[pymodule_export]
    use rgunicorn_eventloop::loop_base::mark_scheduled;
    #[pymodule_export]
    use rgunicorn_eventloop::loop_core::LoopCore;
    #[pymodule_export]
    use rgunicorn_eventloop::transport::StreamTransport;

    #[pymodule_export]
    use crate::embedded::Embedded;
    use crate::operator::Operator;
    #[pymodule_export]
    use crate::python_settings::checked_setting;
    #[pymodule_export]
    use crate::python_settings::command_line_settings;
    #[pymodule_export]
    use crate::python_settings::known_settings;

    /// Runs a command line and returns the exit code of the process, master or worker.
    #[pyfunction]
    fn main(py: Python<'_>, argv: Vec<OsString>) -> u8 {
        crate::command::run(py, &argv)
    }

    /// Serves what a Python object says: its method `given` returns a dict of settings, and a
    /// function that loads the application or None. Returns as [`main`] does.
    #[pyfunction]
    fn serve_program(py: Python<'_>, program: Py<PyAny>) -> u8 {
        crate::command::start(py, Operator::Program(program))
    }

    /// Writes a line to the error log, at a level of Python's `logging`.
    #[pyfunction]
    fn log_line(level: i32, message: &str) {
        crate::logging::write_line(level, message);
    }

    /// Counts a line of the log for statsd, by the name of the method that logged it.
    #[pyfunction]
    fn count_line(method: &str) {
        crate::logging::count_line(method);
    }

    /// Sends a number to statsd: its name, its value, and what kind of number it is.
    #[pyfunction]
    fn send_metric(name: String, value: String, kind: String) {
        crate::logging::send_metric(name, value, kind);
    }

    /// Writes a line to the error log, at its least level.
    #[pyfunction]
    fn log_trace(message: &str) {
        tracing::trace!("{message}");
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        rgunicorn_eventloop::loop_core::add_fast_methods(module.py())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
