//! Answers to requests that the client did not make (RFC 9113 section 8.4).

use std::rc::Rc;
use std::rc::Weak;

use http::Method;
use http::Request;
use http::Uri;

use super::Goodbye;
use super::Http2;
use super::lane::Ends;
use super::lane::Lane;
use super::lane::Respond;
use super::request;
use super::response;
use crate::exchange::BodyState;
use crate::exchange::Exchange;
use crate::exchange::Transport;
use crate::fields::Push;
use crate::request::Pushing;
use crate::request::Scheme;

impl Http2 {
    /// Whether the client takes what it did not ask for.
    pub(super) fn pushing(&self) -> Pushing {
        let facts = self.frames.borrow().facts();
        let is_welcome = facts.takes_push && facts.most_pushed != Some(0);
        if is_welcome && self.goodbye.get() == Goodbye::Unsaid {
            Pushing::Welcome
        } else {
            Pushing::Refused
        }
    }

    /// Promises what the application wants to push, and takes the requests up. What makes no
    /// request is left out: nobody waits for it.
    pub(super) fn promise(&self, lane: &Lane, exchange: &Exchange) {
        let pushes = std::mem::take(&mut exchange.outbound.borrow_mut().pushes);
        if self.pushing() == Pushing::Refused {
            return;
        }
        for push in pushes {
            let authority = exchange.head.borrow().field(b"host").map(<[u8]>::to_vec);
            let request = self.request(&push, authority.as_deref().unwrap_or_default());
            let promised = request.is_some_and(|request| self.promise_one(lane, exchange, request));
            if !promised {
                tracing::debug!("Cannot push {}", push.path());
            }
        }
    }

    fn promise_one(&self, parent: &Lane, asked: &Exchange, request: Request<()>) -> bool {
        let exchange = self.state.take_exchange();
        let (parts, ()) = request.into_parts();
        let read = request::head(
            &mut exchange.head.borrow_mut(),
            &parts,
            &self.state.settings,
        );
        let mut ends = parent.ends.borrow_mut();
        let (Ok(()), Some(Respond::Asked(respond))) = (read, &mut ends.respond) else {
            return false;
        };
        let Ok(promised) = respond.push_request(Request::from_parts(parts, ())) else {
            return false;
        };
        let stream = promised.stream_id().as_u32();
        self.frames.borrow_mut().note_promise(stream);
        let (token, lane) = self.vacant_lane();
        let transport: Weak<dyn Transport> = Rc::downgrade(&lane) as Weak<Lane>;
        exchange.begin(transport, asked.began());
        exchange.inbound.borrow_mut().body = BodyState::Arrived;
        let promised = Ends {
            receive: None,
            respond: Some(Respond::Promised(promised)),
            send: None,
        };
        self.begin_lane(&lane, &exchange, promised);
        lane.forwarded.replace(parent.forwarded.borrow().clone());
        self.callable.borrow_mut().push_back(token);
        self.wake();
        true
    }

    fn request(&self, push: &Push, authority: &[u8]) -> Option<Request<()>> {
        let scheme = match self.peer.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query(push.path())
            .build()
            .ok()?;
        let mut request = Request::new(());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = uri;
        *request.headers_mut() = response::fields(push.fields()).ok()?;
        Some(request)
    }
}
