//! Calls that are due later, the earliest first.
//!
//! Cancelling marks the handle and leaves it in the heap. When the heap has
//! doubled, the cancelled ones are thrown out: so both cost a constant time on
//! average, and the heap is at most twice as large as it has to be.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use pyo3::prelude::*;

/// The heap is not swept below this size.
const FEW: usize = 512;

/// Handles by the time they are due.
#[derive(Debug)]
pub(crate) struct Timers {
    heap: BinaryHeap<Timer>,
    /// How many were ever set: of two for the same time the first comes first.
    set: u64,
    /// At which size the cancelled ones are looked for.
    sweep_at: usize,
}

#[derive(Debug)]
struct Timer {
    when: f64,
    number: u64,
    handle: Py<PyAny>,
}

impl Ord for Timer {
    /// The greatest is the one due first, as `BinaryHeap` wants it.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .when
            .total_cmp(&self.when)
            .then_with(|| other.number.cmp(&self.number))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timer {}

impl Default for Timers {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            set: 0,
            sweep_at: FEW,
        }
    }
}

impl Timers {
    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    pub(crate) fn add(&mut self, when: f64, handle: Py<PyAny>) {
        self.set += 1;
        self.heap.push(Timer {
            when,
            number: self.set,
            handle,
        });
    }

    /// When the first one is due, and what it is.
    pub(crate) fn first(&self) -> Option<(f64, &Py<PyAny>)> {
        self.heap.peek().map(|timer| (timer.when, &timer.handle))
    }

    pub(crate) fn take_first(&mut self) -> Option<Py<PyAny>> {
        self.heap.pop().map(|timer| timer.handle)
    }

    /// Whether it is time to [`sweep`](Self::sweep).
    pub(crate) fn has_doubled(&self) -> bool {
        self.heap.len() >= self.sweep_at
    }

    /// Takes out the cancelled ones, for the caller to drop.
    pub(crate) fn sweep(&mut self, is_cancelled: impl Fn(&Py<PyAny>) -> bool) -> Vec<Py<PyAny>> {
        let (gone, kept): (Vec<Timer>, Vec<Timer>) = std::mem::take(&mut self.heap)
            .into_iter()
            .partition(|timer| is_cancelled(&timer.handle));
        self.heap = kept.into();
        self.sweep_at = FEW.max(self.heap.len() * 2);
        gone.into_iter().map(|timer| timer.handle).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Py<PyAny>> {
        self.heap.iter().map(|timer| &timer.handle)
    }
}
