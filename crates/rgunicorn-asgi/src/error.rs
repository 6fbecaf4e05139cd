//! What the application sees of a refusal, as Python exceptions.

use pyo3::create_exception;
use pyo3::exceptions::PyOSError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rgunicorn_core::error::Misuse;
use rgunicorn_core::error::SendError;

create_exception!(
    rgunicorn,
    ClientDisconnected,
    PyOSError,
    "Raised by `send()` when the client left before its response was complete (ASGI HTTP 2.4)."
);

/// Turns a refused message of type `kind` into an exception.
pub(crate) fn refused(error: SendError, kind: &str) -> PyErr {
    match error {
        SendError::Disconnected => ClientDisconnected::new_err("client disconnected"),
        SendError::File(error) => error.into(),
        SendError::InvalidHead(error) => PyValueError::new_err(error.to_string()),
        SendError::Misuse(misuse) => PyRuntimeError::new_err(match misuse {
            Misuse::NotStarted => {
                format!("Expected ASGI message 'http.response.start', but got '{kind}'.")
            }
            Misuse::AlreadyStarted => {
                format!("Expected ASGI message 'http.response.body', but got '{kind}'.")
            }
            Misuse::AlreadyComplete => {
                format!("Unexpected ASGI message '{kind}' sent, after response already completed.")
            }
            Misuse::TrailersDue => {
                format!("Expected ASGI message 'http.response.trailers', but got '{kind}'.")
            }
            Misuse::NoTrailers | Misuse::BodyBegun => {
                format!("Unexpected ASGI message '{kind}': {misuse}.")
            }
            Misuse::TooLong | Misuse::TooShort | Misuse::NoTunnel => misuse.to_string(),
        }),
    }
}

/// Whether `error` is, or comes from, our own news that the client left:
/// frameworks wrap it.
pub(crate) fn is_disconnect(py: Python<'_>, error: &PyErr) -> bool {
    let mut seen = Vec::new();
    search(error.value(py).as_any(), &mut seen)
}

fn search<'py>(error: &Bound<'py, PyAny>, seen: &mut Vec<Bound<'py, PyAny>>) -> bool {
    if error.is_instance_of::<ClientDisconnected>() {
        return true;
    }
    if error.is_none() || seen.iter().any(|known| known.is(error)) {
        return false;
    }
    seen.push(error.clone());
    let members: Vec<_> = error
        .getattr("exceptions")
        .and_then(|members| members.try_iter()?.collect())
        .unwrap_or_default();
    if !members.is_empty() {
        // A group is harmless only if all of it is.
        return members.iter().all(|member| search(member, seen));
    }
    let mut follow = |name| error.getattr(name).is_ok_and(|next| search(&next, seen));
    // What was raised while handling the news is its own mistake, unless it
    // is the framework's word for the same news.
    follow("__cause__") || (is_named_for_it(error) && follow("__context__"))
}

/// Starlette's `ClientDisconnect`, Django's `RequestAborted` and their like.
fn is_named_for_it(error: &Bound<'_, PyAny>) -> bool {
    error.get_type().name().is_ok_and(|name| {
        let name = name.to_string_lossy();
        name.contains("Disconnect") || name.contains("Abort")
    })
}
