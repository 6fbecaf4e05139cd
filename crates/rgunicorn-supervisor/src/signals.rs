//! Signals become bytes in a pipe, and the loop reads the pipe.
//!
//! A handler may run between any two instructions, so it writes one byte and nothing else. Also
//! owns what signals mean round a fork: blocked during it, back to their defaults in the child.
//! One `Signals` exists at a time; the handlers find its pipe through a static.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc::c_int;
use nix::sys::signal::SaFlags;
use nix::sys::signal::SigAction;
use nix::sys::signal::SigHandler;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signal::sigaction;
use nix::unistd;

/// What a master listens to.
const CAUGHT: [Signal; 10] = [
    Signal::SIGCHLD,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
];

/// Where the handlers write; negative when nobody listens.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// The installed handlers. Dropping it gives the signals their default meaning back.
#[derive(Debug)]
pub(crate) struct Signals {
    reader: OwnedFd,
    /// Held open for the handlers.
    _writer: OwnedFd,
}

impl Signals {
    /// Installs the handlers, and lets the signals through even if the parent blocked them.
    pub(crate) fn install() -> io::Result<Self> {
        let (reader, writer) = unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        PIPE.store(writer.as_raw_fd(), Ordering::Relaxed);
        let signals = Self {
            reader,
            _writer: writer,
        };
        for signal in CAUGHT {
            dispose(signal, SigHandler::Handler(enqueue))?;
        }
        unblock()?;
        Ok(signals)
    }

    /// What arrived since the last call, in order.
    pub(crate) fn take(&self) -> Vec<Signal> {
        let mut bytes = [0; 256];
        let length = unistd::read(&self.reader, &mut bytes).unwrap_or(0);
        let numbers = bytes.iter().take(length).copied().map(i32::from);
        numbers.filter_map(|n| Signal::try_from(n).ok()).collect()
    }
}

impl AsFd for Signals {
    /// Readable when a signal has arrived.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        reset();
        PIPE.store(-1, Ordering::Relaxed);
    }
}

/// Gives the signals their default meaning.
pub(crate) fn reset() {
    for signal in CAUGHT {
        // Cannot fail: the same call with the same signal has worked before.
        let _ = dispose(signal, SigHandler::SigDfl);
    }
}

/// Holds the signals back until [`unblock`].
pub(crate) fn block() -> io::Result<()> {
    Ok(SigSet::from_iter(CAUGHT).thread_block()?)
}

/// Lets the signals through, first those that arrived in the meantime.
pub(crate) fn unblock() -> io::Result<()> {
    Ok(SigSet::from_iter(CAUGHT).thread_unblock()?)
}

#[expect(unsafe_code, reason = "a handler may run at any instruction")]
fn dispose(signal: Signal, handler: SigHandler) -> io::Result<()> {
    // SA_RESTART spares the host's system calls an EINTR; poll returns one all the same.
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the only handler ever passed is `enqueue`, which is async-signal-safe: it touches an
    // atomic, calls write(2) and restores errno; no lock, no allocation, no panic.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

/// The handler. A full pipe loses the byte, which is harmless: 64 Ki signals are waiting already.
extern "C" fn enqueue(signal: c_int) {
    let errno = Errno::last_raw();
    if let Some(pipe) = pipe() {
        let byte = u8::try_from(signal).unwrap_or(0);
        let _ = unistd::write(pipe, &[byte]);
    }
    Errno::set_raw(errno);
}

#[expect(
    unsafe_code,
    reason = "a handler can reach an fd only through a static number"
)]
fn pipe() -> Option<BorrowedFd<'static>> {
    let fd = PIPE.load(Ordering::Relaxed);
    // SAFETY: `PIPE` is the number of the writer that the one `Signals` owns: its `drop` resets
    // the handlers and `PIPE` before the fields, and so the fd, are dropped, and on this one
    // thread a handler that has begun ends before `drop` goes on.
    (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// One `Signals` at a time, also where a runner puts both tests into one process.
    static TURN: Mutex<()> = Mutex::new(());

    #[test]
    fn signals_are_taken_once_and_in_order() {
        let _turn = TURN.lock();
        let signals = Signals::install().unwrap();
        for signal in [Signal::SIGHUP, Signal::SIGTTIN, Signal::SIGHUP] {
            nix::sys::signal::raise(signal).unwrap();
        }
        let expected = [Signal::SIGHUP, Signal::SIGTTIN, Signal::SIGHUP];
        assert_eq!(signals.take(), expected);
        assert_eq!(signals.take(), []);
    }

    #[test]
    fn a_blocked_signal_arrives_after_the_fork() {
        let _turn = TURN.lock();
        let signals = Signals::install().unwrap();
        block().unwrap();
        nix::sys::signal::raise(Signal::SIGHUP).unwrap();
        assert_eq!(signals.take(), []);
        unblock().unwrap();
        assert_eq!(signals.take(), [Signal::SIGHUP]);
    }
}
