//! Messages that the application has not taken.

use std::collections::VecDeque;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::types::PyString;
use rgunicorn_eventloop::text::to_str;
use rgunicorn_websocket::Message;

/// Bytes of messages beyond which none is read ahead.
const MOST_BYTES: usize = 256 * 1024;

/// Messages in the order in which they came.
pub(super) struct Inbox {
    messages: VecDeque<Waiting>,
    /// Bytes of all of them.
    size: usize,
    most: usize,
}

/// One message, as the application will see it.
struct Waiting {
    content: Content,
    size: usize,
}

pub(super) enum Content {
    Text(Py<PyString>),
    Binary(Py<PyBytes>),
}

impl Inbox {
    /// One that takes `most` messages, and one at least.
    pub(super) fn new(most: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            size: 0,
            most,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether one more message may be read ahead.
    pub(super) fn has_room(&self) -> bool {
        self.is_empty() || (self.messages.len() < self.most && self.size < MOST_BYTES)
    }

    pub(super) fn push(&mut self, py: Python<'_>, message: Message<'_>) {
        let content = match message {
            Message::Text(text) => Content::Text(to_str(py, text).unbind()),
            Message::Binary(bytes) => Content::Binary(PyBytes::new(py, bytes).unbind()),
        };
        let size = message.payload().len();
        self.size += size;
        self.messages.push_back(Waiting { content, size });
    }

    pub(super) fn pop(&mut self) -> Option<Content> {
        let message = self.messages.pop_front()?;
        self.size -= message.size;
        Some(message.content)
    }

    /// Drops the messages of an application that is gone.
    pub(super) fn clear(&mut self) {
        self.messages = VecDeque::new();
        self.size = 0;
    }

    /// Holds no memory for messages that may never come.
    pub(super) fn rest(&mut self) {
        if self.messages.is_empty() && self.messages.capacity() > 0 {
            self.messages = VecDeque::new();
        }
    }
}
