//! Which connections want the next turn.
//!
//! Each connection owns one [`Waker`] for its whole life; waking it puts the
//! connection on the list, once, and wakes the turn. Wakers run inside tokio's
//! driver while the interpreter is released, so nothing here may touch Python.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Wake;
use std::task::Waker;

/// The list of connections that became ready, shared with their wakers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadyList {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    tokens: Vec<Token>,
    turn: Option<Waker>,
}

/// Names a connection in the server's slab.
pub(crate) type Token = usize;

impl ReadyList {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing that can panic runs under the lock.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers whom to wake when the list stops being empty.
    pub(crate) fn register(&self, turn: &Waker) {
        let mut shared = self.lock();
        if shared
            .turn
            .as_ref()
            .is_none_or(|known| !known.will_wake(turn))
        {
            shared.turn = Some(turn.clone());
        }
    }

    /// Moves at most `limit` ready connections into `batch`, oldest first.
    /// Reports whether some are left.
    pub(crate) fn take(&self, batch: &mut Vec<Token>, limit: usize) -> Remaining {
        let mut shared = self.lock();
        if shared.tokens.len() <= limit {
            std::mem::swap(&mut shared.tokens, batch);
            return Remaining::None;
        }
        batch.extend(shared.tokens.drain(..limit));
        Remaining::Some
    }

    /// Whether somebody is on the list.
    pub(crate) fn has_some(&self) -> bool {
        !self.lock().tokens.is_empty()
    }

    /// Wakes the turn although no connection is ready.
    pub(crate) fn wake_turn(&self) {
        if let Some(turn) = &self.lock().turn {
            turn.wake_by_ref();
        }
    }

    /// The waker of a new connection, and the flag by which its turn says
    /// that it may be listed again.
    pub(crate) fn readiness(&self, token: Token) -> Readiness {
        let entry = Arc::new(Entry {
            token,
            listed: AtomicBool::new(false),
            list: self.clone(),
        });
        Readiness {
            waker: Waker::from(Arc::clone(&entry)),
            entry,
        }
    }

    fn push(&self, token: Token) {
        let mut shared = self.lock();
        shared.tokens.push(token);
        if shared.tokens.len() == 1
            && let Some(turn) = &shared.turn
        {
            turn.wake_by_ref();
        }
    }
}

/// Whether a [`ReadyList::take`] left connections behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Remaining {
    /// The list is empty.
    None,
    /// Others wait for the next turn.
    Some,
}

#[derive(Debug)]
struct Entry {
    token: Token,
    listed: AtomicBool,
    list: ReadyList,
}

impl Wake for Entry {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.listed.swap(true, Ordering::AcqRel) {
            self.list.push(self.token);
        }
    }
}

/// One connection's place on the list.
#[derive(Debug)]
pub(crate) struct Readiness {
    waker: Waker,
    entry: Arc<Entry>,
}

impl Readiness {
    /// Asks for a turn.
    pub(crate) fn mark(&self) {
        self.waker.wake_by_ref();
    }

    /// Whether a turn was asked for that has not begun.
    pub(crate) fn is_marked(&self) -> bool {
        self.entry.listed.load(Ordering::Acquire)
    }

    /// Says that the connection's turn has begun: what comes now counts anew.
    pub(crate) fn begin(&self) {
        self.entry.listed.store(false, Ordering::Release);
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(list: &ReadyList, limit: usize) -> (Vec<Token>, Remaining) {
        let mut batch = Vec::new();
        let remaining = list.take(&mut batch, limit);
        (batch, remaining)
    }

    #[test]
    fn a_connection_is_listed_once_until_its_turn_begins() {
        let list = ReadyList::default();
        let one = list.readiness(1);
        one.mark();
        one.waker().wake_by_ref();
        assert_eq!(taken(&list, 9), (vec![1], Remaining::None));
        one.mark();
        assert_eq!(taken(&list, 9), (vec![], Remaining::None));
        one.begin();
        one.mark();
        assert_eq!(taken(&list, 9), (vec![1], Remaining::None));
    }

    #[test]
    fn a_turn_takes_no_more_than_its_budget_and_the_oldest_first() {
        let list = ReadyList::default();
        let all: Vec<_> = (0..3).map(|token| list.readiness(token)).collect();
        all.iter().for_each(Readiness::mark);
        assert_eq!(taken(&list, 2), (vec![0, 1], Remaining::Some));
        assert_eq!(taken(&list, 2), (vec![2], Remaining::None));
    }
}
