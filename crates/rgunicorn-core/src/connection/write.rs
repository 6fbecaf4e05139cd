//! Third phase of a turn: what the application gave goes to the client.

use std::io;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use super::Connection;
use super::Ending;
use super::Phase;
use crate::encode;
use crate::encode::BodyFraming;
use crate::encode::HeadFacts;
use crate::encode::Persistence;
use crate::exchange::BodyState;
use crate::exchange::Exchange;
use crate::exchange::Expectation;
use crate::exchange::Liveness;
use crate::exchange::Outbound;
use crate::exchange::Stage;
use crate::outgoing::Outgoing;
use crate::settings::WRITE_LOW_WATER;
use crate::stream::Gate;

impl Connection {
    /// Writes what can be written, and moves on once an answer is complete.
    pub(crate) fn write(&self) {
        let mut context = Context::from_waker(self.readiness.waker());
        self.write_by(&mut Gate::Runtime(&mut context));
    }

    /// The same, by whoever knows whether the socket takes bytes.
    pub(super) fn write_by(&self, gate: &mut Gate<'_, '_>) {
        let exchange = self.exchange.borrow().clone();
        let stage = exchange.as_ref().map(|exchange| self.encode(exchange));
        if self.ends_with_output(stage) {
            self.stream.borrow_mut().end_with_output();
        }
        let drained = self.drain_output(gate);
        match (drained, exchange, stage) {
            (Poll::Ready(Err(error)), Some(exchange), _)
                if error.kind() == io::ErrorKind::UnexpectedEof =>
            {
                tracing::error!("A file cannot be sent to its end, the answer is cut off: {error}");
                self.output.borrow_mut().clear();
                self.cut(exchange);
            }
            (Poll::Ready(Err(_)), Some(exchange), _) => self.client_left(&exchange),
            (Poll::Ready(Err(_)), None, _) => self.give_up(),
            (Poll::Ready(Ok(())), Some(exchange), Some(Stage::Encoded)) => self.finish(exchange),
            (_, Some(exchange), Some(Stage::Aborted)) => self.cut(exchange),
            (_, Some(exchange), _) => self.report_backlog(&exchange),
            (Poll::Ready(Ok(())), None, _) => self.end_if_ending(),
            (Poll::Pending, None, _) => {}
        }
    }

    /// Whether nothing follows what is written now.
    fn ends_with_output(&self, stage: Option<Stage>) -> bool {
        match stage {
            Some(stage) => stage == Stage::Encoded && self.persistence.get() == Persistence::Close,
            None => matches!(
                self.phase.get(),
                Phase::Ending(Ending::Close | Ending::Linger)
            ),
        }
    }

    fn drain_output(&self, gate: &mut Gate<'_, '_>) -> Poll<io::Result<()>> {
        let output = &mut *self.output.borrow_mut();
        let before = output.len();
        let drained = self.stream.borrow_mut().poll_drain(gate, output);
        let sent = before.saturating_sub(output.len()) as u64;
        self.waits.sent.set(self.waits.sent.get() + sent);
        drained
    }

    fn report_backlog(&self, exchange: &Rc<Exchange>) {
        let backlog = self.output.borrow().len();
        exchange.backlog.set(backlog);
        if backlog <= WRITE_LOW_WATER {
            exchange.wake_writers();
        }
    }

    /// Turns what the application gave into bytes. Says how far the answer got.
    fn encode(&self, exchange: &Exchange) -> Stage {
        let output = &mut *self.output.borrow_mut();
        let mut outbound = exchange.outbound.borrow_mut();
        self.encode_continue(exchange, &outbound, output);
        encode::early_hints(output, &mut outbound.hints);
        outbound.pushes.clear(); // HTTP/1 has no word for them
        match outbound.stage {
            Stage::Awaiting | Stage::Encoded | Stage::Aborted => return outbound.stage,
            // The application waits for something else: the head need not.
            Stage::Held => outbound.stage = Stage::Open,
            Stage::Open | Stage::Trailing | Stage::Complete => {}
        }
        if outbound.head.is_some() {
            self.encode_head(exchange, &mut outbound, output);
        }
        encode::body(output, self.framing.get(), &mut outbound.body);
        if outbound.stage == Stage::Complete {
            encode::end(output, self.framing.get(), &outbound.trailers);
            // Once: what is encoded may take more than one write.
            outbound.stage = Stage::Encoded;
        }
        outbound.stage
    }

    fn encode_continue(&self, exchange: &Exchange, outbound: &Outbound, output: &mut Outgoing) {
        let mut inbound = exchange.inbound.borrow_mut();
        if inbound.expectation == Expectation::Due {
            let wanted = outbound.stage == Stage::Awaiting && inbound.body == BodyState::Arriving;
            inbound.expectation = if wanted {
                output.copy(encode::CONTINUE);
                Expectation::None
            } else {
                // Too late: the final answer goes first, and the client may
                // or may not send its body after it.
                Expectation::Waiting
            };
        }
    }

    fn encode_head(&self, exchange: &Exchange, outbound: &mut Outbound, output: &mut Outgoing) {
        let Some(head) = &outbound.head else { return };
        let request = exchange.head.borrow();
        let whole = (outbound.stage == Stage::Complete
            && outbound.parts <= 1
            && !(outbound.promises_trailers() && request.accepts_trailers()))
        .then(|| outbound.body.len());
        let framing = encode::framing(&request, head, whole);
        // A client that was never told to continue may or may not send its
        // body: the connection cannot be trusted to be between two requests.
        let holds_back = exchange.inbound.borrow().expectation == Expectation::Waiting;
        let server = if holds_back || exchange.ends_connection.get() {
            Persistence::Close
        } else {
            self.state.persistence()
        };
        let persistence = encode::persistence(&request, head, framing, server);
        let facts = HeadFacts {
            version: request.version(),
            framing,
            persistence,
            date: self.state.clock.date(),
            whole,
        };
        encode::head(output.copied(), head, &facts);
        self.framing.set(framing);
        self.persistence.set(persistence);
        drop(request);
        outbound.written = outbound.head.take();
    }

    /// The answer broke off after its head.
    fn cut(&self, exchange: Rc<Exchange>) {
        self.log(&exchange);
        self.end_exchange(exchange, Liveness::Disconnected);
        let ending = match self.framing.get() {
            BodyFraming::UntilClose => Ending::Reset,
            _ => Ending::Close,
        };
        self.end_connection(ending);
    }
}
