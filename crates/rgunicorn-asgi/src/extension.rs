//! The messages of ASGI's extensions to HTTP; the only file that knows their keys.
//!
//! `asgiref/docs/specs/extensions` is the specification: Early Hints, Response
//! Trailers, Path Send, Zero Copy Send, HTTP/2 Server Push, and Debug Info.

use std::path::PathBuf;

use pyo3::exceptions::PyOSError;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::fields::EarlyHints;
use rgunicorn_core::fields::Push;
use rgunicorn_core::fields::Trailers;
use rgunicorn_core::file::FileRange;
use rgunicorn_core::responder::Flow;
use rgunicorn_core::responder::Responder;
use rgunicorn_eventloop::descriptor::with_descriptor;

use crate::error::refused;
use crate::message::Kind;
use crate::message::dict;
use crate::message::each_field;
use crate::message::more;
use crate::message::octets;
use crate::message::wrong_type;
use crate::settings::Settings;

/// What every scope announces. A request's own dict is a copy of it.
///
/// # Errors
/// `MemoryError`.
pub(crate) fn announced<'py>(py: Python<'py>, settings: &Settings) -> PyResult<Bound<'py, PyDict>> {
    let extensions = PyDict::new(py);
    let announce = |kind: Kind| extensions.set_item(kind.name(), PyDict::new(py));
    announce(Kind::EarlyHint)?;
    announce(Kind::Trailers)?;
    announce(Kind::PathSend)?;
    announce(Kind::ZeroCopySend)?;
    if settings.debug {
        announce(Kind::Debug)?;
    }
    Ok(extensions)
}

/// `http.response.early_hint`: each of `links` becomes a `link` field of a 103.
///
/// # Errors
/// `TypeError` and `ValueError` that name what is wrong with it, and what
/// [`refused`] makes of a message out of order.
pub(crate) fn early_hint(responder: &Responder, event: &Bound<'_, PyAny>) -> PyResult<Flow> {
    let mut hints = EarlyHints::new();
    let links = required(event, "links", Kind::EarlyHint)?;
    for link in links.try_iter()? {
        let link = octets("link", &link?)?;
        hints
            .field(b"link", &link)
            .map_err(|error| refused(error.into(), ""))?;
    }
    responder
        .hint(hints)
        .map_err(|error| refused(error, Kind::EarlyHint.name()))
}

/// `http.response.trailers`.
///
/// # Errors
/// As [`early_hint`].
pub(crate) fn trailers(responder: &Responder, event: &Bound<'_, PyAny>) -> PyResult<Flow> {
    let mut fields = Trailers::new();
    if let Some(headers) = dict(event)?.get_item(intern!(event.py(), "headers"))? {
        each_field(&headers, |name, value| fields.field(name, value))?;
    }
    let part = more(event, intern!(event.py(), "more_trailers"))?;
    responder
        .trailers(&fields, part)
        .map_err(|error| refused(error, Kind::Trailers.name()))?;
    Ok(Flow::Ready)
}

/// `http.response.push`: the answer to a GET of `path` follows without being asked for, if the client takes it.
///
/// # Errors
/// As [`early_hint`].
pub(crate) fn push(responder: &Responder, event: &Bound<'_, PyAny>) -> PyResult<Flow> {
    let path = required(event, "path", Kind::Push)?;
    let path = path
        .extract::<String>()
        .map_err(|_| wrong_type("path", "str", &path))?;
    let mut push = Push::new(path);
    if let Some(headers) = dict(event)?.get_item(intern!(event.py(), "headers"))? {
        each_field(&headers, |name, value| push.field(name, value))?;
    }
    responder
        .push(push)
        .map_err(|error| refused(error, Kind::Push.name()))?;
    Ok(Flow::Ready)
}

/// `http.response.pathsend`: the file at `path` is the whole body.
///
/// # Errors
/// `OSError` when the file cannot be opened, `ValueError` when it is no
/// regular file; otherwise as [`early_hint`].
pub(crate) fn path_send(responder: &Responder, event: &Bound<'_, PyAny>) -> PyResult<Flow> {
    let given = required(event, "path", Kind::PathSend)?;
    let path: PathBuf = given
        .extract()
        .map_err(|_| wrong_type("path", "str", &given))?;
    let range = FileRange::open(&path).map_err(|error| cannot_send(&error, &given))?;
    responder
        .file(range)
        .map_err(|error| refused(error, Kind::PathSend.name()))
}

/// `http.response.zerocopysend`: a stretch of an open file is a part of the body.
///
/// # Errors
/// As [`path_send`], and whatever the file's `fileno()` raises.
pub(crate) fn zero_copy_send(responder: &Responder, event: &Bound<'_, PyAny>) -> PyResult<Flow> {
    let py = event.py();
    let file = required(event, "file", Kind::ZeroCopySend)?;
    let offset = bytes_count(event, intern!(py, "offset"))?;
    let count = bytes_count(event, intern!(py, "count"))?;
    let part = more(event, intern!(py, "more_body"))?;
    let range = with_descriptor(&file, |descriptor| FileRange::of(descriptor, offset, count))?;
    let range = range.map_err(|error| cannot_send(&error, &file))?;
    responder
        .body(Chunk::File(range), part)
        .map_err(|error| refused(error, Kind::ZeroCopySend.name()))
}

/// `http.response.debug`: what a template was rendered from, and the like.
///
/// # Errors
/// `TypeError` and `ValueError` that name what is wrong with it.
pub(crate) fn debug(event: &Bound<'_, PyAny>) -> PyResult<Flow> {
    let info = required(event, "info", Kind::Debug)?;
    let info = info
        .cast::<PyDict>()
        .map_err(|_| wrong_type("info", "dict", &info))?;
    tracing::debug!("Response debug information: {}", info.keys().repr()?);
    Ok(Flow::Ready)
}

fn required<'py>(event: &Bound<'py, PyAny>, key: &str, kind: Kind) -> PyResult<Bound<'py, PyAny>> {
    dict(event)?.get_item(key)?.ok_or_else(|| {
        PyValueError::new_err(format!("ASGI message '{}' has no '{key}'", kind.name()))
    })
}

/// A number of bytes, if it was given.
fn bytes_count(
    event: &Bound<'_, PyAny>,
    key: &Bound<'_, pyo3::types::PyString>,
) -> PyResult<Option<u64>> {
    match dict(event)?.get_item(key)? {
        Some(value) if !value.is_none() => value.extract().map(Some).map_err(|_| {
            PyValueError::new_err(format!("ASGI {key} must be a whole number of 0 or more"))
        }),
        _ => Ok(None),
    }
}

/// As `open()` would say it: with the file's name, in the class of its number.
fn cannot_send(error: &std::io::Error, file: &Bound<'_, PyAny>) -> PyErr {
    let Some(code) = error.raw_os_error() else {
        return PyValueError::new_err(format!("cannot send {file}: {error}"));
    };
    let text = nix::errno::Errno::from_raw(code).desc();
    PyOSError::new_err((code, text, file.clone().unbind()))
}
