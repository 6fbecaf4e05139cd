//! What a request field is called in environ.

use pyo3::prelude::*;
use pyo3::types::PyString;
use rgunicorn_eventloop::interned::Interned;

/// The key of a field.
pub(crate) enum Key<T> {
    /// It has one of its own.
    Of(T),
    /// Another field may have the same: its name has an underscore.
    Ambiguous(T),
    /// Applications must not see it: as `HTTP_PROXY` it would be taken for an
    /// operator's setting (CVE-2016-5385, "httpoxy").
    Never,
}

/// The keys of names that clients send again and again.
#[derive(Default)]
pub(crate) struct FieldNames(Interned<Key<Py<PyString>>>);

impl FieldNames {
    /// The key of `name`, which is in lower case.
    pub(crate) fn key<'py>(&self, py: Python<'py>, name: &[u8]) -> Key<Bound<'py, PyString>> {
        self.0.with(
            name,
            |name| made(py, name),
            |known| match known {
                Key::Of(key) => Key::Of(key.bind(py).clone()),
                Key::Ambiguous(key) => Key::Ambiguous(key.bind(py).clone()),
                Key::Never => Key::Never,
            },
        )
    }
}

fn made(py: Python<'_>, name: &[u8]) -> Key<Py<PyString>> {
    match name {
        b"content-type" => return Key::Of(PyString::intern(py, "CONTENT_TYPE").unbind()),
        b"content-length" => return Key::Of(PyString::intern(py, "CONTENT_LENGTH").unbind()),
        b"proxy" => return Key::Never,
        _ => {}
    }
    let upper = name.iter().map(|byte| match byte {
        b'-' => '_',
        byte => char::from(byte.to_ascii_uppercase()),
    });
    let key: String = "HTTP_".chars().chain(upper).collect();
    if name.contains(&b'_') {
        Key::Ambiguous(PyString::new(py, &key).unbind())
    } else {
        // Not interned by the interpreter, which may keep such a string for good.
        Key::Of(PyString::new(py, &key).unbind())
    }
}
