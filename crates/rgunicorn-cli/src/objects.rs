//! Values of settings that are no texts: functions, classes and dicts of a configuration file.
//!
//! The layers hold a text in the place of each, so that they say where it came from.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::settings::Kind;
use crate::settings::Spec;

/// Python values, by the name of their setting.
#[derive(Debug, Default)]
pub(crate) struct Objects(BTreeMap<&'static str, Py<PyAny>>);

impl Objects {
    /// What there is to keep of a value: itself if it is of a kind whose texts do not say all,
    /// and no text.
    pub(crate) fn worth_keeping(spec: &Spec, value: &Bound<'_, PyAny>) -> Option<Py<PyAny>> {
        let says_more = matches!(spec.kind, Kind::Class | Kind::Hook | Kind::Object);
        (says_more && !value.is_none() && !value.is_instance_of::<PyString>())
            .then(|| value.clone().unbind())
    }

    /// Sets the value of a setting, or forgets it where the last word on it is a text.
    pub(crate) fn set(&mut self, setting: &'static str, value: Option<Py<PyAny>>) {
        match value {
            Some(value) => self.0.insert(setting, value),
            None => self.0.remove(setting),
        };
    }

    /// The value of a setting, if it was given as more than a text.
    pub(crate) fn get<'py>(&self, py: Python<'py>, setting: &str) -> Option<Bound<'py, PyAny>> {
        Some(self.0.get(setting)?.bind(py).clone())
    }
}
