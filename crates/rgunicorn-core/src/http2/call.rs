//! Second phase of a turn: requests reach the application, and their bodies.

use std::io;
use std::rc::Rc;
use std::rc::Weak;

use bytes::Bytes;
use h2::Reason;
use h2::RecvStream;
use h2::server::SendResponse;
use http::Request as H2Request;

use super::Http2;
use super::Phase;
use super::lane::Ends;
use super::lane::Fed;
use super::lane::Lane;
use super::lane::Respond;
use super::lane::Stage;
use super::request;
use crate::app::App;
use crate::app::Bodies;
use crate::exchange::BodyState;
use crate::exchange::Exchange;
use crate::exchange::Expectation;
use crate::exchange::Transport;
use crate::parser::Rejection;
use crate::proxy::Family;
use crate::ready::Token;
use crate::request::Request;
use crate::request::Scheme;
use crate::responder::Responder;
use crate::settings::BODY_HIGH_WATER;
use crate::settings::CALLS_OF_A_CLIENT;

impl Http2 {
    /// Takes up one request: gives it a lane, and an exchange.
    pub(super) fn take_up(&self, request: H2Request<RecvStream>, respond: SendResponse<Bytes>) {
        self.phase.set(Phase::Serving);
        let stream = respond.stream_id().as_u32();
        self.frames.borrow_mut().note_handed(stream);
        let (parts, receive) = request.into_parts();
        let exchange = self.state.take_exchange();
        let read = request::head(
            &mut exchange.head.borrow_mut(),
            &parts,
            &self.state.settings,
        );
        let (token, lane) = self.vacant_lane();
        let transport: Weak<dyn Transport> = Rc::downgrade(&lane) as Weak<Lane>;
        exchange.begin(transport, self.state.stamp());
        if receive.is_end_stream() {
            exchange.inbound.borrow_mut().body = BodyState::Arrived;
        } else {
            exchange.head.borrow_mut().expect_body();
        }
        let ends = Ends {
            receive: Some(receive),
            respond: Some(Respond::Asked(respond)),
            send: None,
        };
        self.begin_lane(&lane, &exchange, ends);
        if lane.is_reset() {
            self.report_reset(&lane, &exchange);
            return self.client_left(token, &lane);
        }
        let claimed = parts.uri.scheme_str();
        match read.and_then(|()| self.take_forwarded(&lane, &exchange, claimed)) {
            Ok(()) => self.callable.borrow_mut().push_back(token),
            Err(rejection) => self.reject(token, &lane, rejection),
        }
    }

    pub(super) fn begin_lane(&self, lane: &Lane, exchange: &Rc<Exchange>, ends: Ends) {
        if self.state.farewell.get() {
            exchange.farewell.bid();
        }
        lane.begin(Rc::clone(exchange), ends);
        lane.stage.set(Stage::Callable);
    }

    /// Takes what a trusted proxy says about this request, the scheme too, where no field says it.
    fn take_forwarded(
        &self,
        lane: &Lane,
        exchange: &Exchange,
        claimed: Option<&str>,
    ) -> Result<(), Rejection> {
        let head = exchange.head.borrow();
        let settings = &self.state.settings.proxy;
        let mut forwarded = self.peer.forwarded(&head, settings)?;
        let is_news = claimed == Some("https") && self.peer.scheme == Scheme::Http;
        if is_news && settings.family != Family::None && self.peer.is_in(&settings.trusted) {
            let said = Rc::make_mut(forwarded.get_or_insert_default());
            said.scheme.get_or_insert(Scheme::Https);
        }
        lane.forwarded.replace(forwarded);
        Ok(())
    }

    /// Moves bodies to applications; calls the application for requests that came.
    pub(crate) fn advance<A: App>(&self, app: &A) {
        let mut batch = self.batch.take();
        self.ready.take(&mut batch, usize::MAX);
        if self.overheard.replace(false) {
            batch.clear();
            batch.extend(0..self.lanes.borrow().len());
        }
        for token in batch.drain(..) {
            let lane = self.lane(token);
            lane.readiness.begin();
            self.advance_lane(token, &lane);
        }
        self.batch.replace(batch);
        self.call_some(app);
    }

    fn advance_lane(&self, token: Token, lane: &Lane) {
        let Some(exchange) = lane.exchange() else {
            return;
        };
        lane.readiness.mark(); // for its turn to write
        let fed = match lane.stage.get() {
            Stage::Exchanging if exchange.is_tunnel.get() => {
                return self.advance_tunnel(token, lane, &exchange);
            }
            Stage::Gathering => return self.gather(token, lane),
            Stage::Callable | Stage::Free => Fed::Nothing,
            Stage::Exchanging => lane.feed(&exchange),
        };
        match fed {
            Fed::Something => {
                exchange.inbound.borrow_mut().expectation = Expectation::None; // it came unasked
                exchange.wake_readers();
            }
            Fed::Gone => self.client_left(token, lane),
            Fed::Malformed(rejection) => self.reject(token, lane, rejection),
            Fed::Nothing if lane.is_reset() => self.client_left(token, lane),
            Fed::Nothing => {}
        }
    }

    /// Whether requests wait for their turn to call the application.
    pub(crate) fn has_calls(&self) -> bool {
        !self.callable.borrow().is_empty()
    }

    /// Calls the application for some of the requests that wait, the oldest first. Others have their turn then, however
    /// many streams a client has open.
    pub(crate) fn call_some<A: App>(&self, app: &A) {
        let most = match app.bodies() {
            Bodies::Streamed | Bodies::Gathered => CALLS_OF_A_CLIENT,
            Bodies::Whole => 1, // each call may take long
        };
        for _ in 0..most {
            let Some(token) = self.callable.borrow_mut().pop_front() else {
                return;
            };
            let lane = self.lane(token);
            if lane.stage.get() == Stage::Callable {
                self.begin(app, token, &lane);
            }
        }
    }

    fn begin<A: App>(&self, app: &A, token: Token, lane: &Lane) {
        let Some(exchange) = lane.exchange() else {
            return;
        };
        if exchange
            .head
            .borrow()
            .protocol()
            .is_some_and(|protocol| !app.speaks(protocol))
        {
            return self.reject(token, lane, Rejection::Protocol);
        }
        let most = self.state.settings.most_calls;
        if most.is_some_and(|most| app.running() >= most.get()) {
            return self.refuse(token, lane);
        }
        if app.bodies() != Bodies::Streamed && exchange.awaits_rest() {
            lane.stage.set(Stage::Gathering);
            exchange.inbound.borrow_mut().expectation = expectation(&exchange, Expectation::Due);
            lane.readiness.mark();
            return self.gather(token, lane);
        }
        match lane.feed(&exchange) {
            Fed::Gone => return self.client_left(token, lane),
            Fed::Malformed(rejection) => return self.reject(token, lane, rejection),
            Fed::Something | Fed::Nothing => {}
        }
        let expected = expectation(&exchange, Expectation::Waiting);
        exchange.inbound.borrow_mut().expectation = expected;
        self.call(app, lane, &exchange);
    }

    fn call<A: App>(&self, app: &A, lane: &Lane, exchange: &Rc<Exchange>) {
        lane.stage.set(Stage::Exchanging);
        // It has all of the request, and no way to hear that nobody waits.
        exchange
            .outlasts_client
            .set(app.bodies() != Bodies::Streamed);
        lane.readiness.mark(); // even if it says nothing at once, it is watched
        self.state.usage.count();
        let head = exchange.head.borrow();
        let forwarded = lane.forwarded.borrow().clone();
        let request = Request {
            head: &head,
            peer: &self.peer,
            forwarded: forwarded.as_deref(),
            pushing: self.pushing(),
        };
        app.call(request, Responder::new(Rc::clone(exchange)));
    }

    /// Collects a body, for an application that is called with nothing less.
    fn gather(&self, token: Token, lane: &Lane) {
        let Some(exchange) = lane.exchange() else {
            return;
        };
        match self.collect(lane, &exchange) {
            Ok(Fed::Something) => {
                lane.stage.set(Stage::Callable);
                self.callable.borrow_mut().push_back(token);
            }
            Ok(Fed::Nothing) => {}
            Ok(Fed::Gone) => self.client_left(token, lane),
            Ok(Fed::Malformed(rejection)) => self.reject(token, lane, rejection),
            Err(error) => {
                tracing::error!(
                    "Cannot keep a request body in {} (tmp_upload_dir): {error}",
                    self.state.settings.spool_directory.display()
                );
                self.answer(token, lane, 500, "Internal Server Error\n");
            }
        }
    }

    /// Takes what came of a body. [`Fed::Something`] is all of it.
    fn collect(&self, lane: &Lane, exchange: &Exchange) -> io::Result<Fed> {
        loop {
            let fed = lane.feed(exchange);
            if matches!(fed, Fed::Gone | Fed::Malformed(_)) {
                return Ok(fed);
            }
            let mut inbound = exchange.inbound.borrow_mut();
            let inbound = &mut *inbound;
            if !inbound.data.is_empty() {
                inbound.expectation = Expectation::None; // it came
            }
            if inbound.body == BodyState::Arrived {
                inbound.whole = Some(inbound.spool.finish(&mut inbound.data)?);
                return Ok(Fed::Something);
            }
            lane.release_all_but(0);
            if inbound.data.len() < BODY_HIGH_WATER {
                return Ok(Fed::Nothing);
            }
            let directory = &self.state.settings.spool_directory;
            inbound.spool.put_away(&mut inbound.data, directory)?;
        }
    }

    /// The client took its request back.
    pub(super) fn client_left(&self, token: Token, lane: &Lane) {
        self.drop_lane(token, lane, Reason::CANCEL);
    }
}

/// `wanted`, if the client holds its body back.
fn expectation(exchange: &Exchange, wanted: Expectation) -> Expectation {
    let inbound = exchange.inbound.borrow();
    let waits = exchange.head.borrow().expects_continue();
    if waits && inbound.body == BodyState::Arriving && inbound.data.is_empty() {
        wanted
    } else {
        Expectation::None
    }
}
