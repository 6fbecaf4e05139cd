//! Where a server's tasks run: on a runtime of the thread's own, or as guests on an event loop that knows nothing of it.

use std::future::Future;
use std::rc::Rc;

use tokio::runtime::EnterGuard;
use tokio::runtime::LocalRuntime;

use crate::guest::Guest;

/// What runs tasks on this thread.
#[derive(Clone)]
pub enum Ground {
    /// A runtime, in whose turns the thread sleeps.
    Runtime(Rc<LocalRuntime>),
    /// The turns that an event loop gives.
    Guest(Rc<Guest>),
}

impl Ground {
    /// What sockets, timers and signals must be made in.
    pub fn enter(&self) -> EnterGuard<'_> {
        match self {
            Self::Runtime(runtime) => runtime.enter(),
            Self::Guest(guest) => guest.enter(),
        }
    }

    /// Adds a task. One that panics is dropped, and the others go on.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        match self {
            Self::Runtime(runtime) => drop(runtime.spawn_local(task)),
            Self::Guest(guest) => guest.spawn(task),
        }
    }
}
