//! An exchange as Python's loggers are told of it: an environ and a response.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::types::PyString;
use pyo3::types::PyTuple;
use rgunicorn_core::access_log::AccessFormat;
use rgunicorn_core::access_log::AccessFormatError;
use rgunicorn_core::access_log::AccessRecord;
use rgunicorn_core::access_log::Observer;
use rgunicorn_core::parser::percent_decode;
use rgunicorn_core::proxy::mount;

use super::python;

/// What a WSGI environ would hold, in the order of [`NAMES`].
const ENVIRON: &str = "%({SERVER_NAME}e)s\n%({SERVER_PORT}e)s\n%({REMOTE_PORT}e)s\n\
    %({wsgi.url_scheme}e)s\n%({SERVER_SOFTWARE}e)s";

/// The keys of what [`ENVIRON`] makes.
const NAMES: [&str; 5] = [
    "SERVER_NAME",
    "SERVER_PORT",
    "REMOTE_PORT",
    "wsgi.url_scheme",
    "SERVER_SOFTWARE",
];

/// One exchange, on its way to Python. Owned, because it is told of after the turn.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Names and values of the environ; the values as bytes from outside.
    environ: Vec<(String, Vec<u8>)>,
    /// Names and values of the request's fields.
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    status: u16,
    body_bytes: u64,
    response_fields: Vec<u8>,
    elapsed: Duration,
}

/// Notes exchanges for Python.
pub(super) struct Noting {
    environ: AccessFormat,
    line: Vec<u8>,
    /// Where a WSGI application is mounted.
    mount_point: Option<String>,
}

impl Noting {
    /// # Errors
    /// None, but for a mistake of ours.
    pub(super) fn new(mount_point: Option<String>) -> Result<Self, AccessFormatError> {
        Ok(Self {
            environ: AccessFormat::parse(ENVIRON)?,
            line: Vec::new(),
            mount_point,
        })
    }

    /// The part of an environ that the request line and the client make.
    fn request(&self, record: &AccessRecord<'_>) -> Vec<(String, Vec<u8>)> {
        let pair = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
        let client = pair("REMOTE_ADDR", record.client.as_bytes());
        let Some(head) = record.head else {
            // Loggers count on these to be there.
            let empty = [
                "REQUEST_METHOD",
                "PATH_INFO",
                "QUERY_STRING",
                "SERVER_PROTOCOL",
            ];
            let mut environ = vec![client, pair("RAW_URI", record.request_line)];
            environ.extend(empty.map(|name| pair(name, b"")));
            return environ;
        };
        let root = self.mount_point.as_deref().unwrap_or_default();
        let mounted = self
            .mount_point
            .as_ref()
            .map(|_| mount(head.path(), root, record.forwarded));
        let (root, path) = mounted.as_ref().map_or(("", head.path()), |it| {
            let path = it.path.strip_prefix(&*it.root).unwrap_or(&it.path);
            (&*it.root, path)
        });
        vec![
            client,
            pair("REQUEST_METHOD", head.method().as_bytes()),
            pair("RAW_URI", head.target().as_bytes()),
            pair("SCRIPT_NAME", &decoded(root)),
            pair("PATH_INFO", &decoded(path)),
            pair("QUERY_STRING", head.query().as_bytes()),
            pair("SERVER_PROTOCOL", head.version().as_str().as_bytes()),
        ]
    }
}

fn decoded(path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    percent_decode(path, &mut bytes);
    bytes
}

impl Observer for Noting {
    fn observe(&mut self, record: &AccessRecord<'_>) {
        let mut environ = self.request(record);
        self.line.clear();
        self.environ.write(&mut self.line, record);
        let values = self.line.split(|byte| *byte == b'\n');
        let values = values.map(|value| if value == b"-" { b"" } else { value });
        let named = NAMES.into_iter().zip(values);
        environ.extend(named.map(|(name, value)| (name.to_owned(), value.to_vec())));
        let fields = record.head.into_iter().flat_map(|head| head.fields());
        let fields = fields.map(|(name, value)| (name.to_vec(), value.to_vec()));
        python::note(Exchange {
            environ,
            fields: fields.collect(),
            status: record.status,
            body_bytes: record.body_bytes,
            response_fields: record.response_fields.to_vec(),
            elapsed: record.elapsed,
        });
    }
}

impl Exchange {
    /// What `rgunicorn._logger.deliver` takes: environ, fields, status, bytes, response fields and
    /// microseconds.
    ///
    /// # Errors
    /// `MemoryError`.
    pub(super) fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        let environ = PyDict::new(py);
        for (name, value) in &self.environ {
            environ.set_item(name, text(py, value))?;
        }
        let fields: Vec<_> = self
            .fields
            .iter()
            .map(|(name, value)| (text(py, &name.to_ascii_uppercase()), text(py, value)))
            .collect();
        let micros = u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX);
        (
            environ,
            fields,
            self.status,
            self.body_bytes,
            text(py, &self.response_fields),
            micros,
        )
            .into_pyobject(py)
    }
}

/// Bytes as WSGI has them in texts (PEP 3333).
fn text<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    let text: String = bytes.iter().copied().map(char::from).collect();
    PyString::new(py, &text)
}
