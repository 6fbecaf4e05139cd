//! The command: read the configuration, become the master, say what went wrong.

use std::ffi::OsString;
use std::io;
use std::io::Write;

use pyo3::prelude::*;

use crate::config::AskedFor;
use crate::config::Config;
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::failure::InLog;
use crate::load;
use crate::logging;
use crate::master;
use crate::master::Launch;
use crate::master::Origin;
use crate::operator::Operator;

/// Runs a command line, whose first item is the program's name, and returns the exit code.
///
/// Returns in the master, when the server has stopped, and in every worker, when that has.
pub(crate) fn run(py: Python<'_>, argv: &[OsString]) -> u8 {
    start(py, Operator::CommandLine(argv.to_vec()))
}

/// The same for any operator.
pub(crate) fn start(py: Python<'_>, operator: Operator) -> u8 {
    let launch = Launch::default();
    let code = serve(py, operator, &launch).unwrap_or_else(|failure| {
        launch.speak_up();
        report(py, &failure)
    });
    launch.end(code);
    code
}

/// Says why the server ends, on standard error and in the log, and only once where they are the same.
fn report(py: Python<'_>, failure: &Failure) -> u8 {
    match failure.in_log(py) {
        InLog::Already if logging::is_standard_error() => return failure.exit_code(py),
        InLog::Yet(text) => logging::write_beside_standard_error(&text),
        InLog::Already | InLog::Never => {}
    }
    failure.report(py)
}

fn serve(py: Python<'_>, operator: Operator, launch: &Launch) -> Result<u8, Failure> {
    let origin = Origin::of_this_process()
        .map_err(|error| Failure::Config(format!("no current directory: {error}")))?;
    let config = operator.read(py)?;
    match &config.asked_for {
        AskedFor::Service => master::serve(py, operator, origin, config, launch),
        AskedFor::Check => check(py, &config),
        AskedFor::Listing(listing) => {
            // Before the check, which may fail.
            io::stdout().write_all(listing.as_bytes())?;
            check(py, &config)
        }
    }
}

/// Says whether the configuration could be served, without serving it.
#[expect(clippy::print_stderr, reason = "the log's file is the server's")]
fn check(py: Python<'_>, config: &Config) -> Result<u8, Failure> {
    for warning in &config.warnings {
        eprintln!("Warning: {warning}");
    }
    config.enter_directory(py)?;
    Environment::set(py, &config.app.environment)?;
    match load::load_app(py, config) {
        Ok(_) => Ok(exit::OK),
        Err(error) => {
            eprintln!("\nError: cannot load the application: {error}");
            Ok(exit::CONFIG)
        }
    }
}
