//! Requests that the h2 crate answers by itself, and nobody else hears of: those that are malformed, and those whose
//! fields are larger than the limit. The logs are told.

use std::time::Duration;

use h2::Reason;

use super::Http2;
use super::lane::Fed;
use super::lane::Lane;
use crate::exchange::Exchange;
use crate::frames::Word;
use crate::parser::Rejection;
use crate::response::ResponseHead;
use crate::state::Answered;

impl Http2 {
    /// Tells the logs of the requests that came and were kept back, once h2 has seen all that came.
    pub(super) fn report_kept(&self) {
        if self.pipe.unread() > 0 || self.pipe.is_blocked() || self.pipe.is_full() {
            return; // some may wait in h2
        }
        let kept = self.frames.borrow_mut().take_kept();
        for stream in kept {
            match self.pipe.first_word(stream) {
                Some(Word::Answer) => self.report_answered(Rejection::HeaderList),
                Some(Word::Reset(code)) if Reason::from(code) == Reason::PROTOCOL_ERROR => {
                    self.report(&Rejection::MalformedRequest);
                }
                // Refused, and may be tried again; or too late.
                Some(Word::Reset(_)) | None => {}
            }
        }
    }

    /// Tells the error log why a stream ended, if it was h2 that ended it.
    pub(super) fn report_reset(&self, lane: &Lane, exchange: &Exchange) {
        if let Fed::Malformed(rejection) = lane.feed(exchange) {
            self.report(&rejection);
        }
    }

    fn report_answered(&self, rejection: Rejection) {
        self.report(&rejection);
        let answered = Answered {
            head: None,
            request_line: &[],
            response: &ResponseHead::plain_text(rejection.status(), 0),
            body_bytes: 0,
            elapsed: Duration::ZERO,
        };
        self.state.record(&self.peer, None, &answered);
    }
}
