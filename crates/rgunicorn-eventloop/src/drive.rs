//! A runtime whose thread holds the interpreter, but while it sleeps.

use std::future::Future;
use std::io;

use pyo3::Python;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::runtime::LocalRuntime;

use crate::confined;
use crate::park;
use crate::park::Held;

/// Tasks run between two looks at the I/O driver. The server is one task, and
/// so is whatever else has its turn.
const EVENT_INTERVAL: u32 = 2;

/// Builds the runtime of this thread. After the fork, never before: neither a
/// runtime nor its descriptors survive one.
///
/// # Errors
/// When the kernel gives no descriptor.
pub fn build() -> io::Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .on_thread_park(park::on_park)
        .on_thread_unpark(park::on_unpark)
        .build_local(LocalOptions::default())
}

/// Runs `future` to its end. While the thread sleeps, other threads of the
/// process may have the interpreter.
pub fn run<F: Future>(py: Python<'_>, runtime: &LocalRuntime, future: F) -> F::Output {
    let _held = Held::new(py);
    runtime.block_on(future)
}

/// Runs `future` to its end without the interpreter: other threads of the
/// process have it. What the future runs may attach to it.
pub fn run_detached<F: Future>(py: Python<'_>, runtime: &LocalRuntime, future: F) -> F::Output {
    detached(py, || runtime.block_on(future))
}

/// Calls `act` without the interpreter. What it calls may attach to it.
pub fn detached<T>(py: Python<'_>, act: impl FnOnce() -> T) -> T {
    let own = SameThread(act);
    py.detach(|| SameThread(own.take()())).take()
}

/// A value that `Python::detach` takes for one that may change threads.
struct SameThread<T>(T);

impl<T> SameThread<T> {
    fn take(self) -> T {
        self.0
    }
}

#[expect(unsafe_code, reason = "pyo3 cannot see that the closure stays here")]
// SAFETY: `detach` calls its closure, and returns its result, on the calling
// thread. That nothing attached gets in is what the callers see to: they have
// no `Bound` in what they pass.
unsafe impl<T> Send for SameThread<T> {}

/// Drops what other threads let go of and only this one may drop. To be called
/// every now and then, where no turn of an event loop does it.
pub fn tidy_up() {
    confined::bury();
}
