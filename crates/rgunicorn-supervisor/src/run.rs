//! The loop: wait for something to happen, ask the pool, do what it says.
//!
//! Owns the order of one turn: the workers' words, signals, deaths, heartbeats, time. Words come
//! before all that may follow from them, so that a worker that served and crashed within a single
//! turn is not taken for one that never served, nor retired as such by a signal sent after its
//! word. Decides nothing about workers; that is [`pool`](crate::pool).

mod succession;

use std::collections::VecDeque;
use std::env;
use std::ops::ControlFlow;
use std::process;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::signal::Signal;

use crate::error::SupervisorError;
use crate::event::Action;
use crate::event::Cause;
use crate::event::Ending;
use crate::event::Event;
use crate::event::Urgency;
use crate::event::WorkerNumber;
use crate::host::Host;
use crate::lineage::Lineage;
use crate::notify::Notice;
use crate::notify::Notify;
use crate::pool::Pool;
use crate::process::Children;
use crate::process::Newborn;
use crate::process::reap;
use crate::report;
use crate::seat::Seat;
use crate::settings::Settings;
use crate::signals;
use crate::signals::Signals;

/// Waking this much later than planned means that the whole process stood still.
const OVERSLEPT: Duration = Duration::from_secs(1);

/// An upper bound for one sleep that fits every clock and type.
const LONGEST_SLEEP: Duration = Duration::from_secs(60 * 60);

/// How [`run`](run()) came to an end, and in which process.
#[derive(Debug)]
pub enum Outcome {
    /// This is a new worker process. Nothing of the master's is open here, and the signals have
    /// their default meaning: install handlers before anything slow.
    Child(Seat),
    /// This is the master, and all workers are gone. The value is its exit code.
    Stopped(u8),
}

/// Holds back the signals that a master acts on until [`run`] listens to them. To be called
/// before the server says that it is there: whoever reads that may send one at once.
///
/// # Errors
/// When the system refuses.
pub fn hold_signals() -> Result<(), SupervisorError> {
    signals::block().map_err(SupervisorError::system("hold back signals"))
}

/// Keeps workers running until a signal ends the server.
///
/// Returns once in the master, and once in each worker that it forks. Call it from the only
/// thread of the process, and once.
///
/// # Errors
/// When the system refuses what no master can do without: pipes, memory, signal handlers. Workers
/// that exist then are left to notice by themselves that their master is gone.
pub fn run(settings: Settings, host: &mut dyn Host) -> Result<Outcome, SupervisorError> {
    let mut master = Master::new(settings, Lineage::new(host.predecessor()))?;
    if host.starting().is_break() {
        master.close(host);
        return Ok(Outcome::Stopped(Cause::Asked.code()));
    }
    match master.supervise(host)? {
        End::Born(newborn) => master.leave(newborn).map(Outcome::Child),
        End::Stopped(cause) => Ok(Outcome::Stopped(cause.code())),
    }
}

/// The state of the loop.
struct Master {
    pool: Pool,
    children: Children,
    signals: Signals,
    /// Whether there is another master.
    lineage: Lineage,
    notify: Notify,
    pid: u32,
    /// When the process was found to have stood still.
    wake: Wake,
}

/// How the last sleep ended.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Wake {
    InTime,
    Overslept,
}

/// Why the loop ends.
enum End {
    /// This process is a worker.
    Born(Newborn),
    /// This process is the master, and done.
    Stopped(Cause),
}

impl Master {
    fn new(settings: Settings, lineage: Lineage) -> Result<Self, SupervisorError> {
        let system = SupervisorError::system;
        Ok(Self {
            pool: Pool::new(settings),
            children: Children::new().map_err(system("map memory for heartbeats"))?,
            signals: Signals::install().map_err(system("install signal handlers"))?,
            lineage,
            notify: Notify::new(|name| env::var_os(name), process::id()),
            pid: process::id(),
            wake: Wake::InTime,
        })
    }

    fn supervise(&mut self, host: &mut dyn Host) -> Result<End, SupervisorError> {
        let mut flow = self.feed(Event::Tick, host);
        loop {
            if let ControlFlow::Break(end) = flow {
                return Ok(end);
            }
            self.wait(host.resting(self.children.count()))?;
            flow = self.turn(host);
        }
    }

    /// Becomes a worker: lets go of all that is the master's, and only then takes signals.
    fn leave(self, newborn: Newborn) -> Result<Seat, SupervisorError> {
        let master = self.pid;
        drop(self);
        signals::unblock().map_err(SupervisorError::system("unblock signals"))?;
        Ok(Seat {
            number: newborn.number,
            beat: newborn.beat,
            master,
            line: newborn.line,
        })
    }

    /// Sleeps until something happens, or something is due, and no longer than `limit`.
    fn wait(&mut self, limit: Option<Duration>) -> Result<(), SupervisorError> {
        let start = Instant::now();
        let limits = [
            self.pool.next_deadline(start),
            self.lineage.next_look(),
            self.notify.next_ping(start),
            limit,
        ];
        let limit = limits.into_iter().flatten().min();
        // Rounded up: waking a moment too early would mean to spin until it is time.
        let sleep = limit.map(|limit| limit.min(LONGEST_SLEEP) + Duration::from_millis(1));
        let timeout = sleep.map_or(PollTimeout::NONE, |sleep| {
            PollTimeout::try_from(sleep).unwrap_or(PollTimeout::MAX)
        });
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let own = std::iter::once(std::os::fd::AsFd::as_fd(&self.signals));
        let mut fds: Vec<PollFd<'_>> = own.chain(self.children.lines()).map(readable).collect();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(SupervisorError::system("wait for events")(error)),
        }
        self.wake = match sleep {
            Some(sleep) if start.elapsed() > sleep + OVERSLEPT => Wake::Overslept,
            _ => Wake::InTime,
        };
        Ok(())
    }

    /// Everything that happened during one sleep, in an order that draws no wrong conclusions.
    fn turn(&mut self, host: &mut dyn Host) -> ControlFlow<End> {
        self.look_for_predecessor(host);
        let signals = self.signals.take();
        self.listen(host)?;
        for signal in signals {
            self.receive(signal, host)?;
        }
        while let Some((pid, ending)) = reap() {
            self.listen(host)?;
            match self.children.number(pid) {
                Some(number) => self.feed(Event::Ended(number, ending), host)?,
                None => self.lose(pid, ending),
            }
        }
        for beat in self.children.heard() {
            self.feed(beat, host)?;
        }
        if self.wake == Wake::Overslept {
            self.feed(Event::Overslept, host)?;
        }
        if self.pool.is_healthy() && self.lineage.next_look().is_none() {
            self.notify.ping(Instant::now());
        }
        self.feed(Event::Tick, host)
    }

    fn listen(&mut self, host: &mut dyn Host) -> ControlFlow<End> {
        for word in self.children.words() {
            self.feed(word, host)?;
        }
        ControlFlow::Continue(())
    }

    /// What a signal to the master means.
    fn receive(&mut self, signal: Signal, host: &mut dyn Host) -> ControlFlow<End> {
        let name = signal.as_str().trim_start_matches("SIG").to_lowercase();
        match signal {
            Signal::SIGCHLD => tracing::debug!("Handling signal: {name}"),
            _ => tracing::info!("Handling signal: {name}"),
        }
        let event = match signal {
            Signal::SIGHUP if !self.pool.is_leaving() => self.reload(host),
            Signal::SIGINT | Signal::SIGQUIT => Event::Stop(Urgency::Fast),
            Signal::SIGTERM => Event::Stop(Urgency::Graceful),
            Signal::SIGTTIN => Event::More,
            Signal::SIGTTOU => Event::Fewer,
            Signal::SIGUSR1 => {
                host.reopen_logs();
                Event::ReopenLogs
            }
            Signal::SIGUSR2 => {
                self.upgrade(host);
                Event::Tick
            }
            Signal::SIGWINCH if !self.pool.is_leaving() => self.dismissal(),
            _ => Event::Tick,
        };
        self.feed(event, host)
    }

    /// Tells the pool what happened and does what it asks for, with all that follows from it.
    fn feed(&mut self, event: Event, host: &mut dyn Host) -> ControlFlow<End> {
        let target = self.pool.target();
        let mut actions = VecDeque::from(self.pool.on(event, Instant::now()));
        let by_signal = matches!(event, Event::Dismiss | Event::Fewer | Event::More);
        if by_signal && self.pool.target() != target {
            host.resized(self.pool.target());
        }
        while let Some(action) = actions.pop_front() {
            if let Some(consequence) = self.perform(action, host)? {
                actions.extend(self.pool.on(consequence, Instant::now()));
            }
        }
        ControlFlow::Continue(())
    }

    /// Does one thing. Returns what the pool must learn about it.
    fn perform(&mut self, action: Action, host: &mut dyn Host) -> ControlFlow<End, Option<Event>> {
        match action {
            Action::CloseSockets => self.close(host),
            Action::Complete(workers) => self.tell(Notice::Ready { workers }),
            Action::Exit(cause) => {
                self.hand_over();
                report::shutdown(self.lineage.name(), cause);
                return ControlFlow::Break(End::Stopped(cause));
            }
            Action::Forget(number) => {
                self.children.forget(number);
                host.ended(number);
            }
            Action::LogDelay(delay) => report::delay(delay),
            Action::LogEnd(number, ending) => report::end(self.children.pid(number), ending),
            Action::LogRetry(wait) => report::retry(wait),
            Action::LogSilence(number) => report::silence(self.children.pid(number)),
            Action::Signal(number, signal) => {
                if signal == Signal::SIGKILL {
                    report::kill(self.children.pid(number));
                }
                let is_there = self.children.signal(number, signal);
                let vanished = Event::Ended(number, Ending::Vanished);
                return ControlFlow::Continue((!is_there).then_some(vanished));
            }
            Action::Spawn(number) => return self.spawn(number, host),
        }
        ControlFlow::Continue(None)
    }

    fn spawn(
        &mut self,
        number: WorkerNumber,
        host: &mut dyn Host,
    ) -> ControlFlow<End, Option<Event>> {
        match self.children.spawn(number, host) {
            Ok(Some(newborn)) => ControlFlow::Break(End::Born(newborn)),
            Ok(None) => ControlFlow::Continue(None),
            Err(error) => {
                tracing::error!("Cannot start a worker: {error}");
                ControlFlow::Continue(Some(Event::ForkFailed(number)))
            }
        }
    }
}
