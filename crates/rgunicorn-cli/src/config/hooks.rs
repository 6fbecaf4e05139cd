//! The server hooks, checked: functions that take what they will be given.

use std::collections::BTreeMap;
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::Checked;
use crate::failure;
use crate::failure::Failure;
use crate::settings::Compared;
use crate::settings::Kind;
use crate::settings::SPECS;
use crate::settings::Spec;

/// The functions that were set, by the names of their settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hooks(Arc<BTreeMap<&'static str, Py<PyAny>>>);

impl Hooks {
    /// Whether none was set.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The function of that setting.
    pub(crate) fn get<'py>(&self, py: Python<'py>, setting: &str) -> Option<Bound<'py, PyAny>> {
        Some(self.0.get(setting)?.bind(py).clone())
    }
}

impl Checked<'_> {
    pub(super) fn hooks(&self, py: Python<'_>) -> Result<Hooks, Failure> {
        let mut hooks = BTreeMap::new();
        let is_called = |spec: &&Spec| {
            spec.kind == Kind::Hook && !matches!(spec.compared, Compared::NoEffect(_))
        };
        for spec in SPECS.iter().filter(is_called) {
            let text = self.figment.find_value(spec.name).ok();
            let Some(text) = text.as_ref().and_then(|text| text.as_str()) else {
                continue;
            };
            let given = match self.objects.get(py, spec.name) {
                Some(function) => function,
                None => PyString::new(py, text).into_any(),
            };
            let check = py.import("rgunicorn._hooks")?.getattr("check")?;
            let hook = check
                .call1((spec.name, given))
                .map_err(|error| self.wrong(spec.name, text, &problem(py, &error)))?;
            hooks.insert(spec.name, hook.unbind());
        }
        if self.wants_debug() && !hooks.contains_key("pre_request") {
            let module = py.import("rgunicorn._request_hooks")?;
            hooks.insert("pre_request", module.getattr("log_request")?.unbind());
        }
        Ok(Hooks(Arc::new(hooks)))
    }

    fn wants_debug(&self) -> bool {
        let level = self.settings.loglevel.to_ascii_lowercase();
        ["debug", "trace"].contains(&level.as_str())
    }
}

/// What is wrong with a hook; or with the module it is imported from, which is the user's.
fn problem(py: Python<'_>, error: &PyErr) -> String {
    if error.is_instance_of::<PyTypeError>(py) {
        error.value(py).to_string()
    } else {
        format!("cannot be imported\n{}", failure::traceback_of(py, error))
    }
}
