//! ASGI messages to Rust values and back; the only file that knows their keys.

use bytes::Bytes;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use pyo3::types::PyDict;
use pyo3::types::PyList;
use pyo3::types::PyString;
use pyo3::types::PyTuple;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::error::InvalidHead;
use rgunicorn_core::exchange::Part;
use rgunicorn_core::response::ResponseHead;

use crate::error::refused;

/// Bodies up to this size are copied at once; a larger one is kept alive and
/// written from where the application has it.
const COPY_LIMIT: usize = 4 * 1024;

/// What a message from the application is, by its `type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Start,
    Body,
    EarlyHint,
    Trailers,
    PathSend,
    ZeroCopySend,
    Push,
    Debug,
}

/// Reads the `type` of a message.
///
/// # Errors
/// `TypeError` when the message is no dict or its type no `str`; `ValueError`
/// when there is no type or an unknown one.
pub(crate) fn kind(event: &Bound<'_, PyAny>) -> PyResult<Kind> {
    let event = dict(event)?;
    let py = event.py();
    let Some(kind) = event.get_item(intern!(py, "type"))? else {
        return Err(PyValueError::new_err("ASGI message has no 'type'"));
    };
    let kind = kind
        .cast::<PyString>()
        .map_err(|_| wrong_type("type", "str", &kind))?;
    let name = kind.to_str()?;
    Kind::ALL
        .into_iter()
        .find(|known| known.name() == name)
        .ok_or_else(|| PyValueError::new_err(format!("unknown ASGI message type '{name}'")))
}

impl Kind {
    /// The usual ones first.
    const ALL: [Self; 8] = [
        Self::Start,
        Self::Body,
        Self::PathSend,
        Self::ZeroCopySend,
        Self::Trailers,
        Self::EarlyHint,
        Self::Push,
        Self::Debug,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Start => "http.response.start",
            Self::Body => "http.response.body",
            Self::EarlyHint => "http.response.early_hint",
            Self::Trailers => "http.response.trailers",
            Self::PathSend => "http.response.pathsend",
            Self::ZeroCopySend => "http.response.zerocopysend",
            Self::Push => "http.response.push",
            Self::Debug => "http.response.debug",
        }
    }
}

pub(crate) fn dict<'a, 'py>(event: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyDict>> {
    event
        .cast::<PyDict>()
        .map_err(|_| wrong_type("message", "dict", event))
}

pub(crate) fn wrong_type(what: &str, wanted: &str, found: &Bound<'_, PyAny>) -> PyErr {
    let found = found
        .get_type()
        .name()
        .map_or_else(|_| "?".into(), |name| name.to_string());
    PyTypeError::new_err(format!("ASGI {what} must be {wanted}, not {found}"))
}

/// Reads `http.response.start`.
///
/// # Errors
/// `TypeError` and `ValueError` that name what is wrong with it.
pub(crate) fn start(event: &Bound<'_, PyAny>) -> PyResult<ResponseHead> {
    let event = dict(event)?;
    let py = event.py();
    let Some(status) = event.get_item(intern!(py, "status"))? else {
        return Err(PyValueError::new_err(
            "ASGI message 'http.response.start' has no 'status'",
        ));
    };
    let number = status
        .extract::<i64>()
        .map_err(|_| wrong_type("status", "int", &status))?;
    let mut head = ResponseHead::new(number).map_err(|error| refused(error.into(), ""))?;
    if let Some(headers) = event.get_item(intern!(py, "headers"))? {
        each_field(&headers, |name, value| head.field(name, value))?;
    }
    if let Some(trailers) = event.get_item(intern!(py, "trailers"))?
        && trailers.is_truthy()?
    {
        head.promise_trailers();
    }
    Ok(head)
}

/// Gives each pair of `headers` to `take`.
///
/// # Errors
/// `TypeError` and `ValueError` for what is no pair of bytes-like values, or
/// is refused.
pub(crate) fn each_field(
    headers: &Bound<'_, PyAny>,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<(), InvalidHead>,
) -> PyResult<()> {
    let take = &mut take;
    if let Ok(list) = headers.cast::<PyList>() {
        for pair in list.iter() {
            field(&pair, take)?;
        }
    } else {
        for pair in headers.try_iter()? {
            field(&pair?, take)?;
        }
    }
    Ok(())
}

fn field(
    pair: &Bound<'_, PyAny>,
    take: &mut impl FnMut(&[u8], &[u8]) -> Result<(), InvalidHead>,
) -> PyResult<()> {
    if let Ok(pair) = pair.cast::<PyTuple>()
        && pair.len() == 2
    {
        return field_of(&pair.get_item(0)?, &pair.get_item(1)?, take);
    }
    let mut items = pair.try_iter()?;
    match (
        items.next().transpose()?,
        items.next().transpose()?,
        items.next(),
    ) {
        (Some(name), Some(value), None) => field_of(&name, &value, take),
        _ => Err(PyValueError::new_err(
            "ASGI header must be a pair of name and value",
        )),
    }
}

fn field_of(
    name: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
    take: &mut impl FnMut(&[u8], &[u8]) -> Result<(), InvalidHead>,
) -> PyResult<()> {
    let taken = match (name.cast::<PyBytes>(), value.cast::<PyBytes>()) {
        (Ok(name), Ok(value)) => take(name.as_bytes(), value.as_bytes()),
        _ => take(
            &octets("header name", name)?,
            &octets("header value", value)?,
        ),
    };
    taken.map_err(|error| refused(error.into(), ""))
}

/// The bytes of anything bytes-like.
pub(crate) fn octets(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let buffer = PyBuffer::<u8>::get(value).map_err(|_| wrong_type(what, "bytes", value))?;
    buffer.to_vec(value.py())
}

/// Reads `http.response.body` and hands it to `take`.
///
/// # Errors
/// `TypeError` when the body is not bytes-like, and whatever `take` returns.
pub(crate) fn body<T>(
    event: &Bound<'_, PyAny>,
    take: impl FnOnce(Chunk<'_>, Part) -> PyResult<T>,
) -> PyResult<T> {
    let event = dict(event)?;
    let py = event.py();
    let part = more(event, intern!(py, "more_body"))?;
    let Some(body) = event.get_item(intern!(py, "body"))? else {
        return take(Chunk::Borrowed(b""), part);
    };
    // A subclass may run code of its own when it is let go.
    let Ok(bytes) = body.cast_exact::<PyBytes>() else {
        return take(Chunk::Shared(Bytes::from(octets("body", &body)?)), part);
    };
    if bytes.as_bytes().len() <= COPY_LIMIT {
        return take(Chunk::Borrowed(bytes.as_bytes()), part);
    }
    let shared = Bytes::from_owner(PyBackedBytes::from(bytes.clone()));
    take(Chunk::Shared(shared), part)
}

/// Whether the message says by its `key` that more follow.
pub(crate) fn more(event: &Bound<'_, PyAny>, key: &Bound<'_, PyString>) -> PyResult<Part> {
    Ok(match dict(event)?.get_item(key)? {
        Some(more) if more.is_truthy()? => Part::More,
        _ => Part::Last,
    })
}

/// `http.request`.
pub(crate) fn request<'py>(
    py: Python<'py>,
    body: Bound<'py, PyBytes>,
    part: Part,
) -> PyResult<Bound<'py, PyAny>> {
    let event = PyDict::new(py);
    event.set_item(intern!(py, "type"), intern!(py, "http.request"))?;
    event.set_item(intern!(py, "body"), body)?;
    event.set_item(intern!(py, "more_body"), part == Part::More)?;
    Ok(event.into_any())
}

/// `http.disconnect`.
pub(crate) fn disconnect(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let event = PyDict::new(py);
    event.set_item(intern!(py, "type"), intern!(py, "http.disconnect"))?;
    Ok(event.into_any())
}
