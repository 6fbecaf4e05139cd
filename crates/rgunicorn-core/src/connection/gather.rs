//! The wait for the whole body of a request, for an application that is
//! called with nothing less. A slow client keeps only its connection busy.

use std::io;
use std::rc::Rc;

use super::Connection;
use super::Phase;
use crate::app::App;
use crate::exchange::BodyState;
use crate::exchange::Exchange;
use crate::exchange::Expectation;
use crate::exchange::Liveness;
use crate::input::End;
use crate::parser::Rejection;
use crate::settings::BODY_HIGH_WATER;

/// How far the body is.
enum Gathered {
    Part,
    Whole,
}

/// Why it will never be whole.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("{0}")]
    Malformed(#[from] Rejection),
    #[error("{0}")]
    Disk(#[from] io::Error),
}

impl Connection {
    /// Begins to collect the body. Asks for it, if the client waits to be asked.
    pub(super) fn gather<A: App>(&self, app: &A, exchange: &Rc<Exchange>) {
        self.phase.set(Phase::Gathering);
        let mut inbound = exchange.inbound.borrow_mut();
        if inbound.expectation == Expectation::Waiting {
            inbound.expectation = Expectation::Due;
        }
        drop(inbound);
        self.advance_gathering(app);
    }

    /// Takes what came of the body; calls the application with all of it.
    pub(super) fn advance_gathering<A: App>(&self, app: &A) {
        let Some(exchange) = self.exchange.borrow().clone() else {
            return;
        };
        match self.take_body(&exchange) {
            Ok(Gathered::Whole) => self.call(app, &exchange),
            Ok(Gathered::Part) if self.input.borrow().end != End::Open => {
                self.client_left(&exchange)
            }
            Ok(Gathered::Part) => {}
            Err(Lost::Malformed(rejection)) => self.reject_body(exchange, rejection),
            Err(Lost::Disk(error)) => self.fail_to_gather(exchange, &error),
        }
    }

    fn take_body(&self, exchange: &Exchange) -> Result<Gathered, Lost> {
        let mut input = self.input.borrow_mut();
        let mut inbound = exchange.inbound.borrow_mut();
        let inbound = &mut *inbound;
        loop {
            input.feed(inbound)?;
            if !inbound.data.is_empty() {
                inbound.expectation = Expectation::None; // it came
            }
            if inbound.body == BodyState::Arrived {
                inbound.whole = Some(inbound.spool.finish(&mut inbound.data)?);
                return Ok(Gathered::Whole);
            }
            if inbound.data.len() < BODY_HIGH_WATER {
                return Ok(Gathered::Part);
            }
            let directory = &self.state.settings.spool_directory;
            inbound.spool.put_away(&mut inbound.data, directory)?;
        }
    }

    fn fail_to_gather(&self, exchange: Rc<Exchange>, error: &io::Error) {
        tracing::error!(
            "Cannot keep a request body in {} (tmp_upload_dir): {error}",
            self.state.settings.spool_directory.display()
        );
        let head = exchange.head.take();
        self.end_exchange(exchange, Liveness::Disconnected);
        self.answer(500, "Internal Server Error", Some(&head));
    }
}
