//! The threads of a pool: each takes one request at a time, and keeps its
//! Python state for as long as it lives.
//!
//! Threads of the operating system, whatever an application made of Python's
//! `threading`.

use std::io;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use rgunicorn_core::spool::Spooled;
use rgunicorn_eventloop::drive;

use crate::application::Application;
use crate::application::Outcome;
use crate::asked::Parcel;
use crate::mailbox::Client;
use crate::mailbox::Link;
use crate::mailbox::Mailbox;
use crate::mailbox::Ticket;
use crate::pooled::Pooled;
use crate::port::Port;
use crate::queue::Queue;
use crate::settings::Settings;

/// One call, on its way to a thread.
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) link: Arc<Link>,
    pub(crate) parcel: Parcel,
    pub(crate) body: Option<Spooled>,
}

/// What a thread is made of.
pub(crate) struct Thread {
    pub(crate) app: Py<PyAny>,
    pub(crate) settings: Settings,
    pub(crate) queue: Arc<Queue<Job>>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) on_exit: Arc<dyn Fn() + Send + Sync>,
}

impl Thread {
    /// Serves until the queue is closed.
    fn run(&self, py: Python<'_>) -> PyResult<()> {
        let application = Application::new(self.app.bind(py), &self.settings)?;
        while let Some(job) = self.next(py) {
            let pooled = Pooled::new(job.ticket, Arc::clone(&job.link), Arc::clone(&self.mailbox));
            if job.link.client() == Client::Gone {
                continue; // it left while it waited; the drop says that the call is over
            }
            let port = Port::Pooled(pooled);
            let outcome = application.call(py, &job.parcel.asked(), job.body, port);
            if outcome == Outcome::Exit {
                (self.on_exit)();
            }
            drive::tidy_up();
        }
        Ok(())
    }

    /// The interpreter is kept where there is no need to wait.
    fn next(&self, py: Python<'_>) -> Option<Job> {
        self.queue
            .try_next()
            .or_else(|| py.detach(|| self.queue.next()))
    }
}

/// How many threads run.
#[derive(Clone, Default)]
pub struct Threads(Arc<Running>);

#[derive(Default)]
struct Running {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Threads {
    /// Starts one more.
    ///
    /// # Errors
    /// When the operating system has no thread left.
    pub(crate) fn start(&mut self, number: usize, body: Thread) -> io::Result<()> {
        let running = Arc::clone(&self.0);
        running.change(|count| *count += 1);
        let main = move || {
            Python::attach(|py| {
                if let Err(error) = body.run(py) {
                    tracing::error!("A thread of the pool ended: {error}");
                }
                drop(body);
            });
            running.change(|count| *count -= 1);
        };
        let name = format!("rgunicorn-{number}");
        thread::Builder::new().name(name).spawn(main).map(drop)
    }

    /// Waits until none runs, or `limit` is over. Returns how many do. To be
    /// called without the interpreter, which they need to end.
    pub fn wait(&self, limit: Duration) -> usize {
        let count = self.0.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .0
            .changed
            .wait_timeout_while(count, limit, |count| *count > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Running {
    fn change(&self, change: impl FnOnce(&mut usize)) {
        change(&mut self.count.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}
