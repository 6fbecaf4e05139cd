//! The kernel's side of the loop: one epoll instance, and a bell for other threads.

use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::RawFd;
use std::ptr::null;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::epoll::Epoll;
use nix::sys::epoll::EpollCreateFlags;
use nix::sys::epoll::EpollEvent;
use nix::sys::epoll::EpollFlags;
use nix::sys::epoll::EpollTimeout;
use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;

/// Events taken at a time.
pub(crate) const BATCH: usize = 128;

/// How long to wait for events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// Not at all.
    Now,
    After(Duration),
    Never,
}

/// An epoll instance, level-triggered.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: Epoll,
    bell: EventFd,
}

/// What the bell's events say instead of a descriptor.
const BELL: u64 = u64::MAX;

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        epoll.add(&bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        Ok(Self { epoll, bell })
    }

    /// The descriptor of the epoll instance: readable when there are events.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.epoll.0.as_raw_fd()
    }

    /// Ends a wait, from any thread.
    pub(crate) fn ring(&self) {
        // Fails only when it rings already.
        let _ = self.bell.write(1);
    }

    /// The descriptor that an event is about; None for the bell, which is silent then.
    pub(crate) fn descriptor_of(&self, event: EpollEvent) -> Option<RawFd> {
        if event.data() == BELL {
            let _ = self.bell.read();
            return None;
        }
        RawFd::try_from(event.data()).ok()
    }

    /// Changes what `descriptor` is watched for; nothing ends the watch.
    ///
    /// # Errors
    /// When the kernel cannot watch it.
    #[expect(unsafe_code, reason = "Python names a descriptor by its bare number")]
    pub(crate) fn watch(
        &self,
        descriptor: RawFd,
        before: EpollFlags,
        after: EpollFlags,
    ) -> io::Result<()> {
        // What is watched already is said again: the number may be another file's since then.
        if before.is_empty() && after.is_empty() {
            return Ok(());
        }
        // SAFETY: the number is only handed to the kernel, which checks it.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let number = u64::try_from(descriptor).map_err(|_| Errno::EBADF)?;
        let mut event = EpollEvent::new(after, number);
        if after.is_empty() {
            // Closed by its owner, it has left by itself.
            return match self.epoll.delete(borrowed) {
                Err(Errno::ENOENT | Errno::EBADF) => Ok(()),
                result => Ok(result?),
            };
        }
        if before.is_empty() {
            return match self.epoll.add(borrowed, event) {
                Err(Errno::EEXIST) => Ok(self.epoll.modify(borrowed, &mut event)?),
                result => Ok(result?),
            };
        }
        match self.epoll.modify(borrowed, &mut event) {
            // The number was closed and is another descriptor now.
            Err(Errno::ENOENT) => Ok(self.epoll.add(borrowed, event)?),
            result => Ok(result?),
        }
    }

    /// Waits for events. Returns how many there are, which is 0 where a signal came first.
    ///
    /// # Errors
    /// When the kernel cannot wait.
    pub(crate) fn wait(&self, events: &mut [EpollEvent], limit: Limit) -> io::Result<usize> {
        let counted = match limit {
            Limit::Now => self.epoll.wait(events, EpollTimeout::ZERO),
            Limit::Never => self.epoll.wait(events, EpollTimeout::NONE),
            Limit::After(time) => self.wait_precisely(events, time),
        };
        match counted {
            Err(Errno::EINTR) => Ok(0),
            counted => Ok(counted?),
        }
    }

    /// Waits with the precision of the kernel's clock, where it has that call.
    #[expect(unsafe_code, reason = "nix has no name for the call")]
    fn wait_precisely(&self, events: &mut [EpollEvent], time: Duration) -> nix::Result<usize> {
        static MISSING: AtomicBool = AtomicBool::new(false);
        if MISSING.load(Ordering::Relaxed) {
            return self.wait_roughly(events, time);
        }
        let limit = libc::timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        // SAFETY: `EpollEvent` is the kernel's structure (`repr(transparent)`), the slice is
        // writable for the length given, and the time lives through the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.descriptor(),
                events.as_mut_ptr(),
                libc::c_int::try_from(events.len()).unwrap_or(libc::c_int::MAX),
                &raw const limit,
                null::<libc::sigset_t>(),
                0_usize,
            )
        };
        match Errno::result(result) {
            // Kernels before 5.11, and sandboxes that do not know the call.
            Err(Errno::ENOSYS | Errno::EPERM) => {
                MISSING.store(true, Ordering::Relaxed);
                self.wait_roughly(events, time)
            }
            Err(error) => Err(error),
            Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
        }
    }

    /// Waits for full milliseconds, rounded up.
    fn wait_roughly(&self, events: &mut [EpollEvent], time: Duration) -> nix::Result<usize> {
        let rounded = time.as_millis() + u128::from(!time.subsec_nanos().is_multiple_of(1_000_000));
        let rounded = i32::try_from(rounded).unwrap_or(i32::MAX);
        let timeout = EpollTimeout::try_from(rounded).unwrap_or(EpollTimeout::MAX);
        self.epoll.wait(events, timeout)
    }
}
