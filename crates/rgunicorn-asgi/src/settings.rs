//! What an operator may change about ASGI.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use rgunicorn_websocket::DeflateSettings;

/// Settings of the ASGI bridge.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where the application is mounted; the scope's `root_path`.
    pub root_path: String,
    /// Whether `http.response.debug` is announced. Applications then tell what
    /// their answers were made from, which is work, and nobody else's business.
    pub debug: bool,
    /// What is called around each request: `rgunicorn._request_hooks.RequestHooks`.
    pub hooks: Option<Arc<Py<PyAny>>>,
    /// How WebSockets are served. `None`: a request for one is an ordinary request.
    pub websocket: Option<WebSocketSettings>,
}

/// What an operator may change about WebSockets, with the reason for each default.
#[derive(Clone, Debug)]
pub struct WebSocketSettings {
    /// The most bytes that a message may have, after inflating; `usize::MAX` for no limit. 16 MiB is
    /// what gunicorn and uvicorn allow.
    pub max_size: usize,
    /// Messages read ahead of the application. uvicorn's 32.
    pub max_queue: usize,
    /// How silence is told from absence.
    pub pings: Pings,
    /// The compression that clients may have, if any.
    pub deflate: Option<DeflateSettings>,
}

/// When a client is asked whether it is still there, as in uvicorn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pings {
    /// The time between two pings; `None` sends none.
    pub interval: Option<Duration>,
    /// How long the answer may take; `None` waits for ever.
    pub timeout: Option<Duration>,
}

impl Default for WebSocketSettings {
    fn default() -> Self {
        Self {
            max_size: 16 << 20,
            max_queue: 32,
            pings: Pings {
                interval: Some(Duration::from_secs(20)),
                timeout: Some(Duration::from_secs(20)),
            },
            deflate: Some(DeflateSettings::default()),
        }
    }
}
