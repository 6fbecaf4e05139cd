//! What the operator has called around each request: gunicorn's `pre_request` and `post_request`.
//!
//! What the hooks are given is made by `rgunicorn._request_hooks`. Nothing here is reached where
//! there are no hooks.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use rgunicorn_core::parser::Version;
use rgunicorn_core::request::Request;
use rgunicorn_core::responder::Responder;

/// The hooks that are called around each request.
pub(crate) struct Hooks {
    hooks: Arc<Py<PyAny>>,
    class: Py<PyAny>,
}

/// The hooks of one request.
pub(crate) struct Record {
    hooks: Arc<Py<PyAny>>,
    /// `rgunicorn._request_hooks.Request`
    request: Py<PyAny>,
}

impl Hooks {
    /// # Errors
    /// When the Python side cannot be imported.
    pub(crate) fn new(py: Python<'_>, hooks: &Arc<Py<PyAny>>) -> PyResult<Self> {
        let module = py.import("rgunicorn._request_hooks")?;
        Ok(Self {
            hooks: Arc::clone(hooks),
            class: module.getattr("Request")?.unbind(),
        })
    }

    /// The request as hooks see it.
    ///
    /// # Errors
    /// `MemoryError`.
    pub(crate) fn record(&self, py: Python<'_>, request: &Request<'_>) -> PyResult<Record> {
        let head = request.head;
        let headers: Vec<_> = head
            .fields()
            .map(|(name, value)| (text(py, &name.to_ascii_uppercase()), text(py, value)))
            .collect();
        let version = match head.version() {
            Version::Http10 => (1, 0),
            Version::Http11 => (1, 1),
            Version::Http2 => (2, 0),
        };
        let said = request.forwarded.and_then(|forwarded| forwarded.scheme);
        let scheme = said.unwrap_or(request.peer.scheme).as_str();
        let peer = request.peer;
        let client = match peer.client() {
            Some(client) => (peer.client_text(), client.port())
                .into_pyobject(py)?
                .into_any(),
            None => PyString::new(py, "").into_any(),
        };
        let (method, uri, path) = (head.method(), head.target(), head.path());
        let request = self.class.bind(py).call1((
            method,
            uri,
            path,
            head.query(),
            version,
            headers,
            scheme,
            client,
        ))?;
        Ok(Record {
            hooks: Arc::clone(&self.hooks),
            request: request.unbind(),
        })
    }
}

impl Record {
    /// Before the application is called.
    ///
    /// # Errors
    /// What the hook raises: then the application is not called.
    pub(crate) fn before(&self, py: Python<'_>) -> PyResult<()> {
        let before = intern!(py, "before_asgi");
        self.hooks.bind(py).call_method1(before, (&self.request,))?;
        Ok(())
    }

    /// Once the call's task is done.
    ///
    /// # Errors
    /// `SystemExit` and `KeyboardInterrupt`; other errors of the hook are logged by the Python side.
    pub(crate) fn after(&self, py: Python<'_>, responder: &Responder) -> PyResult<()> {
        let (status, headers, sent) = responder.account(|head, sent| {
            let headers: Vec<_> = head
                .into_iter()
                .flat_map(|head| head.pairs())
                .map(|(name, value)| (text(py, name), text(py, value)))
                .collect();
            (head.map(|head| head.status()), headers, sent)
        });
        let after = intern!(py, "after_asgi");
        let arguments = (&self.request, status, headers, sent);
        self.hooks.bind(py).call_method1(after, arguments)?;
        Ok(())
    }
}

/// Bytes of a field, each as one character.
fn text<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    let text: String = bytes.iter().copied().map(char::from).collect();
    PyString::new(py, &text)
}
