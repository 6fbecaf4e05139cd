//! A WSGI application on a pool of threads. The worker's thread parses, reads
//! and writes without the interpreter, and hands each request over once.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use pyo3::prelude::*;
use rgunicorn_core::app::App;
use rgunicorn_core::app::Bodies;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::error::SendError;
use rgunicorn_core::exchange::Interest;
use rgunicorn_core::proxy::Trusted;
use rgunicorn_core::request::Request;
use rgunicorn_core::responder::Flow;
use rgunicorn_core::responder::Responder;
use slab::Slab;

use crate::asked::Parcel;
use crate::mailbox::Client;
use crate::mailbox::Data;
use crate::mailbox::Link;
use crate::mailbox::Mailbox;
use crate::mailbox::Message;
use crate::mailbox::Ticket;
use crate::queue::Queue;
use crate::settings::Settings;
use crate::threads::Job;
use crate::threads::Thread;

pub use crate::threads::Threads;

/// A WSGI application on threads of its own.
pub struct PooledApp {
    calls: RefCell<Slab<Call>>,
    queue: Arc<Queue<Job>>,
    mailbox: Arc<Mailbox>,
    threads: Threads,
    trusted: Trusted,
}

/// One call, on the worker's thread.
struct Call {
    responder: Rc<Responder>,
    link: Arc<Link>,
    interest: Rc<Interest>,
}

impl PooledApp {
    /// Starts so many threads. `on_exit` is called, on one of them, when the
    /// application raises `SystemExit` or `KeyboardInterrupt`.
    ///
    /// # Errors
    /// `OSError` when a thread cannot be started.
    pub fn new(
        app: &Bound<'_, PyAny>,
        settings: &Settings,
        threads: usize,
        on_exit: Arc<dyn Fn() + Send + Sync>,
    ) -> PyResult<Self> {
        let queue = Arc::new(Queue::new());
        let mailbox = Arc::default();
        let mut running = Threads::default();
        for number in 1..=threads {
            let thread = Thread {
                app: app.clone().unbind(),
                settings: settings.clone(),
                queue: Arc::clone(&queue),
                mailbox: Arc::clone(&mailbox),
                on_exit: Arc::clone(&on_exit),
            };
            running.start(number, thread)?;
        }
        Ok(Self {
            calls: RefCell::default(),
            queue,
            mailbox,
            threads: running,
            trusted: settings.trusted.clone(),
        })
    }

    /// Takes the threads' answers to their exchanges, for as long as it is polled.
    pub async fn deliver(&self) {
        let mut messages = Vec::new();
        loop {
            self.mailbox.read(&mut messages).await;
            for (ticket, message) in messages.drain(..) {
                self.take(ticket, message);
            }
        }
    }

    fn take(&self, ticket: Ticket, message: Message) {
        if matches!(message, Message::Done) {
            let call = self.calls.borrow_mut().try_remove(ticket);
            drop(call); // with it an answer that is not complete is aborted
            return;
        }
        let calls = self.calls.borrow();
        let Some(Call {
            responder,
            link,
            interest,
        }) = calls.get(ticket)
        else {
            return;
        };
        let sent = match message {
            Message::Done => Ok(()),
            Message::Hint(hints) => responder.hint(hints).map(drop),
            Message::Abort => {
                responder.end_connection();
                responder.abort();
                Ok(())
            }
            Message::TakeOver(taker) => {
                // Has room for one, and a taker that waits for it.
                let _ = taker.send(responder.take_over());
                Ok(())
            }
            Message::Body(head, data, part) => {
                let length = data.len();
                let chunk = match data {
                    Data::Bytes(bytes) => Chunk::Shared(bytes),
                    Data::File(range) => Chunk::File(range),
                };
                head.map_or(Ok(()), |head| responder.start(head))
                    .and_then(|()| responder.body(chunk, part))
                    .map(|flow| acknowledge(responder, link, interest, length, flow))
            }
        };
        match sent {
            Ok(()) => {}
            Err(SendError::Disconnected) => link.leave(),
            // What was on its way when the client left.
            Err(_) if link.client() == Client::Gone => {}
            Err(error) => {
                tracing::error!("Cannot send a response: {error}");
                responder.abort();
                link.leave();
            }
        }
    }

    /// Lets the threads go, once they have done what waits for them.
    pub fn close(&self) {
        self.queue.close();
    }

    /// The threads, to wait for.
    pub fn threads(&self) -> Threads {
        self.threads.clone()
    }
}

/// Tells the application's thread that bytes have left, at once or when the
/// client has read enough.
fn acknowledge(
    responder: &Rc<Responder>,
    link: &Arc<Link>,
    interest: &Rc<Interest>,
    length: usize,
    flow: Flow,
) {
    if flow == Flow::Ready {
        return link.taken(length);
    }
    let (later, told) = (Arc::clone(link), Rc::downgrade(responder));
    let notify = Box::new(move || {
        later.taken(length);
        if told.upgrade().is_none_or(|it| it.is_disconnected()) {
            later.leave();
        }
    });
    responder.when_writable(interest, notify);
}

impl App for PooledApp {
    fn call(&self, request: Request<'_>, responder: Responder) {
        let body = responder.take_body();
        let responder = Rc::new(responder);
        let link = Arc::<Link>::default();
        let interest = Rc::<Interest>::default();
        let (gone, told) = (Arc::clone(&link), Rc::downgrade(&responder));
        let notify = Box::new(move || {
            if told.upgrade().is_some_and(|it| it.is_disconnected()) {
                gone.leave();
            }
        });
        responder.when_readable(&interest, notify);
        let call = Call {
            responder,
            link: Arc::clone(&link),
            interest,
        };
        let ticket = self.calls.borrow_mut().insert(call);
        self.queue.push(Job {
            ticket,
            link,
            parcel: Parcel::of(&request, &self.trusted),
            body,
        });
    }

    fn bodies(&self) -> Bodies {
        Bodies::Gathered
    }

    fn running(&self) -> usize {
        self.calls.borrow().len()
    }
}

impl Drop for PooledApp {
    fn drop(&mut self) {
        self.close();
    }
}
