//! What the client says: bytes of the tunnel to messages in the inbox.

use pyo3::prelude::*;
use rgunicorn_websocket::Event;
use rgunicorn_websocket::Failure;
use rgunicorn_websocket::Heard;
use rgunicorn_websocket::Large;
use rgunicorn_websocket::Session;

use super::Socket;
use super::ending::Ending;
use super::inbox::Inbox;
use super::inbox::Waiting;
use super::stage::Stage;
use super::unread::Unread;

/// Why the hearing stopped.
enum Stop {
    /// There are no more bytes.
    Used,
    /// A large message begins.
    Large(Large),
    /// The application has enough to do.
    Full,
    /// The client says goodbye.
    Close(u16, String),
    /// The client broke a rule, or sent too much.
    Failure(Failure),
}

/// What is done with messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Interest {
    Keep,
    /// The application has said its last word.
    Drop,
}

impl Socket {
    /// Uses what came, as far as the inbox has room. What it has none for stays in the tunnel, which
    /// is then read no more.
    pub(super) fn hear(&self, py: Python<'_>) {
        if self.session.borrow().is_none() {
            return;
        }
        loop {
            let mut unread = match self.go_on(py) {
                Ok(Some(unread)) => unread,
                Ok(None) => return,
                Err(failure) => return self.heard_failure(failure),
            };
            if unread.is_used() {
                unread = Unread::taken(self.responder.take_input());
            }
            if unread.is_used() {
                return;
            }
            match self.hear_bytes(py, &mut unread) {
                Stop::Used => self.put_away(unread),
                Stop::Large(large) => self.begin_arriving(py, large, unread),
                Stop::Full if unread.is_used() => return self.put_away(unread),
                Stop::Full => {
                    self.unread.replace(unread);
                    return;
                }
                Stop::Close(code, reason) => return self.closed_by_client(code, reason),
                Stop::Failure(failure) => return self.heard_failure(failure),
            }
        }
    }

    /// What came before it may still be answered: by who waits for it, at once.
    fn heard_failure(&self, failure: Failure) {
        self.failure.set(Some(failure));
        if self.interest() == Interest::Drop || self.inbox.borrow().is_empty() {
            self.fail();
        }
    }

    /// The same, once the application took a message: there may be room now.
    pub(super) fn hear_more(&self, py: Python<'_>) {
        if self.stage.get() == Stage::Open && self.inbox.borrow().has_room() {
            self.hear(py);
        }
    }

    /// Whether nothing is read because the application takes nothing.
    pub(super) fn is_full(&self) -> bool {
        self.interest() == Interest::Keep && !self.inbox.borrow().has_room()
    }

    pub(super) fn interest(&self) -> Interest {
        let ends = matches!(self.ending.get(), Ending::Awaiting { .. } | Ending::Over);
        if self.stage.get() == Stage::Open && !ends {
            Interest::Keep
        } else {
            Interest::Drop
        }
    }

    fn hear_bytes(&self, py: Python<'_>, unread: &mut Unread) -> Stop {
        let mut replies = Vec::new();
        let room = if self.responder.has_room() {
            Room::Some
        } else {
            Room::None
        };
        let stop = match &mut *self.session.borrow_mut() {
            None => Stop::Used,
            Some(session) => {
                session.receiver.forgive(self.unheard.take());
                let interest = self.interest();
                let mut ear = Ear {
                    inbox: &mut self.inbox.borrow_mut(),
                    interest,
                    room,
                    expected: None,
                    owed: self.owed.take(),
                };
                let stop = ear.hear(py, session, unread, &mut replies);
                self.owed.replace(ear.owed);
                if ear.expected.is_some() {
                    self.expect(ear.expected);
                }
                stop
            }
        };
        self.put(&replies);
        stop
    }
}

/// What hears, and where it goes.
struct Ear<'a> {
    inbox: &'a mut Inbox,
    interest: Interest,
    room: Room,
    /// The last message that is worth expecting another of.
    expected: Option<usize>,
    /// The last ping that was not answered: one pong answers all before it (RFC 6455 section 5.5.3).
    owed: Option<Vec<u8>>,
}

/// Whether the client reads what it is sent. Pongs that nobody reads would pile up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Room {
    None,
    Some,
}

impl Ear<'_> {
    fn hear(
        &mut self,
        py: Python<'_>,
        session: &mut Session,
        unread: &mut Unread,
        replies: &mut Vec<u8>,
    ) -> Stop {
        let place = unread.place();
        let mut bytes = unread.bytes(py);
        let length = bytes.len();
        let stop = loop {
            if self.interest == Interest::Keep {
                if !self.inbox.has_room() {
                    break Stop::Full;
                }
                let wants = |large: &Large, there| place.suits(large, there);
                if let Some(large) = session.receiver.begin_large(&mut bytes, wants) {
                    break Stop::Large(large);
                }
            }
            let keep = |heard| self.interest.keep(py, heard);
            match session.receiver.receive_as(&mut bytes, keep) {
                Ok(None) => break Stop::Used,
                Ok(Some(Event::Message(Some(message)))) => {
                    self.expected = message.expects().or(self.expected);
                    self.inbox.push(message);
                }
                Ok(Some(Event::Message(None) | Event::Pong(_))) => {}
                Ok(Some(Event::Ping(payload))) if self.room == Room::Some => {
                    session.sender.pong(payload, replies);
                }
                Ok(Some(Event::Ping(payload))) => self.owe(payload),
                Ok(Some(Event::Close(close))) => {
                    session.sender.answer(close, replies);
                    break Stop::Close(close.number(), close.reason.to_owned());
                }
                Err(failure) => break Stop::Failure(failure),
            }
        };
        let used = length - bytes.len();
        unread.use_up(used);
        stop
    }

    fn owe(&mut self, payload: &[u8]) {
        let owed = self.owed.get_or_insert_default();
        owed.clear();
        owed.extend_from_slice(payload);
    }
}

impl Interest {
    fn keep(self, py: Python<'_>, heard: Heard<'_>) -> Result<Option<Waiting>, Failure> {
        match self {
            Self::Keep => Waiting::new(py, heard).map(Some),
            Self::Drop => heard.message().map(|_| None), // it has to be text all the same
        }
    }
}
