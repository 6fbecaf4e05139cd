//! Messages that the application has not taken.

use std::collections::VecDeque;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::types::PyString;
use rgunicorn_eventloop::unmasked::to_ascii;
use rgunicorn_eventloop::unmasked::to_bytes;
use rgunicorn_websocket::Failure;
use rgunicorn_websocket::Heard;
use rgunicorn_websocket::Kind;
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

/// From so many bytes on a message is copied and unmasked in one pass.
const LARGE: usize = 2 * 1024;

/// From so many on, one that is like the last is worth memory of its own before it comes.
pub(super) const EXPECTED: usize = 32 * 1024;

/// One message, as the application will see it.
pub(super) struct Waiting {
    content: Content,
    size: usize,
    frames: Frames,
}

/// How a message came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Frames {
    /// In one frame, as it is.
    One,
    /// In fragments, compressed, or with its head in parts.
    Others,
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

    pub(super) fn push(&mut self, message: Waiting) {
        self.size += message.size;
        self.messages.push_back(message);
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

impl Waiting {
    /// # Errors
    /// Where a text is not UTF-8.
    pub(super) fn new(py: Python<'_>, heard: Heard<'_>) -> Result<Self, Failure> {
        let (bytes, _) = heard.masked();
        let size = bytes.len();
        let frames = if heard.is_as_it_came() {
            Frames::One
        } else {
            Frames::Others
        };
        let content = if size < LARGE {
            None
        } else {
            Content::large(py, &heard)
        };
        let content = match content {
            Some(content) => content,
            None => Content::of(py, heard.message()?),
        };
        Ok(Self {
            content,
            size,
            frames,
        })
    }

    /// Bytes of a message like it, if it gains from being expected: from being read straight to where the
    /// application will have it.
    pub(super) fn expects(&self) -> Option<usize> {
        let gains = matches!(self.content, Content::Binary(_)) && self.frames == Frames::One;
        (gains && self.size >= EXPECTED).then_some(self.size)
    }

    /// What landed where it is.
    pub(super) fn binary(bytes: Bound<'_, PyBytes>) -> Self {
        Self {
            size: bytes.as_bytes().len(),
            content: Content::Binary(bytes.unbind()),
            frames: Frames::One,
        }
    }
}

impl Content {
    fn of(py: Python<'_>, message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(PyString::new(py, text).unbind()),
            Message::Binary(bytes) => Self::Binary(PyBytes::new(py, bytes).unbind()),
        }
    }

    /// None for a text that is not ASCII.
    fn large(py: Python<'_>, heard: &Heard<'_>) -> Option<Self> {
        let (bytes, mask) = heard.masked();
        Some(match heard.kind() {
            Kind::Text => Self::Text(to_ascii(py, bytes, mask)?.unbind()),
            Kind::Binary => Self::Binary(to_bytes(py, bytes, mask).unbind()),
        })
    }
}
