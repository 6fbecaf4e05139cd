//! What the pool's threads tell the worker's thread, in order, and how they
//! wake it. Without the interpreter.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::mpsc::SyncSender;
use std::task::Poll;
use std::task::Waker;

use bytes::Bytes;
use rgunicorn_core::exchange::Part;
use rgunicorn_core::fields::EarlyHints;
use rgunicorn_core::file::FileRange;
use rgunicorn_core::response::ResponseHead;

/// Names a call among those of the worker.
pub(crate) type Ticket = usize;

/// One step of one call's answer.
pub(crate) enum Message {
    /// Fields for the client to act on while it waits.
    Hint(EarlyHints),
    /// A part of the body, with the head before the first one.
    Body(Option<ResponseHead>, Data, Part),
    /// The answer was given up.
    Abort,
    /// The application wants the client's socket for itself.
    TakeOver(SyncSender<io::Result<OwnedFd>>),
    /// The call has returned.
    Done,
}

/// Bytes for the client.
pub(crate) enum Data {
    Bytes(Bytes),
    File(FileRange),
}

impl Data {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => usize::try_from(range.len()).unwrap_or(usize::MAX),
        }
    }
}

/// The messages that nobody has read yet.
#[derive(Default)]
pub(crate) struct Mailbox(Mutex<Unread>);

#[derive(Default)]
struct Unread {
    messages: Vec<(Ticket, Message)>,
    reader: Option<Waker>,
}

impl Mailbox {
    /// Leaves a message. Wakes the reader if it is the first.
    pub(crate) fn put(&self, ticket: Ticket, message: Message) {
        let mut unread = lock(&self.0);
        unread.messages.push((ticket, message));
        let reader = unread.reader.take();
        drop(unread);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Waits for messages and swaps them into `messages`, which is empty.
    pub(crate) async fn read(&self, messages: &mut Vec<(Ticket, Message)>) {
        poll_fn(|context| {
            let mut unread = lock(&self.0);
            if unread.messages.is_empty() {
                unread.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
            std::mem::swap(&mut unread.messages, messages);
            Poll::Ready(())
        })
        .await;
    }
}

/// What both ends of one call know of its client.
#[derive(Default)]
pub(crate) struct Link {
    state: Mutex<LinkState>,
    changed: Condvar,
}

#[derive(Default)]
struct LinkState {
    /// Bytes sent that the client's socket has not taken.
    waiting: usize,
    left: bool,
}

/// Whether anybody is there to send to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Client {
    Present,
    Gone,
}

impl Link {
    /// Waits until no more than `most` bytes wait for the client. Called without
    /// the interpreter.
    pub(crate) fn wait_for_room(&self, most: usize) -> Client {
        let mut state = lock(&self.state);
        while state.waiting > most && !state.left {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        client(&state)
    }

    /// Whether no more than `most` bytes wait, and somebody does.
    pub(crate) fn has_room(&self, most: usize) -> bool {
        let state = lock(&self.state);
        state.waiting <= most && !state.left
    }

    pub(crate) fn client(&self) -> Client {
        client(&lock(&self.state))
    }

    /// So many more bytes wait.
    pub(crate) fn sent(&self, count: usize) {
        lock(&self.state).waiting += count;
    }

    /// So many bytes have left.
    pub(crate) fn taken(&self, count: usize) {
        lock(&self.state).waiting -= count;
        self.changed.notify_all();
    }

    /// Nobody waits for the answer.
    pub(crate) fn leave(&self) {
        lock(&self.state).left = true;
        self.changed.notify_all();
    }
}

fn client(state: &LinkState) -> Client {
    if state.left {
        Client::Gone
    } else {
        Client::Present
    }
}

/// Nothing that can panic runs under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
