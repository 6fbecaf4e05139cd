//! A configuration file in Python: run it, take the names that are settings, mention the others
//! that were probably meant to be.

use figment::value::Dict;
use pyo3::exceptions::PyModuleNotFoundError;
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::failure;
use crate::failure::Failure;
use crate::failure::WrongValue;
use crate::objects::Objects;
use crate::settings;
use crate::settings::NOT_YET;
use crate::settings::SPECS;
use crate::value;

/// What a configuration file said.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    /// The file or module, as the user named it.
    pub(crate) source: String,
    pub(crate) values: Dict,
    /// What is no text, as Python has it.
    pub(crate) objects: Objects,
    pub(crate) warnings: Vec<String>,
}

impl ConfigFile {
    /// Runs the file that `-c` names: a path, `file:PATH` or `python:MODULE`.
    pub(crate) fn run(py: Python<'_>, named: &str) -> Result<Self, Failure> {
        let variables = variables(py, named)?;
        let mut file = Self {
            source: named.to_owned(),
            ..Self::default()
        };
        for spec in SPECS.iter().filter(|spec| spec.name != "config") {
            if let Some(value) = variables.get_item(spec.name)? {
                let taken = value::from_python(spec, &value).ok_or_else(|| WrongValue {
                    setting: spec.name,
                    value: value
                        .repr()
                        .map_or_else(|_| "?".to_owned(), |text| text.to_string()),
                    origin: named.to_owned(),
                    problem: spec.kind.must_be(),
                })?;
                file.values.insert(spec.name.to_owned(), taken);
                file.objects.keep(spec, &value);
            }
        }
        file.warnings = warnings(&variables, named)?;
        Ok(file)
    }
}

fn variables<'py>(py: Python<'py>, named: &str) -> Result<Bound<'py, PyDict>, Failure> {
    let runner = py.import("rgunicorn._config")?;
    let ran = match named.strip_prefix("python:") {
        Some(module) => runner.call_method1("run_module", (module,)),
        None => {
            let path = named.strip_prefix("file:").unwrap_or(named);
            if !std::path::Path::new(path).exists() {
                return Err(Failure::Config(format!(
                    "the configuration file '{path}' does not exist"
                )));
            }
            runner.call_method1("run_file", (path,))
        }
    };
    let variables = ran.map_err(|error| explain(py, &error, named))?;
    variables
        .cast_into::<PyDict>()
        .map_err(|error| Failure::Python(error.into()))
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
        if NOT_YET.contains(&name.as_str()) {
            warnings.push(format!(
                "{named}: {name} is not supported yet and has no effect"
            ));
        } else if let Some(meant) = settings::meant_by(&name) {
            warnings.push(format!(
                "{named}: {name} is no setting; did you mean {meant}?"
            ));
        }
    }
    Ok(warnings)
}
