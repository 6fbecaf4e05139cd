//! Our tasks as guests on an event loop that is not ours.
//!
//! A thread of its own runs tokio's driver, which watches sockets and timers
//! and knows nothing of Python. What it wakes rings a bell, a descriptor that
//! the loop watches; the tasks themselves run on the loop's thread, in the
//! turns that it gives. So nothing is asked of the loop but `add_reader`, and
//! nobody wakes up for nothing.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::io::Read;
use std::io::Write;
use std::mem;
use std::os::fd::AsRawFd;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Wake;
use std::task::Waker;
use std::thread;
use std::thread::JoinHandle;

use pyo3::PyErr;
use tokio::runtime::Builder;
use tokio::runtime::EnterGuard;
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// Tasks on the thread that made it, driven by whoever calls [`Guest::turn`].
pub struct Guest {
    // Dropped in this order: what is registered with the driver goes first.
    tasks: RefCell<Vec<Task>>,
    arrived: RefCell<Vec<Task>>,
    bell: Arc<Bell>,
    ear: UnixStream,
    driver: Driver,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// How a turn went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// Every task had its chance.
    Taken,
    /// A turn is being taken already, by whom a task called: nothing was done.
    Nested,
    /// A task panicked and is gone.
    Panicked,
}

impl Guest {
    /// Starts the driver.
    ///
    /// # Errors
    /// When the system has no descriptor or no thread left.
    pub fn new() -> io::Result<Self> {
        let (ear, rope) = UnixStream::pair()?;
        ear.set_nonblocking(true)?;
        rope.set_nonblocking(true)?;
        let bell = Bell {
            rung: AtomicBool::new(false),
            rope,
        };
        Ok(Self {
            tasks: RefCell::default(),
            arrived: RefCell::default(),
            bell: Arc::new(bell),
            ear,
            driver: Driver::start()?,
        })
    }

    /// Readable when a turn is due. Open for as long as this lives.
    pub fn bell(&self) -> RawFd {
        self.ear.as_raw_fd()
    }

    /// What sockets and timers must be made in.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.driver.handle.enter()
    }

    /// Adds a task; its first chance is the next turn.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.arrived.borrow_mut().push(Box::pin(task));
        self.bell.ring();
    }

    /// Polls each task once. To be called when the bell has rung.
    pub fn turn(&self) -> Turn {
        let Ok(mut tasks) = self.tasks.try_borrow_mut() else {
            return Turn::Nested;
        };
        self.silence();
        tasks.append(&mut self.arrived.borrow_mut());
        let _context = self.enter();
        let waker = Waker::from(Arc::clone(&self.bell));
        let mut context = Context::from_waker(&waker);
        let mut turn = Turn::Taken;
        tasks.retain_mut(|task| {
            let poll = || task.as_mut().poll(&mut context).is_pending();
            catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|_| {
                turn = Turn::Panicked;
                false
            })
        });
        turn
    }

    /// A ring that comes from now on counts for the next turn. One that comes
    /// in between counts for this one, which looks at everything after.
    fn silence(&self) {
        // There is at most one byte, and none where a turn was taken unasked.
        let _ = (&self.ear).read(&mut [0; 8]);
        self.bell.rung.store(false, Ordering::SeqCst);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.driver.is_of_another_process() {
            // To close a socket here would take it out of the epoll that both processes share.
            mem::forget(self.tasks.take());
            mem::forget(self.arrived.take());
        }
    }
}

/// Wakes the loop, from any thread.
struct Bell {
    /// Whether it rang since the last turn began: once is enough.
    rung: AtomicBool,
    rope: UnixStream,
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            // Fails only when nobody is left to hear it.
            let _ = (&self.rope).write(&[0]);
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

/// The thread that waits for the kernel. Ends when this is dropped.
struct Driver {
    handle: Handle,
    quit: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl Driver {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        let quit = Arc::new(Notify::new());
        let told = Arc::clone(&quit);
        let name = "rgunicorn-driver".to_owned();
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || runtime.block_on(told.notified()))?;
        Ok(Self {
            handle,
            quit,
            thread: Some(thread),
            process: process::id(),
        })
    }

    /// Whether this is what a fork left of it: without its thread.
    fn is_of_another_process(&self) -> bool {
        self.process != process::id()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.is_of_another_process() {
            return;
        }
        self.quit.notify_one();
        if let Some(thread) = self.thread.take() {
            // It takes no lock of ours and no interpreter, so this is a moment.
            let _ = thread.join();
        }
    }
}

thread_local! {
    static ESCAPED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Keeps an exception that is meant for the whole process until the turn is over.
pub(crate) fn keep_escaped(error: PyErr) {
    ESCAPED.set(Some(error));
}

/// What a task of the last turns left for the whole process: `SystemExit` or
/// `KeyboardInterrupt`.
pub fn take_escaped() -> Option<PyErr> {
    ESCAPED.take()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    use nix::poll::PollFd;
    use nix::poll::PollFlags;
    use nix::poll::PollTimeout;
    use nix::poll::poll;
    use std::os::fd::AsFd;

    use super::*;

    fn rings(guest: &Guest, within: u16) -> bool {
        let mut ears = [PollFd::new(guest.ear.as_fd(), PollFlags::POLLIN)];
        poll(&mut ears, PollTimeout::from(within)).unwrap() == 1
    }

    #[test]
    fn a_task_runs_in_turns_and_a_timer_rings_the_bell() {
        let guest = Guest::new().unwrap();
        let stage = Rc::new(Cell::new(0));
        let seen = Rc::clone(&stage);
        guest.spawn(async move {
            seen.set(1);
            tokio::time::sleep(Duration::from_millis(1)).await;
            seen.set(2);
        });
        assert_eq!(stage.get(), 0);
        assert!(rings(&guest, 0));
        assert_eq!(guest.turn(), Turn::Taken);
        assert_eq!(stage.get(), 1);
        assert!(rings(&guest, 10_000), "the timer is over");
        assert_eq!(guest.turn(), Turn::Taken);
        assert_eq!(stage.get(), 2);
        assert!(!rings(&guest, 0), "nothing is left to wait for");
    }

    #[test]
    fn a_wake_during_a_turn_rings_for_the_next() {
        let guest = Guest::new().unwrap();
        let polls = Rc::new(Cell::new(0));
        let seen = Rc::clone(&polls);
        guest.spawn(std::future::poll_fn(move |context| {
            seen.set(seen.get() + 1);
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        }));
        for turns in 1..4 {
            assert!(rings(&guest, 0));
            guest.turn();
            assert_eq!(polls.get(), turns);
        }
    }

    #[test]
    fn a_turn_within_a_turn_does_nothing() {
        let guest = Rc::new(Guest::new().unwrap());
        let (inner, result) = (Rc::clone(&guest), Rc::new(Cell::new(None)));
        let seen = Rc::clone(&result);
        guest.spawn(async move { seen.set(Some(inner.turn())) });
        guest.turn();
        assert_eq!(result.get(), Some(Turn::Nested));
    }

    #[test]
    fn a_task_that_panics_is_gone_and_the_others_go_on() {
        let guest = Guest::new().unwrap();
        let done = Rc::new(Cell::new(false));
        let seen = Rc::clone(&done);
        guest.spawn(async { panic!("on purpose") });
        guest.spawn(async move { seen.set(true) });
        assert_eq!(guest.turn(), Turn::Panicked);
        assert!(done.get());
        assert_eq!(guest.turn(), Turn::Taken);
    }
}
