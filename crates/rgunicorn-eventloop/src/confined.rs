//! Values of the worker's thread inside Python objects, which any thread may drop.
//!
//! A request's `send` is kept alive by the application's frames, and a garbage
//! collection that frees those frames may run on any thread. What it held
//! waits here until the worker's thread takes its next turn.

use std::mem::ManuallyDrop;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::ThreadId;

use pyo3::PyErr;
use pyo3::exceptions::PyRuntimeError;

/// A value that only the thread which made it can reach or drop.
#[derive(Debug)]
pub struct Confined<T: 'static> {
    value: ManuallyDrop<T>,
    home: ThreadId,
}

thread_local! {
    static HERE: ThreadId = std::thread::current().id();
}

/// Closures that drop what another thread let go of.
static GRAVEYARD: Mutex<Vec<Corpse>> = Mutex::new(Vec::new());
static MOURNED: AtomicBool = AtomicBool::new(true);

struct Corpse {
    home: ThreadId,
    bury: Box<dyn FnOnce()>,
}

#[expect(
    unsafe_code,
    reason = "the compiler cannot see that `home` is compared first"
)]
// SAFETY: `bury` is called on `home` only, the thread on which everything it
// captured was made; elsewhere a corpse is moved about, never looked into.
unsafe impl Send for Corpse {}

#[expect(
    unsafe_code,
    reason = "the compiler cannot see that `home` is compared first"
)]
// SAFETY: `get` and `drop` compare the calling thread with `home` before they
// touch the value, so no other thread ever does.
unsafe impl<T> Send for Confined<T> {}

#[expect(
    unsafe_code,
    reason = "the compiler cannot see that `home` is compared first"
)]
// SAFETY: as above: a shared reference gives nothing away on another thread.
unsafe impl<T> Sync for Confined<T> {}

impl<T> Confined<T> {
    /// Ties `value` to the calling thread.
    pub fn new(value: T) -> Self {
        Self {
            value: ManuallyDrop::new(value),
            home: HERE.with(|here| *here),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// `RuntimeError` on any other thread.
    pub fn get(&self) -> Result<&T, PyErr> {
        if HERE.with(|here| *here == self.home) {
            Ok(&self.value)
        } else {
            Err(PyRuntimeError::new_err(
                "used outside the event loop's thread; see asyncio.loop.call_soon_threadsafe",
            ))
        }
    }
}

impl<T> Drop for Confined<T> {
    #[expect(unsafe_code, reason = "the value leaves exactly once, here")]
    fn drop(&mut self) {
        // SAFETY: `drop` runs once, and nothing uses the value afterwards.
        let value = unsafe { ManuallyDrop::take(&mut self.value) };
        // A thread that is ending has no thread-locals any more; it is not ours.
        if HERE.try_with(|here| *here == self.home).unwrap_or(false) {
            return drop(value);
        }
        let corpse = Corpse {
            home: self.home,
            bury: Box::new(move || drop(value)),
        };
        GRAVEYARD
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(corpse);
        MOURNED.store(false, Ordering::Release);
    }
}

/// Drops what other threads let go of. Called by every turn.
pub(crate) fn bury() {
    if MOURNED.swap(true, Ordering::AcqRel) {
        return;
    }
    let mut graveyard = GRAVEYARD.lock().unwrap_or_else(PoisonError::into_inner);
    let (ours, others) = std::mem::take(&mut *graveyard)
        .into_iter()
        .partition(|corpse| HERE.with(|here| *here == corpse.home));
    *graveyard = others;
    drop(graveyard); // what is dropped may let go of more
    let ours: Vec<Corpse> = ours;
    ours.into_iter().for_each(|corpse| (corpse.bury)());
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    struct Tell(Rc<Cell<u32>>);

    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn what_another_thread_drops_is_dropped_at_home() {
        let dropped = Rc::new(Cell::new(0));
        let confined = Confined::new(Tell(Rc::clone(&dropped)));
        std::thread::spawn(move || drop(confined)).join().unwrap();
        assert_eq!(dropped.get(), 0);
        bury();
        assert_eq!(dropped.get(), 1);
    }
}
