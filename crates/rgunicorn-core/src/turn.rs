//! The worker's one loop over its ready connections.
//!
//! A turn has three phases: read every ready connection, let each call the
//! application, write every response. Writing each response as its call
//! returns would wake its client in between, and drag the kernel's path
//! through the cache between two calls of the application.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::time::Instant;

use slab::Slab;

use crate::accept::Acceptor;
use crate::app::App;
use crate::app::Bodies;
use crate::client::Client;
use crate::connection::Connection;
use crate::connection::Fate;
use crate::ready::Remaining;
use crate::ready::Token;
use crate::settings::ACCEPT_BUDGET;
use crate::settings::CALLS_BETWEEN;
use crate::settings::CALLS_BUDGET;
use crate::settings::TURN_BUDGET;
use crate::settings::TURN_READ_BUDGET;
use crate::state::Phase;
use crate::state::State;

mod sweep;

use sweep::Sweep;

/// The connections of one worker, and how they take turns.
pub(crate) struct Turns {
    state: Rc<State>,
    acceptors: Vec<Acceptor>,
    connections: Slab<Client>,
    batch: Vec<Token>,
    /// Who was ready, and is first in the next turn.
    later: Vec<Token>,
    sweep: Sweep,
    crowd: Crowd,
}

/// Whether new clients are kept waiting by the limit on connections.
enum Crowd {
    /// There is room for all who come.
    None,
    /// The backlog is not looked at. Each of these was idle at the last sweep
    /// and could make room; the longest idle is last.
    Waiting(Vec<Token>),
}

/// Where a new client may go.
enum Room {
    Free,
    /// In the place of an idle one.
    InsteadOf(Token),
    None,
}

impl Turns {
    pub(crate) fn new(state: Rc<State>, acceptors: Vec<Acceptor>) -> Self {
        Self {
            state,
            acceptors,
            connections: Slab::new(),
            batch: Vec::new(),
            later: Vec::new(),
            sweep: Sweep::Off,
            crowd: Crowd::None,
        }
    }

    /// One turn. Ready once a drain has come to its end.
    pub(crate) fn poll<A: App>(&mut self, app: &A, context: &mut Context<'_>) -> Poll<()> {
        self.state.ready.register(context.waker());
        self.state.clock.tick();
        self.accept(context);
        let remaining = self.begin_batch();
        self.serve(app);
        if remaining == Remaining::Some || !self.later.is_empty() {
            context.waker().wake_by_ref();
        }
        self.announce_drain();
        self.poll_sweep(context);
        if let Some(log) = &mut *self.state.access_log.borrow_mut() {
            log.flush();
        }
        if self.could_admit() {
            context.waker().wake_by_ref();
        }
        let served = self.connections.is_empty() && self.acceptors.is_empty();
        if self.state.phase() != Phase::Serving && served {
            self.state.refusal_log.finish();
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Once, as soon as a drain began; each later tunnel begins with it.
    fn announce_drain(&self) {
        if self.state.phase() != Phase::Serving && !self.state.announced.replace(true) {
            for (_, connection) in &self.connections {
                connection.announce_drain();
            }
        }
    }

    /// Whose turn it is. Reports whether others may be ready.
    fn begin_batch(&mut self) -> Remaining {
        if self.later.is_empty() {
            return self.state.ready.take(&mut self.batch, TURN_BUDGET);
        }
        std::mem::swap(&mut self.batch, &mut self.later);
        Remaining::Some
    }

    /// Takes what the sockets of the batch hold, within the turn's budget. Returns how many had their turn.
    fn read(&self) -> usize {
        self.state.read.set(0);
        for (index, token) in self.batch.iter().enumerate() {
            if self.state.read.get() >= TURN_READ_BUDGET {
                return index;
            }
            if let Some(connection) = self.connections.get(*token) {
                connection.read();
            }
        }
        self.batch.len()
    }

    fn serve<A: App>(&mut self, app: &A) {
        let read = self.read();
        self.later.extend(self.batch.drain(read..));
        let served = self.call(app);
        for token in self.batch.drain(served..) {
            if let Some(connection) = self.connections.get(token) {
                connection.postpone();
            }
        }
        for token in self.batch.drain(..) {
            let Some(connection) = self.connections.get_mut(token) else {
                continue;
            };
            connection.write();
            if connection.rest() == Fate::Over {
                self.connections.remove(token);
            }
        }
    }

    /// Lets the connections of the batch call the application, within the
    /// turn's budget. Returns how many had their turn.
    fn call<A: App>(&self, app: &A) -> usize {
        let between = match app.bodies() {
            Bodies::Streamed | Bodies::Gathered => CALLS_BETWEEN,
            Bodies::Whole => 1, // each call may take long
        };
        let mut has_many = false;
        for (index, token) in self.batch.iter().enumerate() {
            let look = has_many || (index > 0 && index % between == 0);
            if look && self.is_budget_used() {
                return index;
            }
            if let Some(connection) = self.connections.get(*token) {
                connection.advance(app);
                has_many = connection.has_many_streams();
            }
        }
        self.call_again(app);
        self.batch.len()
    }

    /// Rounds of some calls each, for clients that ask for many things at a time.
    fn call_again<A: App>(&self, app: &A) {
        let clients = || self.batch.iter().filter_map(|it| self.connections.get(*it));
        while clients().any(Client::has_calls) {
            for client in clients().filter(|client| client.has_calls()) {
                if self.is_budget_used() {
                    return;
                }
                client.call_some(app);
            }
        }
    }

    fn is_budget_used(&self) -> bool {
        self.state.clock.now().elapsed() >= CALLS_BUDGET
    }

    /// Takes new clients; all of them, for the last time, when draining.
    fn accept(&mut self, context: &mut Context<'_>) {
        if self.acceptors.is_empty() {
            return;
        }
        let serving = self.state.phase() == Phase::Serving;
        let budget = if serving { ACCEPT_BUDGET } else { usize::MAX };
        let mut acceptors = std::mem::take(&mut self.acceptors);
        let mut left = false;
        for acceptor in &mut acceptors {
            left |= self.accept_from(acceptor, budget, context) == Remaining::Some;
        }
        match &self.crowd {
            Crowd::None if left => self.crowd = Crowd::Waiting(Vec::new()),
            Crowd::Waiting(_) if !left => self.crowd = Crowd::None,
            Crowd::None | Crowd::Waiting(_) => {}
        }
        if serving || left {
            self.acceptors = acceptors;
        }
    }

    /// Reports whether clients may wait for whom there is no room.
    fn accept_from(
        &mut self,
        acceptor: &mut Acceptor,
        budget: usize,
        context: &mut Context<'_>,
    ) -> Remaining {
        let now = self.state.clock.now();
        for _ in 0..budget {
            let room = self.room(now);
            if matches!(room, Room::None) {
                return Remaining::Some;
            }
            let Poll::Ready((stream, peer)) = acceptor.poll_accept(context, now) else {
                return Remaining::None;
            };
            if let Room::InsteadOf(idle) = room {
                self.connections.remove(idle);
            }
            self.connect(stream, peer);
        }
        context.waker().wake_by_ref();
        Remaining::None
    }

    fn room(&mut self, now: Instant) -> Room {
        if self.has_free_place(now) {
            return Room::Free;
        }
        let Crowd::Waiting(idle) = &mut self.crowd else {
            return Room::None;
        };
        while let Some(&token) = idle.last() {
            let connection = self.connections.get(token);
            if connection.is_some_and(|connection| connection.idle_since(now).is_some()) {
                return Room::InsteadOf(token);
            }
            idle.pop();
        }
        Room::None
    }

    /// Whether the limit on connections allows for one more. It does not hold
    /// for who still waits some time after a drain began: to be left there
    /// may mean to be reset.
    fn has_free_place(&self, now: Instant) -> bool {
        let settings = &self.state.settings;
        let full = settings
            .most_connections
            .is_some_and(|most| self.connections.len() >= most.get());
        match self.state.phase() {
            Phase::Draining { since } => !full || now.duration_since(since) >= settings.drain_idle,
            Phase::Serving => !full,
        }
    }

    /// Whether somebody who waits for room would now find some.
    fn could_admit(&self) -> bool {
        match &self.crowd {
            Crowd::None => false,
            Crowd::Waiting(idle) => {
                !self.acceptors.is_empty()
                    && (!idle.is_empty() || self.has_free_place(self.state.clock.now()))
            }
        }
    }

    fn connect(&mut self, stream: crate::stream::Stream, peer: crate::request::Peer) {
        let entry = self.connections.vacant_entry();
        let readiness = self.state.ready.readiness(entry.key());
        readiness.mark();
        let state = Rc::clone(&self.state);
        entry.insert(Client::Http1(Connection::new(
            state, stream, peer, readiness,
        )));
    }

    /// Tells every application that its client left, although it did not.
    /// Returns how many there are.
    pub(crate) fn bid_farewell(&self) -> usize {
        let told = self.connections.iter();
        told.map(|(_, connection)| connection.bid_farewell()).sum()
    }

    /// Has every client told to ask elsewhere, as far as its protocol can say so before it asks.
    pub(crate) fn say_goodbye(&self) {
        for (_, connection) in &self.connections {
            connection.say_goodbye();
        }
    }

    /// Closes every connection that waits for a request.
    pub(crate) fn close_idle(&mut self) {
        self.connections
            .retain(|_, connection| !connection.is_idle());
    }

    /// Closes every connection, whatever it is doing.
    pub(crate) fn close_all(&mut self) {
        self.acceptors.clear();
        for (_, connection) in &self.connections {
            connection.break_off();
        }
        self.connections.clear();
    }

    /// How many clients are connected.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }
}

/// The turns, shared by the loop that takes them and whoever steers the server.
pub(crate) type SharedTurns = RefCell<Turns>;
