//! One WebSocket: the protocol of `rgunicorn-websocket` between a tunnel and an application.
//!
//! What the client sends becomes messages in the turn in which it comes, whether the application waits
//! for them or not, so that pings and goodbyes are answered at once. How many are read ahead is bounded
//! ([`inbox`]); beyond that the tunnel is not read. What the application may say when is in [`stage`].
//!
//! Knows no version of HTTP: the core makes a tunnel of what the client asked for.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::rc::Weak;
use std::time::Instant;

use pyo3::prelude::*;
use rgunicorn_core::exchange::Interest;
use rgunicorn_core::responder::Flow;
use rgunicorn_core::responder::Responder;
use rgunicorn_websocket::Failure;
use rgunicorn_websocket::Handshake;
use rgunicorn_websocket::Session;

use crate::awaited::Awaited;
use crate::awaited::Sleeper;
use crate::call::CallContext;
use crate::hooks::Record;
use crate::settings::WebSocketSettings;

mod arriving;
mod callables;
mod ending;
mod events;
mod hearing;
mod inbox;
mod keepalive;
mod opening;
mod saying;
mod share;
mod stage;
mod unread;

pub(crate) use callables::WebSocket;
pub(crate) use ending::called;
pub(crate) use opening::Opening;
pub(crate) use opening::Rejected;

use arriving::Arriving;
use ending::Ending;
use ending::Goodbye;
use inbox::Inbox;
use keepalive::Keepalive;
use share::Share;
use stage::Stage;
use unread::Unread;

/// One call of the application for a WebSocket.
pub(crate) struct Socket {
    responder: Responder,
    context: Rc<CallContext>,
    settings: Rc<WebSocketSettings>,
    /// The hooks around this request, where there are any.
    hooks: Option<Record>,
    handshake: RefCell<Option<Handshake>>,
    /// Once the application has accepted.
    session: RefCell<Option<Box<Session>>>,
    stage: Cell<Stage>,
    told: Cell<Told>,
    inbox: RefCell<Inbox>,
    share: Cell<Share>,
    unread: RefCell<Unread>,
    /// The large message that is next, if its head came.
    arriving: RefCell<Option<Arriving>>,
    /// Bytes of the last message that was large, if such came last: one like it is likely next.
    expected: Cell<Option<usize>>,
    /// The payload of a ping that could not be answered yet.
    owed: RefCell<Option<Vec<u8>>>,
    /// What the client got wrong, while the application has yet to answer what came before it.
    failure: Cell<Option<Failure>>,
    /// What the application will hear last, once that is known.
    goodbye: RefCell<Option<Goodbye>>,
    ending: Cell<Ending>,
    keepalive: Cell<Option<Keepalive>>,
    /// Looks since the application last sent a message.
    quiet: Cell<u32>,
    /// Looks since the client last sent anything.
    unheard: Cell<u32>,
    sleepers: RefCell<Vec<(Weak<Interest>, Sleeper)>>,
}

/// Whether the application has had `websocket.connect`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Told {
    Nothing,
    Connect,
}

impl Socket {
    pub(crate) fn new(
        responder: Responder,
        context: Rc<CallContext>,
        settings: Rc<WebSocketSettings>,
        hooks: Option<Record>,
        handshake: Handshake,
    ) -> Rc<Self> {
        Rc::new(Self {
            responder,
            context,
            inbox: RefCell::new(Inbox::new(settings.max_queue)),
            settings,
            hooks,
            handshake: RefCell::new(Some(handshake)),
            session: RefCell::default(),
            stage: Cell::new(Stage::Handshaking),
            told: Cell::new(Told::Nothing),
            share: Cell::default(),
            unread: RefCell::default(),
            arriving: RefCell::default(),
            expected: Cell::default(),
            owed: RefCell::default(),
            failure: Cell::default(),
            goodbye: RefCell::default(),
            ending: Cell::new(Ending::None),
            keepalive: Cell::default(),
            quiet: Cell::new(0),
            unheard: Cell::new(0),
            sleepers: RefCell::default(),
        })
    }

    /// Follows the tunnel from here on, and calls the hook that comes before the application.
    ///
    /// # Errors
    /// What the hook raises.
    pub(crate) fn begin(self: &Rc<Self>, py: Python<'_>) -> PyResult<()> {
        self.responder.watch(Rc::<Self>::clone(self));
        self.hooks.as_ref().map_or(Ok(()), |hooks| hooks.before(py))
    }

    /// What `send` gives that need not wait.
    fn done<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.context.done.bind(py).clone()
    }

    /// Wakes who waits for an event, if there is one.
    fn wake(&self, by: impl Fn(&Sleeper)) {
        if self.inbox.borrow().is_empty() && self.goodbye.borrow().is_none() {
            return;
        }
        let sleepers = self.sleepers.take();
        for (interest, sleeper) in sleepers {
            if interest.strong_count() > 0 {
                by(&sleeper);
            }
        }
    }
}

impl Awaited for Socket {
    fn next_event<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.told.replace(Told::Connect) == Told::Nothing {
            return events::connect(py).map(Some);
        }
        let mut share = self.share.get();
        if share.is_used() {
            return Ok(None);
        }
        let message = self.inbox.borrow_mut().pop();
        if let Some(message) = message {
            share.take(Instant::now);
            self.share.set(share);
            self.hear_more(py);
            return events::receive(py, &message).map(Some);
        }
        self.fail();
        let goodbye = self.goodbye.borrow().clone();
        match goodbye {
            Some(goodbye) => events::disconnect(py, goodbye.code, &goodbye.reason).map(Some),
            None => Ok(None),
        }
    }

    fn gives_way(&self) -> bool {
        self.share.take().is_used()
    }

    fn when_event(&self, interest: &Rc<Interest>, sleeper: Sleeper) {
        let mut sleepers = self.sleepers.borrow_mut();
        // An application may wait, and give up, as often as it likes.
        let gone: Vec<_> = sleepers
            .extract_if(.., |(interest, _)| interest.strong_count() == 0)
            .collect();
        sleepers.push((Rc::downgrade(interest), sleeper));
        drop(sleepers);
        drop(gone); // let go of only when nothing is borrowed
    }

    fn responder(&self) -> &Responder {
        &self.responder
    }

    fn future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.context.future(py)
    }
}

/// What a `send` came to.
type Sent = PyResult<Flow>;
