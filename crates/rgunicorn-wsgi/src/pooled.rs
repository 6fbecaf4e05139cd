//! An exchange whose application runs on a thread of the pool: what it gives
//! goes to the worker's thread as messages.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc;

use bytes::Bytes;
use pyo3::prelude::*;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::error::SendError;
use rgunicorn_core::exchange::Part;
use rgunicorn_core::fields::EarlyHints;
use rgunicorn_core::response::ResponseHead;

use crate::mailbox::Client;
use crate::mailbox::Data;
use crate::mailbox::Link;
use crate::mailbox::Mailbox;
use crate::mailbox::Message;
use crate::mailbox::Ticket;

/// Bytes that may wait for a client before the application has to.
const HIGH_WATER: usize = 64 * 1024;

/// The application's end of such an exchange.
pub(crate) struct Pooled {
    ticket: Ticket,
    link: Arc<Link>,
    mailbox: Arc<Mailbox>,
    /// Goes with the first part of the body.
    head: Cell<Option<ResponseHead>>,
}

impl Pooled {
    pub(crate) fn new(ticket: Ticket, link: Arc<Link>, mailbox: Arc<Mailbox>) -> Self {
        Self {
            ticket,
            link,
            mailbox,
            head: Cell::new(None),
        }
    }

    fn put(&self, message: Message) {
        self.mailbox.put(self.ticket, message);
    }

    pub(crate) fn start(&self, head: ResponseHead) -> Result<(), SendError> {
        self.head.set(Some(head));
        self.present()
    }

    /// Gives a part of the body.
    pub(crate) fn body(&self, data: Chunk<'_>, part: Part) -> Result<(), SendError> {
        let data = match data {
            Chunk::Borrowed(bytes) => Data::Bytes(Bytes::copy_from_slice(bytes)),
            Chunk::Shared(bytes) => Data::Bytes(bytes),
            Chunk::File(range) => Data::File(range),
        };
        self.link.sent(data.len());
        self.put(Message::Body(self.head.take(), data, part));
        self.present()
    }

    /// Waits, without the interpreter, where the client reads too slowly for
    /// more to be given. Nothing is held back here.
    pub(crate) fn flush(&self, py: Python<'_>) -> Result<(), SendError> {
        if self.link.has_room(HIGH_WATER) {
            return Ok(());
        }
        let link = &self.link;
        match py.detach(|| link.wait_for_room(HIGH_WATER)) {
            Client::Present => Ok(()),
            Client::Gone => Err(SendError::Disconnected),
        }
    }

    pub(crate) fn hint(&self, hints: EarlyHints) -> Result<(), SendError> {
        self.put(Message::Hint(hints));
        self.present()
    }

    pub(crate) fn abort(&self) {
        self.put(Message::Abort);
    }

    /// Waits, without the interpreter, for the worker's thread to let go of the socket.
    pub(crate) fn take_over(&self, py: Python<'_>) -> io::Result<OwnedFd> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.put(Message::TakeOver(sender));
        // The other end is dropped unused where the call is known no more.
        py.detach(move || receiver.recv())
            .unwrap_or_else(|_| Err(io::ErrorKind::NotConnected.into()))
    }

    pub(crate) fn is_disconnected(&self) -> bool {
        self.link.client() == Client::Gone
    }

    fn present(&self) -> Result<(), SendError> {
        match self.link.client() {
            Client::Present => Ok(()),
            Client::Gone => Err(SendError::Disconnected),
        }
    }
}

impl Drop for Pooled {
    /// The call is over.
    fn drop(&mut self) {
        self.put(Message::Done);
    }
}
