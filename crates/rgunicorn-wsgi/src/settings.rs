//! What an operator may change about WSGI.

use std::sync::Arc;

use pyo3::prelude::*;
use rgunicorn_core::proxy::Trusted;

/// Settings of the WSGI bridge.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the application is mounted; `SCRIPT_NAME`.
    pub script_name: String,
    /// Whether other processes serve the same application.
    pub multiprocess: bool,
    /// Whether other threads of this process do.
    pub multithread: bool,
    /// Whether `wsgi.file_wrapper` may hand a file to the kernel.
    pub sendfile: bool,
    /// What becomes of fields whose names have an underscore.
    pub header_map: HeaderMap,
    /// Such fields that a trusted proxy may send all the same.
    pub forwarder_headers: ForwarderHeaders,
    /// The peers that are such proxies (`forwarded_allow_ips`).
    pub trusted: Trusted,
    /// Writes what the application prints to `wsgi.errors`.
    pub errors: fn(&str),
    /// What is called around each request: `rgunicorn._request_hooks.RequestHooks`.
    pub hooks: Option<Arc<Py<PyAny>>>,
}

/// What becomes of a request's field whose name has an underscore: in environ
/// it is not to be told from one with a hyphen. gunicorn's `header_map`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum HeaderMap {
    /// The application does not see it.
    #[default]
    Drop,
    /// The request is answered with 400.
    Refuse,
    /// The application sees it, and cannot trust either.
    Dangerous,
}

/// Names with underscores that trusted proxies vouch for. gunicorn's
/// `forwarder_headers`.
#[derive(Clone, Debug, Default)]
pub struct ForwarderHeaders {
    names: Vec<String>,
}

impl ForwarderHeaders {
    /// `*` is every name; the case of letters makes no difference.
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        Self { names }
    }

    /// Whether a field of that name may pass if its sender is trusted or not.
    pub(crate) fn vouch_for(&self, name: &[u8], sender_is_trusted: bool) -> bool {
        let is = |known: &String| known == "*" || known.as_bytes().eq_ignore_ascii_case(name);
        sender_is_trusted && self.names.iter().any(is)
    }
}
