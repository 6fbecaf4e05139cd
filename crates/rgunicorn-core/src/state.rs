//! What all connections of a worker share.

use std::cell::Cell;
use std::cell::RefCell;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use crate::access_log::AccessLog;
use crate::access_log::AccessRecord;
use crate::clock::Clock;
use crate::encode::Persistence;
use crate::exchange::Exchange;
use crate::parser::Head;
use crate::proxy::Forwarded;
use crate::ready::ReadyList;
use crate::refusal_log::RefusalLog;
use crate::request::Peer;
use crate::response::ResponseHead;
use crate::settings::READ_SIZE;
use crate::settings::Settings;
use crate::settings::WARNING_INTERVAL;
use crate::stream::Endpoint;
use crate::stream::First;

/// Used buffers and exchanges kept for the next connection that needs one.
const SPARES: usize = 128;

/// Shared by the connections of one worker.
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) tls: Option<Rc<Endpoint>>,
    pub(crate) clock: Clock,
    pub(crate) ready: ReadyList,
    /// Bytes read from all sockets in this turn.
    pub(crate) read: Cell<usize>,
    pub(crate) access_log: RefCell<Option<AccessLog>>,
    pub(crate) refusal_log: RefusalLog,
    phase: Cell<Phase>,
    /// Whether applications are told that their clients left, although they did not.
    pub(crate) farewell: Cell<bool>,
    /// Whether those who watch their exchanges were told of the drain.
    pub(crate) announced: Cell<bool>,
    /// Whether new clients wait for those who have a connection to leave.
    pub(crate) places_are_wanted: Cell<bool>,
    pub(crate) crowded: Warning,
    pub(crate) overloaded: Warning,
    pub(crate) usage: Usage,
    buffers: RefCell<Vec<Vec<u8>>>,
    exchanges: RefCell<Vec<Rc<Exchange>>>,
}

/// Where the server is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Taking connections.
    Serving,
    /// Taking no more; finishing what began.
    Draining {
        /// Since when.
        since: Instant,
    },
}

/// A warning that is not repeated for every client it is about.
#[derive(Debug, Default)]
pub(crate) struct Warning {
    last: Cell<Option<Instant>>,
}

impl Warning {
    /// Whether to log it now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        let recent = |last| now.duration_since(last) < WARNING_INTERVAL;
        let due = !self.last.get().is_some_and(recent);
        if due {
            self.last.set(Some(now));
        }
        due
    }
}

/// How often the application may still be called before that is enough.
#[derive(Debug)]
pub(crate) struct Usage {
    calls: Cell<u64>,
    enough: u64,
    watcher: RefCell<Option<Waker>>,
}

impl Usage {
    fn new(enough: Option<NonZeroU64>) -> Self {
        Self {
            calls: Cell::new(0),
            enough: enough.map_or(u64::MAX, NonZeroU64::get),
            watcher: RefCell::default(),
        }
    }

    /// One more call.
    pub(crate) fn count(&self) {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() >= self.enough
            && let Some(watcher) = self.watcher.take()
        {
            watcher.wake();
        }
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// Ready once it was called enough.
    pub(crate) fn poll_enough(&self, context: &Context<'_>) -> Poll<()> {
        if self.calls.get() >= self.enough {
            return Poll::Ready(());
        }
        self.watcher.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

/// An answer, for the access log.
pub(crate) struct Answered<'a> {
    pub(crate) head: Option<&'a Head>,
    /// What came instead of a request line, when there is no head.
    pub(crate) request_line: &'a [u8],
    pub(crate) response: &'a ResponseHead,
    pub(crate) body_bytes: u64,
    pub(crate) elapsed: Duration,
}

impl State {
    pub(crate) fn new(settings: Settings, access_log: Option<AccessLog>) -> Self {
        let first = match settings.proxy.protocol {
            Some(_) => First::Preamble,
            None => First::Hello,
        };
        let tls = settings.tls.clone();
        let enough_calls = settings.enough_calls;
        Self {
            tls: tls.map(|tls| Endpoint::new(tls, first)),
            settings,
            clock: Clock::new(),
            ready: ReadyList::default(),
            read: Cell::new(0),
            access_log: RefCell::new(access_log),
            refusal_log: RefusalLog::default(),
            phase: Cell::new(Phase::Serving),
            farewell: Cell::new(false),
            announced: Cell::new(false),
            places_are_wanted: Cell::new(false),
            crowded: Warning::default(),
            overloaded: Warning::default(),
            usage: Usage::new(enough_calls),
            buffers: RefCell::default(),
            exchanges: RefCell::default(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Begins to drain. A second call changes nothing.
    pub(crate) fn begin_drain(&self) {
        if self.phase.get() == Phase::Serving {
            self.phase.set(Phase::Draining {
                since: Instant::now(),
            });
        }
    }

    /// Whether connections may outlive the response being written.
    pub(crate) fn persistence(&self) -> Persistence {
        let serving = self.phase.get() == Phase::Serving && !self.places_are_wanted.get();
        if serving && !self.settings.keep_alive.is_zero() {
            Persistence::Keep
        } else {
            Persistence::Close
        }
    }

    /// When an exchange begins: exact where somebody will read it in a log.
    pub(crate) fn stamp(&self) -> Instant {
        if self.access_log.borrow().is_some() {
            Instant::now()
        } else {
            self.clock.now()
        }
    }

    /// Writes the access log's line of one answer.
    pub(crate) fn record(
        &self,
        peer: &Peer,
        forwarded: Option<&Forwarded>,
        answered: &Answered<'_>,
    ) {
        let Some(log) = &mut *self.access_log.borrow_mut() else {
            return;
        };
        let named = forwarded.and_then(|said| said.client.as_ref());
        let port = || peer.client().map_or(0, |address| address.port());
        log.record(&AccessRecord {
            head: answered.head,
            request_line: answered.request_line,
            client: named.map_or_else(|| peer.client_text(), |client| &client.host),
            client_port: named.map_or_else(port, |client| client.port),
            server: peer.server(),
            scheme: peer.scheme,
            forwarded,
            status: answered.response.status(),
            body_bytes: answered.body_bytes,
            response_fields: answered.response.fields(),
            elapsed: answered.elapsed,
            now: self.clock.wall(),
            pid: std::process::id(),
        });
    }

    /// An empty buffer for one read.
    pub(crate) fn take_buffer(&self) -> Vec<u8> {
        let spare = self.buffers.borrow_mut().pop();
        spare.unwrap_or_else(|| Vec::with_capacity(READ_SIZE))
    }

    pub(crate) fn give_buffer(&self, mut buffer: Vec<u8>) {
        let mut buffers = self.buffers.borrow_mut();
        let is_usual = (READ_SIZE..=2 * READ_SIZE).contains(&buffer.capacity());
        if buffers.len() < SPARES && is_usual {
            buffer.clear();
            buffers.push(buffer);
        }
    }

    pub(crate) fn take_exchange(&self) -> Rc<Exchange> {
        let spare = self.exchanges.borrow_mut().pop();
        spare.unwrap_or_else(|| Rc::new(Exchange::new()))
    }

    /// Keeps an exchange for reuse, unless the application still holds it.
    pub(crate) fn give_exchange(&self, exchange: Rc<Exchange>) {
        if Rc::strong_count(&exchange) == 1 && self.exchanges.borrow().len() < SPARES {
            exchange.rest();
            self.exchanges.borrow_mut().push(exchange);
        }
    }
}
