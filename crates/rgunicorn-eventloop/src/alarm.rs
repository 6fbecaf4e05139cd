//! asyncio's next deadline, on a clock finer than tokio's milliseconds.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use std::time::Instant;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::ClockId;
use nix::sys::timerfd::Expiration;
use nix::sys::timerfd::TimerFd;
use nix::sys::timerfd::TimerFlags;
use nix::sys::timerfd::TimerSetTimeFlags;
use tokio::io::unix::AsyncFd;

use crate::watch::watch;

/// Deadlines this close together are one: not worth a system call.
const SLACK: Duration = Duration::from_micros(50);

/// A timer of the kernel's, registered with the runtime.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: TimerFd,
    /// The same timer, as the runtime sees it.
    watched: AsyncFd<OwnedFd>,
    armed: Option<Instant>,
}

impl Alarm {
    /// Must be called in the context of the runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let watched = watch(timer.as_fd().try_clone_to_owned()?)?;
        Ok(Self {
            timer,
            watched,
            armed: None,
        })
    }

    /// Sets the alarm off `after` from now, unless it already is set for then.
    pub(crate) fn set(&mut self, after: Duration) -> io::Result<()> {
        let now = Instant::now();
        // Zero would switch the timer off.
        let when = now + after.max(Duration::from_nanos(1));
        let near = |armed: Instant| armed > now && armed <= when && when - armed < SLACK;
        if self.armed.is_some_and(near) {
            return Ok(());
        }
        let spec = TimeSpec::from_duration(when - now);
        self.timer
            .set(Expiration::OneShot(spec), TimerSetTimeFlags::empty())?;
        self.armed = Some(when);
        Ok(())
    }

    /// Ready once the alarm went off.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.watched.poll_read_ready(context) {
            Poll::Ready(Ok(mut guard)) => {
                // Setting the timer anew resets its count: no read is needed.
                guard.clear_ready();
                self.armed = None;
                Poll::Ready(())
            }
            Poll::Ready(Err(_)) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    }
}
