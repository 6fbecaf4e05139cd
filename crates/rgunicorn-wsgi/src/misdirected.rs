//! Requests for a WebSocket that an application answered as if they were ordinary ones.
//!
//! RFC 9110 section 7.8 lets a server ignore an upgrade, and an application may well know what it does: its
//! answer goes out as it is. But whoever put a WebSocket application where WSGI is spoken wonders about a
//! 404, so the log says what happened.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use rgunicorn_core::parser::Head;

/// When it was last said.
static SAID: Mutex<Option<Instant>> = Mutex::new(None);

/// Not more often than this, in each worker.
const INTERVAL: Duration = Duration::from_secs(60);

/// Says so in the log, if the request was for a WebSocket.
pub(crate) fn report(head: &Head) {
    let wanted = head.protocol().unwrap_or_default();
    if !wanted.eq_ignore_ascii_case(b"websocket") || !is_due(Instant::now()) {
        return;
    }
    tracing::warn!(
        "{} was asked for as a WebSocket, and answered as an ordinary request: a WSGI application can take \
         a WebSocket only by gunicorn.socket, as Flask-Sock does. Others are ASGI applications (-k asgi).",
        head.path()
    );
}

fn is_due(now: Instant) -> bool {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let recent = |said: Instant| now.saturating_duration_since(said) < INTERVAL;
    let due = !said.is_some_and(recent);
    if due {
        *said = Some(now);
    }
    due
}
