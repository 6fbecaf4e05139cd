//! Lines for syslog, in the form in which Python's `SysLogHandler` sends gunicorn's: the priority,
//! the line, and a zero byte (RFC 3164 section 4.1.1, as far as anybody keeps to it).
//!
//! Nobody waits for syslog while requests are served: what its socket does not take at once is
//! kept for the next line, up to a limit, and behind that lost. Only to connect takes a moment,
//! and after a failure that is tried less and less often.

use std::fmt;
use std::io;
use std::io::Write;
use std::net::TcpStream;
use std::net::ToSocketAddrs;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::os::unix::net::UnixStream;
use std::process;
use std::time::Duration;
use std::time::Instant;

use super::statsd::connected;
use crate::config::LogLevel;
use crate::config::logging::SyslogSettings;
use crate::config::logging::SyslogTarget;

/// The longest line. A datagram can hold no more than 64 KiB.
const LONGEST: usize = 60_000;

/// What a stream may hold back.
const MOST_HELD: usize = 1 << 20;

/// How long a server over TCP may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest time between two attempts to connect.
const RARELY: Duration = Duration::from_secs(30);

/// Which log a line is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Access,
    Error,
}

/// The way to syslog. Opened by the first line.
pub(super) struct Syslog {
    settings: SyslogSettings,
    /// The socket, and the process that opened it: one that is shared by processes would mix
    /// their lines.
    link: Option<(u32, Link)>,
    /// When to try again, and how long to wait if that fails too.
    retry: Option<(Instant, Duration)>,
}

enum Link {
    Udp(UdpSocket),
    Unix(UnixDatagram),
    Stream(Box<dyn Write + Send>, Vec<u8>),
}

impl Syslog {
    pub(super) fn new(settings: SyslogSettings) -> Self {
        Self {
            settings,
            link: None,
            retry: None,
        }
    }

    /// Sends a line, if that can be done now.
    pub(super) fn send(&mut self, kind: Kind, level: LogLevel, text: &str) {
        let message = self.message(kind, level, text);
        if !self.is_open() && !self.open() {
            return;
        }
        let Some((_, link)) = &mut self.link else {
            return;
        };
        if link.send(&message).is_ok() {
            return;
        }
        // Its server may have been started anew: one more attempt, at once.
        self.link = None;
        if self.open()
            && let Some((_, link)) = &mut self.link
            && link.send(&message).is_err()
        {
            self.link = None;
        }
    }

    fn message(&self, kind: Kind, level: LogLevel, text: &str) -> Vec<u8> {
        let kind = match kind {
            Kind::Access => "access",
            Kind::Error => "error",
        };
        let priority = self.settings.facility << 3 | severity(level);
        let (name, pid) = (&self.settings.name, process::id());
        let mut message = format!("<{priority}>gunicorn.{name}.{kind}: [{pid}] {text}");
        if message.len() > LONGEST {
            let mut end = LONGEST;
            while !message.is_char_boundary(end) {
                end -= 1;
            }
            message.truncate(end);
        }
        message.push('\0');
        message.into_bytes()
    }

    fn is_open(&self) -> bool {
        self.link
            .as_ref()
            .is_some_and(|(owner, _)| *owner == process::id())
    }

    /// Connects, unless that failed a short time ago.
    fn open(&mut self) -> bool {
        let now = Instant::now();
        if self.retry.is_some_and(|(due, _)| now < due) {
            return false;
        }
        match Link::open(&self.settings.target) {
            Ok(link) => {
                self.link = Some((process::id(), link));
                self.retry = None;
                true
            }
            Err(_) => {
                let pause = self
                    .retry
                    .map_or(PATIENCE, |(_, pause)| pause * 2)
                    .min(RARELY);
                self.retry = Some((Instant::now() + pause, pause));
                false
            }
        }
    }
}

impl Link {
    fn open(target: &SyslogTarget) -> io::Result<Self> {
        Ok(match target {
            SyslogTarget::Udp(address) => Self::Udp(connected(address)?),
            SyslogTarget::Tcp((host, port)) => {
                let mut outcome = Err(io::ErrorKind::NotFound.into());
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    outcome = TcpStream::connect_timeout(&address, PATIENCE);
                    if outcome.is_ok() {
                        break;
                    }
                }
                let stream = outcome?;
                stream.set_nonblocking(true)?;
                Self::Stream(Box::new(stream), Vec::new())
            }
            SyslogTarget::UnixDatagram(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_nonblocking(true)?;
                Self::Unix(socket)
            }
            SyslogTarget::UnixStream(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Self::Stream(Box::new(stream), Vec::new())
            }
        })
    }

    /// # Errors
    /// When a new connection may help.
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let sent = match self {
            // An error of a datagram over UDP is about one that was sent before.
            Self::Udp(socket) => socket.send(message).or(Ok(0)),
            Self::Unix(socket) => socket.send(message),
            Self::Stream(stream, held) => {
                if held.len() + message.len() <= MOST_HELD {
                    held.extend_from_slice(message);
                }
                write_some(stream, held)
            }
        };
        match sent {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

/// Writes what the stream takes, and keeps the rest.
fn write_some(stream: &mut dyn Write, held: &mut Vec<u8>) -> io::Result<usize> {
    let mut written = 0;
    let outcome = loop {
        match stream.write(&held[written..]) {
            Ok(0) if written < held.len() => break Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => written += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
        if written == held.len() {
            break Ok(written);
        }
    };
    held.drain(..written);
    outcome
}

/// As in RFC 5424 section 6.2.1, and as Python's handler maps its levels.
fn severity(level: LogLevel) -> u8 {
    match level {
        LogLevel::Critical => 2,
        LogLevel::Error => 3,
        LogLevel::Warning => 4,
        LogLevel::Info => 6,
        LogLevel::Debug | LogLevel::Trace => 7,
    }
}

impl fmt::Debug for Syslog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Syslog")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
