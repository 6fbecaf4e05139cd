//! What became of something that was sent.

use pyo3::PyResult;
use rgunicorn_core::error::SendError;

/// The inner error is about the answer; the outer one is what a signal handler
/// of the application raised while the call waited.
pub(crate) type Sent = PyResult<Result<(), SendError>>;
