//! The configuration as Python code sees it: `rgunicorn._configuration.Configuration`.

use figment::value::Value;
use pyo3::prelude::*;
use pyo3::types::PyBool;
use pyo3::types::PyDict;
use pyo3::types::PyList;

use super::Config;
use crate::settings::Kind;
use crate::settings::SPECS;
use crate::settings::Spec;

impl Config {
    /// Every setting with its value, as an object of Python's.
    ///
    /// # Errors
    /// `MemoryError`.
    pub(crate) fn as_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let values = PyDict::new(py);
        for spec in SPECS {
            values.set_item(spec.name, self.value_of(py, spec)?)?;
        }
        values.set_item("chdir", self.directory.as_os_str())?;
        // As in gunicorn, where this is the application unless somebody says something else.
        values.set_item("default_proc_name", &self.process.name)?;
        py.import("rgunicorn._configuration")?
            .call_method1("Configuration", (values,))
    }

    /// The value of a setting that is a text.
    pub(super) fn text_of(&self, setting: &str) -> Option<&str> {
        self.values.get(setting)?.as_str()
    }

    fn value_of<'py>(&self, py: Python<'py>, spec: &Spec) -> PyResult<Bound<'py, PyAny>> {
        let object = self.hooks.get(py, spec.name);
        if let Some(object) = object.or_else(|| self.objects.get(py, spec.name)) {
            return Ok(object);
        }
        let value = self.values.get(spec.name);
        let value = value.map_or_else(|| Ok(py.None().into_bound(py)), |it| plain(py, it))?;
        if spec.kind == Kind::Pairs {
            let pairs = PyDict::new(py);
            for pair in value.try_iter()? {
                let pair = pair?;
                pairs.set_item(pair.get_item(0)?, pair.get_item(1)?)?;
            }
            return Ok(pairs.into_any());
        }
        Ok(value)
    }
}

fn plain<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::String(_, text) => text.into_pyobject(py)?.into_any(),
        Value::Bool(_, on) => PyBool::new(py, *on).to_owned().into_any(),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128()) {
            (Some(number), _) => number.into_pyobject(py)?.into_any(),
            (None, Some(number)) => number.into_pyobject(py)?.into_any(),
            (None, None) => number.to_f64().into_pyobject(py)?.into_any(),
        },
        Value::Array(_, items) => {
            let items: PyResult<Vec<_>> = items.iter().map(|item| plain(py, item)).collect();
            PyList::new(py, items?)?.into_any()
        }
        _ => py.None().into_bound(py),
    })
}
