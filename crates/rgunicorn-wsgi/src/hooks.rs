//! What the operator has called around each request: gunicorn's `pre_request` and `post_request`.
//!
//! What the hooks are given is made by `rgunicorn._request_hooks`. Nothing here is reached where
//! there are no hooks.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::types::PyString;
use rgunicorn_core::parser::Version;

use crate::asked::Asked;
use crate::record::Record;
use crate::reply::Reply;
use crate::settings::ForwarderHeaders;
use crate::settings::HeaderMap;
use crate::settings::Settings;
use crate::text::native;

/// The hooks that are called around each request.
pub(crate) struct Hooks {
    hooks: Arc<Py<PyAny>>,
    class: Py<PyAny>,
    header_map: HeaderMap,
    forwarders: ForwarderHeaders,
}

impl Hooks {
    /// # Errors
    /// When the Python side cannot be imported.
    pub(crate) fn new(
        py: Python<'_>,
        hooks: &Arc<Py<PyAny>>,
        settings: &Settings,
    ) -> PyResult<Self> {
        let module = py.import("rgunicorn._request_hooks")?;
        Ok(Self {
            hooks: Arc::clone(hooks),
            class: module.getattr("Request")?.unbind(),
            header_map: settings.header_map,
            forwarders: settings.forwarder_headers.clone(),
        })
    }

    /// Before the application is called.
    ///
    /// # Errors
    /// What the hook raises: then the application is not called.
    pub(crate) fn before(
        &self,
        asked: &Asked<'_>,
        environ: &Bound<'_, PyDict>,
        record: &Record,
    ) -> PyResult<()> {
        let py = environ.py();
        let request = self.request(py, asked)?;
        record.ask(&request, environ);
        let before = intern!(py, "before_wsgi");
        self.hooks
            .bind(py)
            .call_method1(before, (request, environ))?;
        Ok(())
    }

    fn request<'py>(&self, py: Python<'py>, asked: &Asked<'_>) -> PyResult<Bound<'py, PyAny>> {
        let head = asked.head;
        // As in environ: a name with an underscore may be a client's disguise.
        let is_kept = |name: &[u8]| {
            self.header_map != HeaderMap::Drop
                || !name.contains(&b'_')
                || self.forwarders.vouch_for(name, asked.is_trusted)
        };
        let headers: Vec<(Bound<'py, PyString>, Bound<'py, PyString>)> = head
            .fields()
            .filter(|(name, _)| is_kept(name))
            .map(|(name, value)| (native(py, &name.to_ascii_uppercase()), native(py, value)))
            .collect();
        let version = match head.version() {
            Version::Http10 => (1, 0),
            Version::Http11 => (1, 1),
            Version::Http2 => (2, 0),
        };
        let said = asked.forwarded.and_then(|forwarded| forwarded.scheme);
        let scheme = said.unwrap_or(asked.scheme).as_str();
        let client = match asked.client {
            Some(client) => (asked.client_text, client.port())
                .into_pyobject(py)?
                .into_any(),
            None => PyString::new(py, "").into_any(),
        };
        let (method, uri, path) = (head.method(), head.target(), head.path());
        self.class.bind(py).call1((
            method,
            uri,
            path,
            head.query(),
            version,
            headers,
            scheme,
            client,
        ))
    }

    /// Once the call is over, the answer given and the iterable closed.
    ///
    /// # Errors
    /// `SystemExit` and `KeyboardInterrupt`; other errors of the hook are logged by the Python side.
    pub(crate) fn after(&self, py: Python<'_>, reply: &Reply) -> PyResult<()> {
        let Some(record) = &reply.record else {
            return Ok(());
        };
        let Some((request, environ)) = record.asked() else {
            return Ok(()); // refused before there was anything to tell
        };
        let after = if reply.was_taken_over() {
            intern!(py, "after_taken_over")
        } else {
            reply.port().write_through();
            intern!(py, "after_wsgi")
        };
        // Where the head never left, the client gets another answer than the application began.
        let answer = record.answered().filter(|_| reply.is_sending());
        let (status, headers) = answer.unwrap_or_else(|| (py.None(), py.None()));
        let arguments = (request, environ, status, headers, record.sent());
        self.hooks.bind(py).call_method1(after, arguments)?;
        Ok(())
    }
}
