//! What `start_response` is given, as a response head.

use pyo3::exceptions::PyTypeError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use pyo3::types::PyString;
use pyo3::types::PyTuple;
use rgunicorn_core::response::ResponseHead;

use crate::text::with_field;
use crate::text::with_octets;

/// Reads status and headers (PEP 3333, "The `start_response()` Callable").
///
/// # Errors
/// `TypeError` for what is of the wrong type, `ValueError` for what HTTP does
/// not allow, each naming what is wrong.
pub(crate) fn read(
    status: &Bound<'_, PyAny>,
    headers: &Bound<'_, PyAny>,
) -> PyResult<ResponseHead> {
    let status = text(status, "status")?;
    let mut head = with_octets(status, read_status)?.flatten().ok_or_else(|| {
        let shown = status
            .repr()
            .map_or_else(|_| String::new(), |it| it.to_string());
        PyValueError::new_err(format!(
            "invalid status {shown}: must be three digits from 200 to 999, a space and a reason"
        ))
    })?;
    let headers = headers
        .cast::<PyList>()
        .map_err(|_| wrong_type("headers", "a list", headers))?;
    for pair in headers.iter() {
        field(&mut head, &pair)?;
    }
    Ok(head)
}

/// `200 OK`: the reason may be empty, and goes out as the application wrote it.
fn read_status(status: &[u8]) -> Option<ResponseHead> {
    let (code, reason) = status.split_at_checked(3)?;
    if !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = code
        .iter()
        .fold(0, |code, digit| code * 10 + i64::from(digit - b'0'));
    let reason = match reason {
        [] => reason,
        [b' ', reason @ ..] => reason,
        _ => return None,
    };
    let mut head = ResponseHead::new(code).ok()?;
    head.set_reason(reason).ok()?;
    Some(head)
}

fn field(head: &mut ResponseHead, pair: &Bound<'_, PyAny>) -> PyResult<()> {
    let pair = pair
        .cast::<PyTuple>()
        .ok()
        .filter(|pair| pair.len() == 2)
        .ok_or_else(|| wrong_type("each header", "a tuple of two", pair))?;
    let (name, value) = (pair.get_item(0)?, pair.get_item(1)?);
    let (name, value) = (text(&name, "header name")?, text(&value, "header value")?);
    if with_octets(name, is_none_of_its_business)? == Some(true) {
        return Ok(());
    }
    with_field(name, value, |name, value| head.field(name, value))
}

/// Hop-by-hop fields, which PEP 3333 forbids ("Other HTTP Features"), beyond those
/// that no application of any kind may set.
fn is_none_of_its_business(name: &[u8]) -> bool {
    const FORBIDDEN: [&[u8]; 4] = [
        b"te",
        b"trailers",
        b"proxy-authenticate",
        b"proxy-authorization",
    ];
    FORBIDDEN
        .iter()
        .any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}

fn text<'a, 'py>(value: &'a Bound<'py, PyAny>, what: &str) -> PyResult<&'a Bound<'py, PyString>> {
    value
        .cast::<PyString>()
        .map_err(|_| wrong_type(what, "str", value))
}

fn wrong_type(what: &str, wanted: &str, found: &Bound<'_, PyAny>) -> PyErr {
    let found = found
        .get_type()
        .name()
        .map_or_else(|_| "?".into(), |name| name.to_string());
    PyTypeError::new_err(format!("WSGI {what} must be {wanted}, not {found}"))
}
