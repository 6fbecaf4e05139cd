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
            Misuse::TooLong | Misuse::TooShort => misuse.to_string(),
        }),
    }
}

/// Whether `error`, or anything it came from or holds, is our own news that
/// the client left: frameworks wrap it.
pub(crate) fn is_disconnect(py: Python<'_>, error: &PyErr) -> bool {
    fn search(error: &Bound<'_, PyAny>, depth: u32) -> bool {
        if error.is_instance_of::<ClientDisconnected>() {
            return true;
        }
        if depth == 0 || error.is_none() {
            return false;
        }
        let follow = |name| {
            error
                .getattr(name)
                .is_ok_and(|next| search(&next, depth - 1))
        };
        if let Ok(members) = error.getattr("exceptions") {
            // An ExceptionGroup is harmless only if all of it is.
            let all = |members: Bound<'_, PyAny>| {
                PyResult::Ok(
                    members
                        .try_iter()?
                        .flatten()
                        .all(|member| search(&member, depth - 1)),
                )
            };
            return all(members).unwrap_or(false);
        }
        follow("__cause__") || follow("__context__")
    }
    const DEPTH: u32 = 16;
    search(error.value(py).as_any(), DEPTH)
}
