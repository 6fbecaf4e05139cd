//! What an operator may change about ASGI.

use std::sync::Arc;

use pyo3::prelude::*;

/// Settings of the ASGI bridge.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where the application is mounted; the scope's `root_path`.
    pub root_path: String,
    /// Whether `http.response.debug` is announced. Applications then tell what
    /// their answers were made from, which is work, and nobody else's business.
    pub debug: bool,
    /// What is called around each request: `rgunicorn._request_hooks.RequestHooks`.
    pub hooks: Option<Arc<Py<PyAny>>>,
}
