//! How a WebSocket ends, and who is told what.

use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use pyo3::intern;
use pyo3::prelude::*;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::exchange::Part;
use rgunicorn_core::tunnel::Read;
use rgunicorn_core::tunnel::Watcher;
use rgunicorn_eventloop::reactor::escape;
use rgunicorn_eventloop::task::ends_process;
use rgunicorn_websocket::CloseCode;

use super::Rejected;
use super::Socket;
use super::keepalive::Due;
use super::keepalive::Ear;
use super::keepalive::looks_of;
use super::stage::Stage;
use crate::call::Called;
use crate::outcome::log_exception;

/// How far the end is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// Nobody has said goodbye.
    None,
    /// We have, and the client has yet to.
    Awaiting {
        /// Looks since then.
        looks: u32,
    },
    /// Nothing more is to be heard or said.
    Over,
}

/// The last that the application hears.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Goodbye {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Goodbye {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { code, reason }
    }

    /// There was none (RFC 6455 section 7.1.5).
    pub(super) fn abnormal() -> Self {
        Self::new(1006, "")
    }
}

/// How long a client may take to answer our goodbye.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long an application may say nothing and keep what its next message could refer to.
const QUIET: Duration = Duration::from_secs(5);

impl Socket {
    /// Says goodbye, if nobody has, and waits for the client to say so too.
    pub(super) fn say_goodbye(&self, code: CloseCode, reason: &str) {
        let mut frame = Vec::new();
        if let Some(session) = &mut *self.session.borrow_mut() {
            session.sender.close(code, reason, &mut frame);
        }
        if frame.is_empty() {
            return; // it was said, or there is no session
        }
        self.ending.set(Ending::Awaiting { looks: 0 });
        self.part_from(Goodbye::new(code.get(), reason));
        self.put(&frame);
        Python::attach(|py| self.hear(py)); // the goodbye may be behind messages nobody wants now
        self.fail();
    }

    /// The client said goodbye, and was answered.
    pub(super) fn closed_by_client(&self, code: u16, reason: String) {
        self.part_from(Goodbye::new(code, reason));
        self.finish();
    }

    /// Tells a client that broke a rule, if it has (RFC 6455 section 7.1.7).
    pub(super) fn fail(&self) {
        let Some(failure) = self.failure.take() else {
            return;
        };
        let code = failure.code().get();
        tracing::debug!("A WebSocket was closed with {code}: {failure}");
        let mut frame = Vec::new();
        if let Some(session) = &mut *self.session.borrow_mut() {
            session.sender.fail(&failure, &mut frame);
        }
        self.put(&frame);
        self.part_from(Goodbye::new(code, failure.to_string()));
        self.finish();
    }

    /// Sets what the application will hear last. The first word holds, but for the mere news that
    /// the connection is gone.
    pub(super) fn part_from(&self, goodbye: Goodbye) {
        let mut known = self.goodbye.borrow_mut();
        if known.as_ref().is_none_or(|known| known.code == ABNORMAL) {
            *known = Some(goodbye);
        }
        drop(known);
        Python::attach(|py| self.wake(|sleeper| sleeper.wake(py)));
    }

    /// Ends our side of the tunnel.
    fn finish(&self) {
        self.ending.set(Ending::Over);
        // Fails only where nobody is left.
        let _ = self.responder.body(Chunk::Borrowed(b""), Part::Last);
    }

    /// The application is not called, or ended in its first step with what ends the process.
    pub(crate) fn break_off(&self, py: Python<'_>, error: PyErr) {
        self.end_call(CloseCode::INTERNAL_ERROR);
        if ends_process(py, &error) {
            escape(py, error);
        } else {
            log_exception(py, &error);
        }
        self.call_hook(py);
    }

    /// The call is over: what it left open is closed.
    fn end_call(&self, code: CloseCode) {
        match self.stage.replace(Stage::Closed) {
            Stage::Handshaking | Stage::Denying => {
                self.responder.end_connection();
                self.responder.abort();
            }
            Stage::Open => self.say_goodbye(code, ""),
            Stage::Denied | Stage::Closed => {}
        }
        self.inbox.borrow_mut().clear();
        Python::attach(|py| self.hear(py));
    }

    /// Says what an application left out that has returned.
    fn complain(&self) {
        let part = match self.stage.get() {
            _ if self.goodbye.borrow().is_some() => return,
            Stage::Handshaking => "handshake",
            Stage::Denying => "response",
            Stage::Denied | Stage::Open | Stage::Closed => return,
        };
        tracing::error!("ASGI callable returned without completing {part}.");
    }

    fn call_hook(&self, py: Python<'_>) {
        let Some(hooks) = &self.hooks else { return };
        if let Err(error) = hooks.after(py, &self.responder) {
            escape(py, error);
        }
    }

    /// Gives memory back that only compression needs.
    fn rest_if_quiet(&self) {
        let quiet = self.quiet.get().saturating_add(1);
        self.quiet.set(quiet);
        if quiet == looks_of(QUIET)
            && let Some(session) = &mut *self.session.borrow_mut()
        {
            session.sender.rest();
        }
    }

    fn look_at_silence(&self, now: Instant) {
        let Some(mut keepalive) = self.keepalive.get() else {
            return;
        };
        let ear = if self.is_full() {
            Ear::Closed
        } else {
            Ear::Open
        };
        let due = keepalive.look(now, ear, self.settings.pings);
        self.keepalive.set(Some(keepalive));
        match due {
            Due::Nothing => {}
            Due::Ping => {
                let mut ping = Vec::new();
                if let Some(session) = &mut *self.session.borrow_mut() {
                    session.sender.ping(b"", &mut ping);
                }
                self.put(&ping);
            }
            Due::End => {
                self.say_goodbye(CloseCode::INTERNAL_ERROR, "keepalive ping timeout");
                self.finish();
            }
        }
    }
}

impl Watcher for Socket {
    fn came(&self) {
        if let Some(mut keepalive) = self.keepalive.get() {
            keepalive.hear();
            self.keepalive.set(Some(keepalive));
        }
        Python::attach(|py| {
            if !self.is_full() {
                self.hear(py);
            }
            // Messages are delivered in the turn in which they come.
            self.wake(|sleeper| sleeper.resume(py));
            self.fail(); // it has had its chance
        });
    }

    fn land(&self, read: Read<'_>) {
        Python::attach(|py| self.read_large(py, read));
    }

    fn drain(&self) {
        match self.stage.get() {
            Stage::Handshaking => {
                Rejected::Draining.answer(&self.responder);
                self.part_from(Goodbye::abnormal());
            }
            Stage::Open => self.say_goodbye(CloseCode::SERVICE_RESTART, ""),
            Stage::Denying | Stage::Denied | Stage::Closed => {}
        }
    }

    fn look(&self, now: Instant) {
        self.fail();
        self.pay();
        self.inbox.borrow_mut().rest();
        self.rest_if_quiet();
        self.unheard.set(self.unheard.get().saturating_add(1));
        match self.ending.get() {
            Ending::None => self.look_at_silence(now),
            Ending::Awaiting { looks } if looks >= looks_of(PATIENCE) => self.finish(),
            Ending::Awaiting { looks } => self.ending.set(Ending::Awaiting { looks: looks + 1 }),
            Ending::Over => {}
        }
    }

    fn ended(&self) {
        Python::attach(|py| self.hear(py)); // what came before the end counts
        self.arriving.take(); // it will never be whole
        self.fail();
        self.part_from(Goodbye::abnormal());
    }
}

impl Called for Socket {
    fn settle(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = task.py();
        match task.call_method0(intern!(py, "result")) {
            Err(_) if task.call_method0(intern!(py, "cancelled"))?.is_truthy()? => {
                self.end_call(CloseCode::INTERNAL_ERROR);
            }
            Err(error) => {
                self.end_call(CloseCode::INTERNAL_ERROR);
                log_exception(py, &error);
            }
            Ok(value) if !value.is_none() => {
                tracing::error!("ASGI callable should return None, but returned '{value}'.");
                self.end_call(CloseCode::INTERNAL_ERROR);
            }
            Ok(_) => {
                self.complain();
                self.end_call(CloseCode::NORMAL);
            }
        }
        self.call_hook(py);
        Ok(())
    }

    /// Never: it is told that the client left as soon as it receives or sends, and may have
    /// something to finish that has nothing to do with the client.
    fn becomes_abandoned(&self, _now: Instant, _grace: Duration) -> bool {
        false
    }
}

/// The code that stands for the lack of a close frame.
const ABNORMAL: u16 = 1006;

/// Makes a socket what an exchange or a task holds.
pub(crate) fn called(socket: &Rc<Socket>) -> Rc<dyn Called> {
    Rc::<Socket>::clone(socket)
}
