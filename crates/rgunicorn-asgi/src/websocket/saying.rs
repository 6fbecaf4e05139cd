//! What the application says, and what the server says for it.

use pyo3::exceptions::PyRuntimeError;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::exchange::Part;
use rgunicorn_core::responder::Flow;
use rgunicorn_websocket::Rest;
use rgunicorn_websocket::Role;
use rgunicorn_websocket::Session;
use rgunicorn_websocket::SessionSettings;

use super::Sent;
use super::Socket;
use super::ending::Goodbye;
use super::events;
use super::keepalive::Keepalive;
use super::opening;
use super::stage::Kind;
use super::stage::Stage;
use crate::error::ClientDisconnected;
use crate::error::refused;
use crate::message;
use crate::message::wrong_type;

/// Payloads up to this size are copied behind the head of their frame; a larger one is written from
/// where the application has it.
const COPY_LIMIT: usize = 4 * 1024;

impl Socket {
    /// ASGI's `send`.
    pub(super) fn send(&self, event: &Bound<'_, PyAny>) -> Sent {
        match self.kind(event)? {
            Kind::Send => self.send_message(event),
            Kind::Close => self.close(event),
            Kind::Accept => self.accept(event),
            Kind::DenialStart => self.begin_denial(event),
            Kind::DenialBody => self.go_on_denying(event),
        }
    }

    fn kind(&self, event: &Bound<'_, PyAny>) -> PyResult<Kind> {
        let Some(kind) = events::given(event, intern!(event.py(), "type"))? else {
            return Err(PyValueError::new_err("ASGI message has no 'type'"));
        };
        let name = kind
            .cast::<PyString>()
            .map_err(|_| wrong_type("type", "str", &kind))?;
        let stage = self.stage.get();
        stage.admit(name.to_str()?).map_err(PyRuntimeError::new_err)
    }

    fn accept(&self, event: &Bound<'_, PyAny>) -> Sent {
        let py = event.py();
        let subprotocol = events::optional_text(event, "subprotocol")?;
        let headers = events::given(event, intern!(py, "headers"))?;
        if self.goodbye.borrow().is_some() {
            return Err(disconnected());
        }
        let taken = self.handshake.take();
        let Some(handshake) = taken else {
            return Err(disconnected());
        };
        let accepted = opening::accept(
            &handshake,
            subprotocol.as_deref(),
            headers.as_ref(),
            self.settings.deflate.as_ref(),
        );
        self.handshake.replace(Some(handshake));
        let (head, deflate) = accepted?;
        self.responder
            .tunnel(head)
            .map_err(|error| refused(error, Kind::Accept.name()))?;
        self.handshake.take();
        self.session.replace(Some(Box::new(Session::new(
            Role::Server,
            &SessionSettings {
                max_message_size: self.settings.max_size,
                deflate,
            },
        ))));
        self.stage.set(Stage::Open);
        self.keepalive
            .set(Some(Keepalive::new(std::time::Instant::now())));
        Ok(Flow::Ready)
    }

    fn send_message(&self, event: &Bound<'_, PyAny>) -> Sent {
        let payload = events::payload(event)?;
        let message = payload.message()?; // what is wrong with it is wrong whoever listens
        if self.goodbye.borrow().is_some() {
            return Err(disconnected());
        }
        self.quiet.set(0);
        let mut frame = self.context.scratch.take();
        frame.clear();
        let rest = match &mut *self.session.borrow_mut() {
            Some(session) => session.sender.message_head(message, &mut frame),
            None => return Err(disconnected()),
        };
        let Ok(rest) = rest else {
            return Err(disconnected());
        };
        let mut shared = None;
        match message.payload() {
            _ if rest == Rest::Nothing => {}
            small if small.len() <= COPY_LIMIT => frame.extend_from_slice(small),
            _ => shared = Some(payload.into_bytes()?),
        }
        let mut sent = self.responder.body(Chunk::Borrowed(&frame), Part::More);
        if let (Ok(_), Some(shared)) = (&sent, shared) {
            sent = self.responder.body(Chunk::Shared(shared), Part::More);
        }
        self.context.keep_scratch(frame);
        sent.map_err(|error| refused(error, Kind::Send.name()))
    }

    /// Before the application accepted this denies; when the client has closed it changes nothing.
    fn close(&self, event: &Bound<'_, PyAny>) -> Sent {
        let (code, reason) = events::close(event)?;
        if self.stage.get() == Stage::Handshaking {
            self.stage.set(Stage::Denied);
            opening::forbid(&self.responder);
            self.part_from(Goodbye::abnormal());
        } else {
            self.stage.set(Stage::Closed);
            self.say_goodbye(code, &reason);
        }
        Ok(Flow::Ready)
    }

    fn begin_denial(&self, event: &Bound<'_, PyAny>) -> Sent {
        let head = message::start(event, Kind::DenialStart.name())?;
        if self.goodbye.borrow().is_some() {
            return Err(disconnected());
        }
        // The client may have sent frames already, which must not be taken for a request.
        self.responder.end_connection();
        self.responder
            .start(head)
            .map_err(|error| refused(error, Kind::DenialStart.name()))?;
        self.stage.set(Stage::Denying);
        Ok(Flow::Ready)
    }

    fn go_on_denying(&self, event: &Bound<'_, PyAny>) -> Sent {
        let flow = message::body(event, |chunk, part| {
            self.responder
                .body(chunk, part)
                .map_err(|error| refused(error, Kind::DenialBody.name()))
        })?;
        if self.responder.is_complete() {
            self.stage.set(Stage::Denied);
            self.part_from(Goodbye::abnormal());
        }
        Ok(flow)
    }

    /// Sends what the protocol itself has to say. Nobody waits for it, and a client that is gone
    /// does not miss it.
    pub(super) fn put(&self, frames: &[u8]) {
        if !frames.is_empty() {
            let _ = self.responder.body(Chunk::Borrowed(frames), Part::More);
        }
    }

    /// Answers the last ping, once the client has read enough.
    pub(super) fn pay(&self) {
        if self.owed.borrow().is_none() || !self.responder.has_room() {
            return;
        }
        let (owed, mut pong) = (self.owed.take(), Vec::new());
        if let (Some(payload), Some(session)) = (owed, &mut *self.session.borrow_mut()) {
            session.sender.pong(&payload, &mut pong);
        }
        self.put(&pong);
    }
}

fn disconnected() -> PyErr {
    ClientDisconnected::new_err("client disconnected")
}
