//! Who says what to serve, at the start and again on HUP: a command line or a program.

use std::env;
use std::ffi::OsString;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::config;
use crate::config::Config;
use crate::failure::Failure;
use crate::layers::Layers;
use crate::objects::APP;

/// Who says what to serve and how.
#[derive(Debug)]
pub(crate) enum Operator {
    /// A command line, whose first item is the program's name, and what it refers to.
    CommandLine(Vec<OsString>),
    /// A Python object: its method `given` returns a dict of settings, and a function that loads
    /// the application or None.
    Program(Py<PyAny>),
}

impl Operator {
    /// Reads and checks all of it, as it is now. The current directory must be the one that
    /// relative paths mean; for a command line it becomes the first place to import modules from.
    pub(crate) fn read(&self, py: Python<'_>) -> Result<Config, Failure> {
        match self {
            Self::CommandLine(argv) => {
                config::import_from(py, &env::current_dir()?)?;
                Config::of(py, Layers::read(py, argv)?)
            }
            Self::Program(program) => {
                let given = program.bind(py).call_method0("given")?;
                let (settings, load): (Bound<'_, PyDict>, Option<Py<PyAny>>) = given.extract()?;
                of_program(&settings, load)
            }
        }
    }
}

/// Checks the settings of a program. `load` loads the application, where that is more than a name.
pub(crate) fn of_program(
    given: &Bound<'_, PyDict>,
    load: Option<Py<PyAny>>,
) -> Result<Config, Failure> {
    let mut layers = Layers::of_program(given)?;
    layers.objects.set(APP, load);
    Config::of(given.py(), layers)
}
