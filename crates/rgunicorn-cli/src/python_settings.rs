//! The settings as Python programs see them: what there is, and what a value becomes.

use std::ffi::OsString;

use figment::value::Value;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyAttributeError;
use pyo3::exceptions::PySystemExit;
use pyo3::exceptions::PyTypeError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::types::PyInt;
use pyo3::types::PyString;

use crate::layers;
use crate::layers::Layers;
use crate::objects::Objects;
use crate::settings;
use crate::settings::Kind;
use crate::settings::SPECS;
use crate::settings::Spec;
use crate::value;

/// Every setting with its default.
#[pyfunction]
pub(crate) fn known_settings(py: Python<'_>) -> PyResult<Vec<(&'static str, Py<PyAny>)>> {
    let default = |spec: &'static Spec| {
        let value = spec
            .default
            .and_then(|text| value::from_text(spec.kind, text));
        let value = value.map(|value| to_python(py, spec.kind, &value));
        Ok((spec.name, value.transpose()?.unwrap_or_else(|| py.None())))
    };
    SPECS.iter().map(default).collect()
}

/// What `value` becomes as the value of a setting.
///
/// Raises `AttributeError` if there is no such setting, `ValueError` or `TypeError` if it cannot
/// have that value.
#[pyfunction]
pub(crate) fn checked_setting(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = value.py();
    let Some(spec) = Spec::named(name) else {
        return Err(PyAttributeError::new_err(no_such_setting(name)));
    };
    let Some(taken) = value::from_python(spec, value) else {
        let problem = format!("{name} = {}: {}", value.repr()?, spec.kind.must_be());
        let right_type = value.is_instance_of::<PyString>() || value.is_instance_of::<PyInt>();
        return Err(if right_type {
            PyValueError::new_err(problem)
        } else {
            PyTypeError::new_err(problem)
        });
    };
    if Objects::worth_keeping(spec, value).is_some() {
        return Ok(value.clone().unbind());
    }
    to_python(py, spec.kind, &taken)
}

/// What a command line says, and the files and variables it stands for: only what was said.
///
/// Raises `SystemExit`, after it said why, where a command would end.
#[pyfunction]
pub(crate) fn command_line_settings(
    py: Python<'_>,
    argv: Vec<OsString>,
) -> PyResult<Bound<'_, PyDict>> {
    let layers =
        Layers::read(py, &argv).map_err(|failure| PySystemExit::new_err(failure.report(py)))?;
    let said = PyDict::new(py);
    for spec in SPECS {
        let source = layers.figment.find_metadata(spec.name);
        if source.is_none_or(|source| source.name == layers::DEFAULTS) {
            continue;
        }
        if let Some(object) = layers.objects.get(py, spec.name) {
            said.set_item(spec.name, object)?;
        } else if let Ok(value) = layers.figment.find_value(spec.name) {
            said.set_item(spec.name, to_python(py, spec.kind, &value)?)?;
        }
    }
    Ok(said)
}

/// gunicorn's words, and what may have been meant.
fn no_such_setting(name: &str) -> String {
    let meant = settings::meant_by(name).map(|meant| format!(" (did you mean {meant}?)"));
    format!(
        "No configuration setting for: {name}{}",
        meant.unwrap_or_default()
    )
}

/// A value in the form in which gunicorn has it.
fn to_python(py: Python<'_>, kind: Kind, value: &Value) -> PyResult<Py<PyAny>> {
    let texts = || -> Vec<String> {
        let entries = value.as_array().unwrap_or_default().iter();
        let texts = entries.filter_map(|entry| entry.as_str().map(str::to_owned));
        texts.filter(|text| !text.is_empty()).collect()
    };
    match (kind, value) {
        (Kind::Pairs, _) => pairs(py, value)?.into_py_any(py),
        (Kind::Words, _) => texts().join(",").into_py_any(py),
        (_, Value::Array(..)) => texts().into_py_any(py),
        (_, Value::String(_, text)) => text.into_py_any(py),
        (_, Value::Bool(_, on)) => on.into_py_any(py),
        (_, Value::Num(_, number)) => number.to_u128().into_py_any(py),
        (_, Value::Char(..) | Value::Dict(..) | Value::Empty(..)) => Ok(py.None()),
    }
}

fn pairs<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyDict>> {
    let pairs = PyDict::new(py);
    for pair in value.as_array().unwrap_or_default() {
        if let Some([Value::String(_, name), Value::String(_, text)]) = pair.as_array() {
            pairs.set_item(name, text)?;
        }
    }
    Ok(pairs)
}
