//! A configuration file: take the names that are settings.
//!
//! In Python it is run, and other names are mentioned only if they were probably meant to be
//! settings. In TOML, YAML and JSON ([`data_file`]) they are errors.

use std::path::Path;

use pyo3::exceptions::PyModuleNotFoundError;
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::data_file;
use crate::data_file::Entry;
use crate::data_file::Format;
use crate::failure;
use crate::failure::Failure;
use crate::said::Said;
use crate::settings;
use crate::settings::SPECS;
use crate::settings::Spec;

/// What a configuration file said.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    pub(crate) said: Vec<Said>,
    pub(crate) warnings: Vec<String>,
}

impl ConfigFile {
    /// Takes what a program says.
    pub(crate) fn of_program(given: &Bound<'_, PyDict>) -> Result<Self, Failure> {
        let mut file = Self::default();
        for spec in SPECS.iter().filter(|spec| spec.name != "config") {
            if let Some(value) = given.get_item(spec.name)? {
                let said = Said::from_python(spec, &value, PROGRAM.to_owned())?;
                file.said.push(said);
            }
        }
        file.warnings = warnings(given, PROGRAM)?;
        Ok(file)
    }

    /// Reads the file that `-c` names: a path, `file:PATH` or `python:MODULE`.
    pub(crate) fn read(py: Python<'_>, named: &str) -> Result<Self, Failure> {
        if let Some(module) = named.strip_prefix("python:") {
            return Self::run(py, named, "run_module", module);
        }
        let path = named.strip_prefix("file:").unwrap_or(named);
        let problem = match Path::new(path) {
            missing if !missing.exists() => Some("does not exist"),
            directory if directory.is_dir() => Some("is a directory"),
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(Failure::Config(format!(
                "the configuration file '{path}' {problem}"
            )));
        }
        match Format::of(Path::new(path)) {
            Some(format) => Self::take(named, data_file::read(py, Path::new(path), format)?),
            None => Self::run(py, named, "run_file", path),
        }
    }

    /// Takes what a file in Python sets.
    fn run(py: Python<'_>, named: &str, runner: &str, argument: &str) -> Result<Self, Failure> {
        let module = py.import("rgunicorn._config")?;
        let ran = module.call_method1(runner, (argument,));
        let (variables, lines) = ran
            .map_err(|error| explain(py, &error, named))?
            .extract::<(Bound<'_, PyDict>, Bound<'_, PyDict>)>()?;
        let mut file = Self::default();
        for spec in SPECS.iter().filter(|spec| spec.name != "config") {
            if let Some(value) = variables.get_item(spec.name)? {
                let line = lines.get_item(spec.name)?.map(|line| line.to_string());
                let origin = origin(named, line.as_deref());
                file.said.push(Said::from_python(spec, &value, origin)?);
            }
        }
        file.warnings = warnings(&variables, named)?;
        Ok(file)
    }

    /// Takes what a file sets that can hold nothing but settings.
    fn take(named: &str, entries: Vec<Entry<'_>>) -> Result<Self, Failure> {
        let mut file = Self::default();
        for entry in entries {
            let origin = origin(named, Some(&entry.line.to_string()));
            match Spec::named(&entry.name) {
                Some(spec) if spec.name != "config" => {
                    file.said
                        .push(Said::from_python(spec, &entry.value, origin)?);
                }
                _ => {
                    let problem = settings::unknown(&entry.name);
                    return Err(Failure::Config(format!("{origin}: {problem}")));
                }
            }
        }
        Ok(file)
    }
}

/// What a program's own settings are called as a source.
const PROGRAM: &str = "the program";

fn origin(named: &str, line: Option<&str>) -> String {
    match line {
        Some(line) => format!("{named}, line {line}"),
        None => named.to_owned(),
    }
}

fn explain(py: Python<'_>, error: &PyErr, named: &str) -> Failure {
    if let (Some(module), true) = (
        named.strip_prefix("python:"),
        error.is_instance_of::<PyModuleNotFoundError>(py),
    ) {
        let missing = error
            .value(py)
            .getattr("name")
            .and_then(|name| name.extract::<String>());
        if missing.is_ok_and(|missing| format!("{module}.").starts_with(&format!("{missing}."))) {
            return Failure::Config(format!(
                "the configuration module '{module}' does not exist"
            ));
        }
    }
    if error.is_instance_of::<PySystemExit>(py) {
        return Failure::Config(format!(
            "the configuration file {named} ended the program: {error}"
        ));
    }
    Failure::UserCode {
        file: named.to_owned(),
        traceback: failure::traceback_of(py, error),
    }
}

fn warnings(variables: &Bound<'_, PyDict>, named: &str) -> PyResult<Vec<String>> {
    let mut warnings = Vec::new();
    for name in variables.keys() {
        let Ok(name) = name.extract::<String>() else {
            continue;
        };
        if let Some(meant) = settings::meant_by(&name) {
            warnings.push(format!(
                "{named}: {name} is no setting; did you mean {meant}?"
            ));
        }
    }
    Ok(warnings)
}
