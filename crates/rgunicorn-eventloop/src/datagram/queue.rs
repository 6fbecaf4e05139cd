//! Datagrams that wait until the socket has room for them.

use std::collections::VecDeque;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::Empty;

/// Datagrams in order.
#[derive(Debug)]
pub(super) struct DatagramQueue {
    waiting: VecDeque<Waiting>,
    size: usize,
    /// What each of them counts beyond its data.
    header: usize,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) data: Py<PyBytes>,
    /// Whom it is for; None for whom the socket is connected to.
    pub(super) address: Option<Py<PyAny>>,
    counted: usize,
}

/// As much as the header of UDP.
const HEADER: usize = 8;

impl DatagramQueue {
    /// Where empty datagrams are sent, they have to count as something.
    pub(super) fn new(empty: Empty) -> Self {
        Self {
            waiting: VecDeque::new(),
            size: 0,
            header: match empty {
                Empty::Sent => HEADER,
                Empty::Ignored => 0,
            },
        }
    }

    /// What waits, in bytes.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, data: Bound<'_, PyBytes>, address: Option<Py<PyAny>>) {
        let counted = data.as_bytes().len() + self.header;
        self.size += counted;
        self.waiting.push_back(Waiting {
            data: data.unbind(),
            address,
            counted,
        });
    }

    pub(super) fn take_first(&mut self) -> Option<Waiting> {
        let first = self.waiting.pop_front()?;
        self.size -= first.counted;
        Some(first)
    }

    /// The first one could not be sent yet.
    pub(super) fn put_back(&mut self, first: Waiting) {
        self.size += first.counted;
        self.waiting.push_front(first);
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &Py<PyAny>> {
        self.waiting.iter().filter_map(|it| it.address.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_back_is_the_first_again_and_counts_as_before() {
        Python::initialize();
        Python::attach(|py| {
            for (empty, header) in [(Empty::Sent, 8), (Empty::Ignored, 0)] {
                let mut queue = DatagramQueue::new(empty);
                queue.push(PyBytes::new(py, b"first"), None);
                queue.push(PyBytes::new(py, b""), Some(py.None()));
                assert_eq!(queue.size(), 5 + 2 * header);
                let first = queue.take_first().unwrap();
                assert_eq!(queue.size(), header);
                queue.put_back(first);
                assert_eq!(queue.size(), 5 + 2 * header);
                assert_eq!(queue.take_first().unwrap().data.as_bytes(py), b"first");
                assert!(queue.take_first().unwrap().address.is_some());
                assert!(queue.take_first().is_none() && queue.is_empty());
                assert_eq!(queue.size(), 0);
            }
        });
    }
}
