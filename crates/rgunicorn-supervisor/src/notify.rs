//! What a service manager is told: sd_notify(3), one datagram a notice.
//!
//! Also owns the watchdog's clock. Does nothing where `$NOTIFY_SOCKET` is not set. A notice that
//! cannot be sent is logged and forgotten: the server does not depend on who watches it.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use std::time::Instant;

use nix::time::ClockId;
use nix::time::clock_gettime;

/// How long to wait for a service manager that does not read.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something a service manager should know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Notice {
    /// So many workers serve.
    Ready { workers: usize },
    /// This process is the only master from now on, and serves.
    Promoted { pid: u32 },
    /// A reload begins, at this time of the monotonic clock.
    Reloading { since: Duration },
    /// A stop begins.
    Stopping,
    /// This process ends; that one goes on.
    Succeeded { by: i32 },
    /// All is well.
    Watchdog,
}

impl Notice {
    fn text(self) -> String {
        match self {
            Self::Ready { workers: 1 } => "READY=1\nSTATUS=1 worker serves".into(),
            Self::Ready { workers } => format!("READY=1\nSTATUS={workers} workers serve"),
            Self::Promoted { pid } => format!("MAINPID={pid}\nREADY=1\nSTATUS=Upgraded"),
            Self::Reloading { since } => format!(
                "RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=Reloading",
                since.as_micros()
            ),
            Self::Stopping => "STOPPING=1\nSTATUS=Stopping".into(),
            Self::Succeeded { by } => format!("MAINPID={by}\nSTATUS=Upgraded"),
            Self::Watchdog => "WATCHDOG=1".into(),
        }
    }
}

/// The way to the service manager.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Watchdog>,
}

/// When to say that all is well.
#[derive(Clone, Copy, Debug)]
struct Watchdog {
    interval: Duration,
    due: Instant,
}

impl Notify {
    /// As the environment of the process `pid` says.
    pub(crate) fn new(variable: impl Fn(&str) -> Option<OsString>, pid: u32) -> Self {
        let Some(name) = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        let socket = address(&name).and_then(|address| Ok((open()?, address)));
        match socket {
            Ok(socket) => Self {
                socket: Some(socket),
                watchdog: interval(variable, pid).map(|interval| Watchdog {
                    interval,
                    due: Instant::now(),
                }),
            },
            Err(error) => {
                tracing::warn!("Nothing can be said to $NOTIFY_SOCKET ({name:?}): {error}");
                Self::default()
            }
        }
    }

    pub(crate) fn say(&self, notice: Notice) {
        let Some((socket, address)) = &self.socket else {
            return;
        };
        if let Err(error) = socket.send_to_addr(notice.text().as_bytes(), address) {
            tracing::warn!("The service manager does not listen: {error}");
        }
    }

    /// Says that all is well if it is time to.
    pub(crate) fn ping(&mut self, now: Instant) {
        if let Some(watchdog) = self.watchdog.as_mut().filter(|it| it.due <= now) {
            watchdog.due = now + watchdog.interval;
            self.say(Notice::Watchdog);
        }
    }

    /// How long until it is time to.
    pub(crate) fn next_ping(&self, now: Instant) -> Option<Duration> {
        let due = self.watchdog?.due;
        Some(due.saturating_duration_since(now))
    }
}

/// The notice that a reload begins now.
pub(crate) fn reloading() -> Notice {
    // Cannot fail: Linux has this clock, and systemd compares with it.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    Notice::Reloading {
        since: now.unwrap_or_default(),
    }
}

fn open() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// A path, or behind an `@` the name of an abstract socket.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::other("neither a path nor an abstract name")),
    }
}

/// Half of what the watchdog of this process waits for.
fn interval(variable: impl Fn(&str) -> Option<OsString>, pid: u32) -> Option<Duration> {
    let number = |name| variable(name)?.to_str()?.trim().parse::<u64>().ok();
    if variable("WATCHDOG_PID").is_some() && number("WATCHDOG_PID") != Some(pid.into()) {
        return None;
    }
    let limit = number("WATCHDOG_USEC").filter(|&limit| limit > 1)?;
    Some(Duration::from_micros(limit / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| {
            let found = list.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        }
    }

    #[test]
    fn notices_are_worded_as_sd_notify_wants_them() {
        let since = Duration::from_millis(1500);
        let table = [
            (
                Notice::Ready { workers: 1 },
                "READY=1\nSTATUS=1 worker serves",
            ),
            (
                Notice::Ready { workers: 4 },
                "READY=1\nSTATUS=4 workers serve",
            ),
            (
                Notice::Promoted { pid: 9 },
                "MAINPID=9\nREADY=1\nSTATUS=Upgraded",
            ),
            (
                Notice::Reloading { since },
                "RELOADING=1\nMONOTONIC_USEC=1500000\nSTATUS=Reloading",
            ),
            (Notice::Stopping, "STOPPING=1\nSTATUS=Stopping"),
            (Notice::Succeeded { by: 9 }, "MAINPID=9\nSTATUS=Upgraded"),
            (Notice::Watchdog, "WATCHDOG=1"),
        ];
        for (notice, text) in table {
            assert_eq!(notice.text(), text);
        }
    }

    #[test]
    fn the_watchdog_is_fed_at_half_of_its_time_by_its_own_process_only() {
        let interval = |list| interval(variables(list), 7);
        let second = Some(Duration::from_secs(1));
        assert_eq!(interval(&[]), None);
        assert_eq!(interval(&[("WATCHDOG_USEC", "2000000")]), second);
        assert_eq!(
            interval(&[("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "7")]),
            second
        );
        assert_eq!(
            interval(&[("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "8")]),
            None
        );
        assert_eq!(interval(&[("WATCHDOG_USEC", "never")]), None);
    }

    #[test]
    fn notices_reach_a_path_and_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("rgunicorn-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        let names = [
            (by_path, path.into_os_string()),
            (by_name, format!("@{name}").into()),
        ];
        for (receiver, name) in names {
            let notify = Notify::new(|it| (it == "NOTIFY_SOCKET").then(|| name.clone()), 7);
            notify.say(Notice::Stopping);
            let mut bytes = [0; 64];
            let length = receiver.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..length], b"STOPPING=1\nSTATUS=Stopping");
        }
    }

    #[test]
    fn a_ping_is_due_at_once_and_then_at_every_interval() {
        let list = &[
            ("NOTIFY_SOCKET", "/nowhere/at/all"),
            ("WATCHDOG_USEC", "4000000"),
        ];
        let mut notify = Notify::new(variables(list), 7);
        let now = Instant::now() + Duration::from_secs(1);
        assert_eq!(notify.next_ping(now), Some(Duration::ZERO));
        notify.ping(now);
        assert_eq!(notify.next_ping(now), Some(Duration::from_secs(2)));
        notify.ping(now + Duration::from_secs(1));
        assert_eq!(notify.next_ping(now), Some(Duration::from_secs(2)));
    }
}
