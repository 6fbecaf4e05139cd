//! What an application gives, on its way into its stream: head, body as the client's windows allow, trailers.

use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use h2::Reason;
use http::header::CONTENT_LENGTH;

use super::Http2;
use super::lane::End;
use super::lane::Ends;
use super::lane::Lane;
use super::response;
use crate::exchange::BodyState;
use crate::exchange::Exchange;
use crate::exchange::Expectation;
use crate::exchange::Outbound;
use crate::exchange::Stage;
use crate::response::is_bodiless;
use crate::settings::READ_SIZE;

/// How far an answer got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sent {
    /// More is to come, of the application or of the client's window.
    Part,
    /// All of it is h2's.
    All,
    /// The application broke off.
    Aborted,
    /// Nobody takes it any more.
    Refused,
    /// A file became shorter.
    CutShort,
}

impl Http2 {
    /// Hands h2 what it may send of one answer.
    pub(super) fn encode(&self, lane: &Lane, exchange: &Exchange) -> Sent {
        let mut outbound = exchange.outbound.borrow_mut();
        let mut ends = lane.ends.borrow_mut();
        if encode_interim(exchange, &mut outbound, &mut ends).is_err() {
            return Sent::Refused;
        }
        match outbound.stage {
            Stage::Awaiting => return Sent::Part,
            Stage::Encoded => return Sent::All,
            Stage::Aborted => return Sent::Aborted,
            // The application waits for something else: the head need not.
            Stage::Held => outbound.stage = Stage::Open,
            Stage::Open | Stage::Trailing | Stage::Complete => {}
        }
        if outbound.head.is_some() {
            match self.encode_head(exchange, &mut outbound, &mut ends) {
                Ok(End::Later) => {}
                Ok(End::Here) => return Sent::All,
                Err(sent) => return sent,
            }
        }
        self.encode_body(lane, &mut outbound, &mut ends)
    }

    fn encode_head(
        &self,
        exchange: &Exchange,
        outbound: &mut Outbound,
        ends: &mut Ends,
    ) -> Result<End, Sent> {
        let (Some(head), Some(respond)) = (&outbound.head, &mut ends.respond) else {
            return Err(Sent::Refused);
        };
        let request = exchange.head.borrow();
        let is_complete = outbound.stage == Stage::Complete;
        let trails = outbound.promises_trailers() && request.accepts_trailers();
        let is_to_head = request.method() == "HEAD";
        let is_tunnel = exchange.is_tunnel.get();
        let whole = is_complete && outbound.parts <= 1 && !trails && !is_to_head && !is_tunnel;
        let whole = whole.then(|| outbound.body.len());
        let mut answer = response::response(head, &self.date(), whole).map_err(|error| {
            tracing::error!("A response cannot be sent: {error}");
            Sent::Aborted
        })?;
        if is_tunnel {
            answer.headers_mut().remove(CONTENT_LENGTH); // RFC 9110 section 9.3.6
        }
        let is_empty = outbound.body.is_empty() || is_to_head || is_bodiless(head.status());
        let end = if is_complete && is_empty && outbound.trailers.as_bytes().is_empty() {
            End::Here
        } else {
            End::Later
        };
        let send = respond.send(answer, end).map_err(|_| Sent::Refused)?;
        ends.send = Some(send);
        outbound.written = outbound.head.take();
        if end == End::Here {
            outbound.stage = Stage::Encoded;
        }
        Ok(end)
    }

    /// Sends of the body what the client's windows have room for, and the end once that is all.
    fn encode_body(&self, lane: &Lane, outbound: &mut Outbound, ends: &mut Ends) -> Sent {
        let Some(send) = &mut ends.send else {
            return Sent::Refused;
        };
        let trailers = outbound.trailers.as_bytes();
        let ends_with_data = outbound.stage == Stage::Complete && trailers.is_empty();
        let mut context = Context::from_waker(lane.readiness.waker());
        while !outbound.body.is_empty() {
            let wanted = outbound.body.len().min(BLOCK);
            send.reserve_capacity(wanted);
            let room = send.capacity();
            if room == 0 {
                match send.poll_capacity(&mut context) {
                    Poll::Ready(Some(Ok(_))) => continue,
                    Poll::Ready(_) => return Sent::Refused,
                    Poll::Pending => return Sent::Part,
                }
            }
            let Ok(data) = outbound.body.take(room.min(wanted)) else {
                return Sent::CutShort;
            };
            let sent = lane.waits.sent.get() + data.len() as u64;
            lane.waits.sent.set(sent);
            self.waits
                .frames
                .set(self.waits.frames.get().saturating_add(1));
            let is_last = ends_with_data && outbound.body.is_empty();
            if send.send_data(data, is_last).is_err() {
                return Sent::Refused;
            }
            if is_last {
                outbound.stage = Stage::Encoded;
                return Sent::All;
            }
        }
        if outbound.stage != Stage::Complete {
            return Sent::Part;
        }
        let ended = match response::trailers(&outbound.trailers) {
            Ok(trailers) if !trailers.is_empty() => send.send_trailers(trailers),
            _ => send.send_data(Bytes::new(), true),
        };
        if ended.is_err() {
            return Sent::Refused;
        }
        outbound.stage = Stage::Encoded;
        Sent::All
    }
}

/// What goes before the head (RFC 9110 section 15.2).
fn encode_interim(
    exchange: &Exchange,
    outbound: &mut Outbound,
    ends: &mut Ends,
) -> Result<(), h2::Error> {
    let mut inbound = exchange.inbound.borrow_mut();
    if inbound.expectation == Expectation::Due {
        let wanted = outbound.stage == Stage::Awaiting && inbound.body == BodyState::Arriving;
        inbound.expectation = if wanted {
            inform(ends, 100, None)?;
            Expectation::None
        } else {
            Expectation::Waiting // too late
        };
    }
    for hint in outbound.hints.drain(..) {
        inform(ends, 103, Some(&hint))?;
    }
    Ok(())
}

fn inform(
    ends: &mut Ends,
    status: u16,
    hints: Option<&crate::fields::EarlyHints>,
) -> Result<(), h2::Error> {
    match (&mut ends.respond, response::interim(status, hints)) {
        (Some(respond), Ok(interim)) => respond.inform(interim),
        _ => Ok(()), // hints that nobody could take are no loss
    }
}

/// The reason to give for an answer that is not complete.
pub(super) fn reason(sent: Sent) -> Reason {
    match sent {
        Sent::Part | Sent::All => Reason::NO_ERROR,
        Sent::Refused => Reason::CANCEL,
        Sent::Aborted | Sent::CutShort => Reason::INTERNAL_ERROR,
    }
}

/// The most of a body that is handed over at once.
const BLOCK: usize = READ_SIZE;
