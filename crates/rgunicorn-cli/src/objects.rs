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
    /// Keeps a value if it is of a kind whose texts do not say all, and no text itself.
    pub(crate) fn keep(&mut self, spec: &'static Spec, value: &Bound<'_, PyAny>) {
        let says_more = matches!(spec.kind, Kind::Class | Kind::Hook | Kind::Object);
        if says_more && !value.is_none() && !value.is_instance_of::<PyString>() {
            self.0.insert(spec.name, value.clone().unbind());
        }
    }

    /// Forgets the values of settings that somebody else has the last word on.
    pub(crate) fn retain(&mut self, counts: impl Fn(&str) -> bool) {
        self.0.retain(|setting, _| counts(setting));
    }

    /// The value of a setting, if it was given as more than a text.
    #[expect(dead_code, reason = "for hooks and logger classes")]
    pub(crate) fn get<'py>(&self, py: Python<'py>, setting: &str) -> Option<Bound<'py, PyAny>> {
        Some(self.0.get(setting)?.bind(py).clone())
    }
}
