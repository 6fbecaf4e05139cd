//! The events of a WebSocket, to Rust values and back; the only file that knows their keys.

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyBytes;
use pyo3::types::PyDict;
use pyo3::types::PyString;
use rgunicorn_websocket::CloseCode;
use rgunicorn_websocket::Message;

use super::inbox::Content;
use crate::message::dict;
use crate::message::octets;
use crate::message::wrong_type;

/// `websocket.connect`.
pub(super) fn connect(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let event = PyDict::new(py);
    event.set_item(intern!(py, "type"), intern!(py, "websocket.connect"))?;
    Ok(event.into_any())
}

/// `websocket.receive`.
pub(super) fn receive<'py>(py: Python<'py>, content: &Content) -> PyResult<Bound<'py, PyAny>> {
    let event = PyDict::new(py);
    event.set_item(intern!(py, "type"), intern!(py, "websocket.receive"))?;
    match content {
        Content::Text(text) => event.set_item(intern!(py, "text"), text)?,
        Content::Binary(bytes) => event.set_item(intern!(py, "bytes"), bytes)?,
    }
    Ok(event.into_any())
}

/// `websocket.disconnect`.
pub(super) fn disconnect<'py>(
    py: Python<'py>,
    code: u16,
    reason: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let event = PyDict::new(py);
    event.set_item(intern!(py, "type"), intern!(py, "websocket.disconnect"))?;
    event.set_item(intern!(py, "code"), code)?;
    event.set_item(intern!(py, "reason"), reason)?;
    Ok(event.into_any())
}

/// The message that `websocket.send` gives.
pub(super) enum Payload<'py> {
    Text(Bound<'py, PyString>),
    Bytes(Bound<'py, PyBytes>),
    /// Of some other type that has bytes.
    Copied(Vec<u8>),
}

impl Payload<'_> {
    /// As it goes out.
    ///
    /// # Errors
    /// `UnicodeEncodeError` for a text with half a character in it.
    pub(super) fn message(&self) -> PyResult<Message<'_>> {
        Ok(match self {
            Self::Text(text) => Message::Text(text.to_str()?),
            Self::Bytes(bytes) => Message::Binary(bytes.as_bytes()),
            Self::Copied(bytes) => Message::Binary(bytes),
        })
    }

    /// Its bytes, without a copy.
    ///
    /// # Errors
    /// As [`Self::message`].
    pub(super) fn into_bytes(self) -> PyResult<Bytes> {
        Ok(match self {
            Self::Text(text) => Bytes::from_owner(Utf8(PyBackedStr::try_from(text)?)),
            Self::Bytes(bytes) => Bytes::from_owner(PyBackedBytes::from(bytes)),
            Self::Copied(bytes) => Bytes::from(bytes),
        })
    }
}

/// The bytes of a `str`.
struct Utf8(PyBackedStr);

impl AsRef<[u8]> for Utf8 {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Reads `websocket.send`.
///
/// # Errors
/// `ValueError` unless there is exactly one of `bytes` and `text`, and `TypeError` for what is neither.
pub(super) fn payload<'py>(event: &Bound<'py, PyAny>) -> PyResult<Payload<'py>> {
    let py = event.py();
    let text = given(event, intern!(py, "text"))?;
    let bytes = given(event, intern!(py, "bytes"))?;
    match (text, bytes) {
        (Some(text), None) => match text.cast_into::<PyString>() {
            Ok(text) => Ok(Payload::Text(text)),
            Err(error) => Err(wrong_type("text", "str", &error.into_inner())),
        },
        // A subclass may run code of its own when it is let go.
        (None, Some(bytes)) => match bytes.cast_into_exact::<PyBytes>() {
            Ok(bytes) => Ok(Payload::Bytes(bytes)),
            Err(error) => Ok(Payload::Copied(octets("bytes", &error.into_inner())?)),
        },
        (None, None) => Err(PyValueError::new_err(
            "ASGI message 'websocket.send' has neither 'bytes' nor 'text'",
        )),
        (Some(_), Some(_)) => Err(PyValueError::new_err(
            "ASGI message 'websocket.send' has both 'bytes' and 'text'",
        )),
    }
}

/// Reads `websocket.close`.
///
/// # Errors
/// `ValueError` for a code that may not be sent, `TypeError` for what is no code or no reason.
pub(super) fn close(event: &Bound<'_, PyAny>) -> PyResult<(CloseCode, String)> {
    let py = event.py();
    let code = match given(event, intern!(py, "code"))? {
        Some(code) => close_code(&code)?,
        None => CloseCode::NORMAL,
    };
    Ok((code, optional_text(event, "reason")?.unwrap_or_default()))
}

fn close_code(code: &Bound<'_, PyAny>) -> PyResult<CloseCode> {
    let number = code
        .extract::<i64>()
        .map_err(|_| wrong_type("code", "int", code))?;
    let code = u16::try_from(number).ok().and_then(CloseCode::new);
    code.ok_or_else(|| {
        PyValueError::new_err(format!(
            "invalid close code {number}: must be 1000 to 1003, 1007 to 1014 or 3000 to 4999"
        ))
    })
}

/// The text under `key`, if there is one.
///
/// # Errors
/// `TypeError` for anything else.
pub(super) fn optional_text(event: &Bound<'_, PyAny>, key: &str) -> PyResult<Option<String>> {
    let key_object = PyString::intern(event.py(), key);
    let Some(value) = given(event, &key_object)? else {
        return Ok(None);
    };
    match value.cast::<PyString>() {
        Ok(text) => Ok(Some(text.to_str()?.to_owned())),
        Err(_) => Err(wrong_type(key, "str", &value)),
    }
}

/// What the event has under `key`; None counts as nothing.
pub(super) fn given<'py>(
    event: &Bound<'py, PyAny>,
    key: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let value = dict(event)?.get_item(key)?;
    Ok(value.filter(|value| !value.is_none()))
}
