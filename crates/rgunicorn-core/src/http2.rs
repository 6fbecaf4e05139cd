//! One HTTP/2 connection, from its preface to its last frame.
//!
//! It takes its turns as one of HTTP/1 does: [`Http2::read`], [`Http2::advance`], [`Http2::write`]. Frames, compression,
//! flow control and the states of streams are the h2 crate's, which is fed and emptied through a [`pipe`], and never
//! asked to wait: every turn polls it. Each of its streams is a [`lane`] with an exchange of its own; those that
//! something happened to are on a list, so that a turn costs what happened, and not how many there are.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::rc::Weak;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::Builder;
use h2::server::Connection;
use h2::server::Handshake;
use http::HeaderValue;

use crate::connection::Departure;
use crate::connection::Fate;
use crate::frames::Frames;
use crate::input::Filled;
use crate::input::discard_all;
use crate::ready::Readiness;
use crate::ready::ReadyList;
use crate::ready::Token;
use crate::request::Peer;
use crate::settings::Http2Settings;
use crate::settings::PIPELINE_LIMIT;
use crate::state::State;

mod answer;
mod call;
mod close;
mod deadlines;
mod kept;
mod lane;
mod pings;
mod pipe;
mod push;
mod request;
mod response;
mod transport;
mod tunnel;
mod upgrade;
mod write;

use lane::Lane;
use pings::Pings;
use pipe::H2Side;
use pipe::Pipe;
use upgrade::Interposed;

/// One client that speaks HTTP/2.
pub(crate) struct Http2 {
    state: Rc<State>,
    peer: Rc<Peer>,
    readiness: Readiness,
    /// Ourselves, for lanes to reach their connection by.
    this: Weak<Self>,
    pipe: Pipe,
    frames: RefCell<Frames>,
    h2: RefCell<H2>,
    lanes: RefCell<Vec<Rc<Lane>>>,
    free: RefCell<Vec<Token>>,
    /// The lanes to which something happened.
    ready: ReadyList,
    /// Room for those whose turn it is.
    batch: RefCell<Vec<Token>>,
    /// Those whose requests wait for their turn to call the application.
    callable: RefCell<VecDeque<Token>>,
    /// Whether something may have come that no lane on the list stands for.
    overheard: Cell<bool>,
    /// Requests that were answered before all of them came, and since when.
    unfinished: RefCell<VecDeque<(RecvStream, Instant)>>,
    phase: Cell<Phase>,
    /// When the present wait began; deadlines count from here.
    since: Cell<Instant>,
    turn: Cell<Turn>,
    goodbye: Cell<Goodbye>,
    waits: deadlines::Waits,
    pings: Pings,
    date: RefCell<Option<([u8; 29], HeaderValue)>>,
}

/// The h2 crate's side of a connection.
enum H2 {
    /// Until the preface is there.
    Opening(Handshake<H2Side, Bytes>),
    Open(Connection<H2Side, Bytes>),
    Over,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// A new client's first request.
    AwaitingFirst,
    /// Requests, their bodies, and answers.
    Serving,
    /// The last bytes to be written.
    Ending,
    /// The client's end, so that a reset does not destroy what it has not read.
    Lingering,
    /// Nothing: it is over.
    Closed,
}

/// Whether this connection is being served right now, so that it need not ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    Waiting,
    Running,
}

/// Whether the client knows that its next request has to go elsewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Goodbye {
    Unsaid,
    Said,
}

impl Http2 {
    pub(crate) fn new(departure: Departure) -> Rc<Self> {
        let Departure {
            state,
            peer,
            readiness,
            stream,
            input,
            upgrade,
        } = departure;
        let pipe = Pipe::new(stream, input);
        let mut frames = Frames::new();
        if let Some(upgrade) = upgrade {
            frames.note_upgrade();
            pipe.interpose(upgrade::SWITCHING, Interposed::new(upgrade));
        }
        pipe.count_first(&mut frames);
        let handshake = builder(&state.settings.http2).handshake(pipe.h2_side());
        let since = Instant::now();
        readiness.mark();
        Rc::new_cyclic(|this| Self {
            pings: Pings::new(&state.settings.http2),
            state,
            peer,
            readiness,
            this: this.clone(),
            pipe,
            frames: RefCell::new(frames),
            h2: RefCell::new(H2::Opening(handshake)),
            lanes: RefCell::default(),
            free: RefCell::default(),
            ready: ReadyList::default(),
            batch: RefCell::default(),
            callable: RefCell::default(),
            overheard: Cell::new(false),
            unfinished: RefCell::default(),
            phase: Cell::new(Phase::AwaitingFirst),
            since: Cell::new(since),
            turn: Cell::new(Turn::Waiting),
            goodbye: Cell::new(Goodbye::Unsaid),
            waits: deadlines::Waits::default(),
            date: RefCell::default(),
        })
    }

    /// First phase of a turn: takes what the socket holds, and the requests in it.
    pub(crate) fn read(&self) {
        self.readiness.begin();
        self.turn.set(Turn::Running);
        match self.phase.get() {
            Phase::Lingering => return self.read_lingering(),
            Phase::Ending | Phase::Closed => return,
            Phase::AwaitingFirst | Phase::Serving => {}
        }
        self.adapt_window();
        self.tell_end_if_due();
        if self.pipe.unread() < PIPELINE_LIMIT {
            let mut context = Context::from_waker(self.readiness.waker());
            let mut frames = self.frames.borrow_mut();
            if self.pipe.fill(&mut context, &self.state, &mut frames) == Filled::Some {
                self.readiness.mark();
            }
        }
        let verdict = self.frames.borrow().verdict();
        match verdict {
            Some(offence) => self.end_for(&offence, offence.reason()),
            None => self.accept(),
        }
    }

    /// Has h2 read what came, and takes up the requests in it.
    fn accept(&self) {
        if let Err(error) = self.poll_opening() {
            return self.fail(&error);
        }
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let polled = match &mut *self.h2.borrow_mut() {
                H2::Open(connection) => connection.poll_accept(&mut context),
                H2::Opening(_) | H2::Over => return,
            };
            match polled {
                Poll::Ready(Some(Ok((request, respond)))) => self.take_up(request, respond),
                Poll::Ready(Some(Err(error))) => {
                    self.amend(&error);
                    return self.fail(&error);
                }
                Poll::Ready(None) => return self.end(),
                Poll::Pending => return self.report_kept(),
            }
        }
    }

    /// Goes on with the handshake, if it is not over.
    pub(super) fn poll_opening(&self) -> Result<(), h2::Error> {
        let h2 = &mut *self.h2.borrow_mut();
        let H2::Opening(handshake) = h2 else {
            return Ok(());
        };
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(connection) = Pin::new(handshake).poll(&mut context) else {
            return Ok(());
        };
        let mut connection = connection?;
        self.pings.begin(&mut connection);
        *h2 = H2::Open(connection);
        Ok(())
    }

    fn lane(&self, token: Token) -> Rc<Lane> {
        Rc::clone(&self.lanes.borrow()[token])
    }

    /// A place for one more stream.
    fn vacant_lane(&self) -> (Token, Rc<Lane>) {
        if let Some(token) = self.free.borrow_mut().pop() {
            return (token, self.lane(token));
        }
        let mut lanes = self.lanes.borrow_mut();
        let token = lanes.len();
        let lane = Lane::new(self.this.clone(), token, self.ready.readiness(token));
        lanes.push(Rc::clone(&lane));
        (token, lane)
    }

    /// How many streams carry an exchange.
    fn busy_lanes(&self) -> usize {
        self.lanes.borrow().len() - self.free.borrow().len()
    }

    /// The `date` field, made once a second.
    fn date(&self) -> HeaderValue {
        let now = self.state.clock.date();
        let mut kept = self.date.borrow_mut();
        match &*kept {
            Some((then, value)) if *then == now => value.clone(),
            _ => {
                let value = HeaderValue::from_bytes(&now);
                let value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
                *kept = Some((now, value.clone()));
                value
            }
        }
    }

    /// Waits for the next turn: this one took too long already.
    pub(crate) fn postpone(&self) {
        self.turn.set(Turn::Waiting);
        self.readiness.mark();
    }

    /// Ends the turn of this connection.
    pub(crate) fn rest(&self) -> Fate {
        self.turn.set(Turn::Waiting);
        if self.phase.get() == Phase::Closed {
            return Fate::Over;
        }
        let waits = !self.callable.borrow().is_empty() || self.overheard.get() || self.is_end_due();
        if waits || (self.ready.has_some() && !self.pipe.is_blocked()) {
            self.readiness.mark();
        }
        self.pipe.rest(&self.state);
        Fate::Alive
    }

    fn read_lingering(&self) {
        let mut context = Context::from_waker(self.readiness.waker());
        let mut stream = self.pipe.stream().borrow_mut();
        let end = discard_all(&mut stream, &mut context);
        drop(stream);
        if !matches!(end, Ok(crate::input::End::Open)) {
            self.close();
        }
    }

    /// Gives the connection a turn, in which it says so.
    pub(crate) fn wake_for_goodbye(&self) {
        self.readiness.mark();
    }
}

fn builder(settings: &Http2Settings) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(settings.most_streams)
        .initial_window_size(settings.window)
        .initial_connection_window_size(settings.window.max(CONNECTION_WINDOW))
        .max_frame_size(settings.frame_size)
        .max_header_list_size(settings.header_list_size)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .enable_connect_protocol();
    builder
}

/// Bytes of all request bodies of one client that may wait for their applications.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Bytes of one answer that h2 may hold at once.
const SEND_BUFFER: usize = 128 * 1024;

/// Streams that were reset before a turn saw them.
const PENDING_RESETS: usize = 100;
