//! The command: read the configuration, become the master, say what went wrong.

use std::ffi::OsString;

use pyo3::prelude::*;

use crate::config::Config;
use crate::master;

/// Runs a command line, whose first item is the program's name, and returns the exit code.
///
/// Returns in the master, when the server has stopped, and in every worker, when that has.
pub(crate) fn run(py: Python<'_>, argv: &[OsString]) -> u8 {
    let served = Config::read(py, argv).and_then(|config| master::serve(py, argv, config));
    served.unwrap_or_else(|failure| failure.report(py))
}
