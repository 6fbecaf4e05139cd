//! The environment of the application: variables are set in it, and put back before the
//! configuration is read again.

use pyo3::prelude::*;

/// What the environment was before it was changed.
#[derive(Debug, Default)]
pub(crate) struct Environment(Vec<(String, Option<String>)>);

impl Environment {
    /// Sets variables, by way of Python, which has a copy of its own of the environment.
    pub(crate) fn set(py: Python<'_>, variables: &[(String, String)]) -> PyResult<Self> {
        let environ = py.import("os")?.getattr("environ")?;
        let mut before = Vec::new();
        for (name, value) in variables {
            let old = environ.call_method1("get", (name,))?.extract()?;
            before.push((name.clone(), old));
            environ.set_item(name, value)?;
        }
        Ok(Self(before))
    }

    /// Puts back what was there.
    pub(crate) fn put_back(&mut self, py: Python<'_>) -> PyResult<()> {
        let environ = py.import("os")?.getattr("environ")?;
        // The last change first: a variable may have been set twice.
        for (name, value) in self.0.drain(..).rev() {
            match value {
                Some(value) => environ.set_item(name, value)?,
                None => {
                    environ.call_method1("pop", (name, py.None()))?;
                }
            }
        }
        Ok(())
    }
}
