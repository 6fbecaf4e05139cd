//! The worker processes: forking, listening to, signalling and reaping them.
//!
//! The only file that touches processes. It decides nothing.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::ptr;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::signal;
use nix::sys::signal::Signal;
use nix::unistd;
use nix::unistd::Pid;

use crate::event::Ending;
use crate::event::Event;
use crate::event::WorkerNumber;
use crate::heartbeat::Beat;
use crate::heartbeat::Heartbeats;
use crate::heartbeat::Place;
use crate::host::Fork;
use crate::host::Host;
use crate::seat::READY;
use crate::seat::WANTS_REPLACEMENT;
use crate::signals;

/// The living workers (and those whose end is being dealt with).
#[derive(Debug)]
pub(crate) struct Children {
    list: Vec<Child>,
    heartbeats: Heartbeats,
    threads: Threads,
}

/// One worker process, seen from the master.
#[derive(Debug)]
struct Child {
    number: WorkerNumber,
    pid: Pid,
    /// Where it says that it is ready; `None` once it has hung up.
    line: Option<OwnedFd>,
    place: Place,
}

/// What the child side of a fork starts out with. Its signals are still blocked.
#[derive(Debug)]
pub(crate) struct Newborn {
    pub(crate) number: WorkerNumber,
    pub(crate) beat: Beat,
    pub(crate) line: OwnedFd,
}

/// Whether the master was seen with more than one thread.
#[derive(Debug, Eq, PartialEq)]
enum Threads {
    Unremarkable,
    WarnedAbout,
}

impl Children {
    /// No children yet, but the memory for their heartbeats.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            list: Vec::new(),
            heartbeats: Heartbeats::new()?,
            threads: Threads::Unremarkable,
        })
    }

    /// Forks one worker. `Some` in the child, `None` in the master.
    pub(crate) fn spawn(
        &mut self,
        number: WorkerNumber,
        host: &mut dyn Host,
    ) -> io::Result<Option<Newborn>> {
        host.before_fork(number)?;
        self.count_threads();
        let (line, word) = unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let place = self
            .heartbeats
            .claim()
            .ok_or(io::ErrorKind::QuotaExceeded)?;
        // A signal to a worker that still has the master's handlers would be taken for the master's.
        signals::block()?;
        let side = host.fork(number);
        match side {
            Ok(Fork::Child) => Ok(Some(Newborn {
                number,
                beat: self.heartbeats.beat(&place),
                line: word,
            })),
            Ok(Fork::Parent(pid)) => {
                self.list.push(Child {
                    number,
                    pid: Pid::from_raw(pid),
                    line: Some(line),
                    place,
                });
                signals::unblock()?;
                Ok(None)
            }
            Err(error) => {
                self.heartbeats.release(place);
                signals::unblock()?;
                Err(error)
            }
        }
    }

    /// Sends a signal. Returns whether there was a process to receive it.
    pub(crate) fn signal(&self, number: WorkerNumber, signal: Signal) -> bool {
        let Some(child) = self.list.iter().find(|child| child.number == number) else {
            return true; // its fork failed, which the pool will hear of by itself
        };
        // Not yet reaped here, so the pid cannot have been given to another process, unless
        // something else in this process reaped it: then it is gone.
        signal::kill(child.pid, signal) != Err(Errno::ESRCH)
    }

    /// Lets go of a worker that is gone.
    pub(crate) fn forget(&mut self, number: WorkerNumber) {
        if let Some(position) = self.list.iter().position(|child| child.number == number) {
            let child = self.list.remove(position);
            self.heartbeats.release(child.place);
        }
    }

    /// The pid behind a number. Known until the worker is forgotten.
    pub(crate) fn pid(&self, number: WorkerNumber) -> Option<Pid> {
        let child = self.list.iter().find(|child| child.number == number);
        child.map(|child| child.pid)
    }

    /// The number behind a pid. `None` for a stranger: as PID 1 a master inherits all orphans.
    pub(crate) fn number(&self, pid: Pid) -> Option<WorkerNumber> {
        let child = self.list.iter().find(|child| child.pid == pid);
        child.map(|child| child.number)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    /// The lines to wait on.
    pub(crate) fn lines(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.list
            .iter()
            .filter_map(|child| Some(child.line.as_ref()?.as_fd()))
    }

    /// What workers have said since the last call.
    pub(crate) fn words(&mut self) -> Vec<Event> {
        self.list.iter_mut().flat_map(Child::words).collect()
    }

    /// When each worker was last heard.
    pub(crate) fn heard(&self) -> Vec<Event> {
        let heard = |child: &Child| {
            let beat = self.heartbeats.heard(&child.place)?;
            Some(Event::Heard(child.number, beat))
        };
        self.list.iter().filter_map(heard).collect()
    }

    /// A preloaded application may have started threads, which a fork does not copy: whatever
    /// lock one of them holds stays locked in the worker for ever.
    fn count_threads(&mut self) {
        if self.threads == Threads::WarnedAbout {
            return;
        }
        let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads > 1 {
            tracing::warn!("The master has {threads} threads; workers are forked without them.");
            self.threads = Threads::WarnedAbout;
        }
    }
}

impl Child {
    fn words(&mut self) -> Vec<Event> {
        let Some(line) = &self.line else {
            return Vec::new();
        };
        let mut bytes = [0; 64];
        let length = match unistd::read(line, &mut bytes) {
            Ok(0) => {
                self.line = None;
                0
            }
            Ok(length) => length,
            Err(_) => 0, // nothing to read, or interrupted: the next turn asks again
        };
        let event = |byte: &u8| match *byte {
            READY => Some(Event::Ready(self.number)),
            WANTS_REPLACEMENT => Some(Event::WantsReplacement(self.number)),
            _ => None,
        };
        bytes.iter().take(length).filter_map(event).collect()
    }
}

/// Collects one dead child, if there is one.
pub(crate) fn reap() -> Option<(Pid, Ending)> {
    loop {
        let (pid, status) = match wait_for_any() {
            Ok((0, _)) | Err(Errno::ECHILD) => return None,
            Ok(dead) => dead,
            Err(_) => continue, // EINTR; nothing else is possible with these arguments
        };
        let ending = if libc::WIFSIGNALED(status) {
            Ending::Signal(libc::WTERMSIG(status))
        } else {
            Ending::Code(libc::WEXITSTATUS(status))
        };
        return Some((Pid::from_raw(pid), ending));
    }
}

/// `waitpid`, without nix: its typed status loses the pid when a real-time signal killed a child.
#[expect(unsafe_code, reason = "a system call that writes through a pointer")]
fn wait_for_any() -> Result<(libc::pid_t, i32), Errno> {
    let mut status = 0;
    // SAFETY: the pointer is to a live local integer, and waitpid keeps no pointer.
    let pid = unsafe { libc::waitpid(-1, ptr::from_mut(&mut status), libc::WNOHANG) };
    Errno::result(pid).map(|pid| (pid, status))
}
