//! One record for each exchange: as a line in gunicorn's format or in JSON, to a file, to standard
//! output, or to whoever else wants to know.
//!
//! [`AccessFormat`] is the format, read once; [`AccessLog`] adds a destination and a buffer, so
//! that a worker writes once a turn and not once a request, and [`Observer`]s. What clients and
//! applications send is escaped: nobody can forge a line.

mod lines;

mod format;

mod atom;

mod object;

mod destination;

mod escape;

mod exclusions;

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;
use std::time::SystemTime;

use crate::endpoint::Scheme;
use crate::endpoint::ServerAddress;
use crate::parser::Head;
use crate::proxy::Forwarded;

use destination::Destination;
use lines::Lines;

pub use exclusions::Exclusions;
pub use exclusions::PatternError;
pub use format::AccessFormat;
pub use format::AccessFormatError;
pub use format::DEFAULT_FORMAT;

pub(crate) use escape::Escape;

/// What is known of an exchange when its line is written.
#[derive(Clone, Copy, Debug)]
pub struct AccessRecord<'a> {
    /// The request, unless it could not be parsed.
    pub head: Option<&'a Head>,
    /// What came instead of a request line, when there is no head.
    pub request_line: &'a [u8],
    /// The client's address without port, as the application sees it; nothing for a unix socket.
    pub client: &'a str,
    /// The client's port; 0 if it has none, or none that is known.
    pub client_port: u16,
    /// Where the client connected to.
    pub server: &'a ServerAddress,
    /// How the connection is secured.
    pub scheme: Scheme,
    /// What a trusted proxy said about the request.
    pub forwarded: Option<&'a Forwarded>,
    /// The status of the response.
    pub status: u16,
    /// Bytes of the response after its head.
    pub body_bytes: u64,
    /// The application's response fields: `name: value` and CRLF for each.
    pub response_fields: &'a [u8],
    /// From the head of the request to the end of the response.
    pub elapsed: Duration,
    /// When the line is written.
    pub now: SystemTime,
    /// This process.
    pub pid: u32,
}

/// Somebody who is told of exchanges. Called while connections are being served: it must neither
/// wait nor run code of others.
pub trait Observer {
    /// An exchange is over.
    fn observe(&mut self, record: &AccessRecord<'_>);

    /// A turn is over.
    fn flush(&mut self) {}
}

/// The access log of one worker. Flushed when dropped.
#[derive(Default)]
pub struct AccessLog {
    lines: Option<Lines>,
    /// Apart, so that a log without them asks for them once.
    extras: Option<Box<Extras>>,
}

#[derive(Default)]
struct Extras {
    exclusions: Exclusions,
    /// Those who see every exchange.
    meters: Vec<Box<dyn Observer>>,
    /// Those who see what is not excluded.
    readers: Vec<Box<dyn Observer>>,
}

impl AccessLog {
    /// Opens the file at `path` for appending, or standard output if that is `-`.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn open(path: impl AsRef<Path>, format: AccessFormat) -> io::Result<Self> {
        let destination = Destination::open(path.as_ref())?;
        Ok(Self {
            lines: Some(Lines::new(destination, format)),
            extras: None,
        })
    }

    /// Leaves out what `exclusions` name, for lines and readers.
    pub fn exclude(&mut self, exclusions: Exclusions) {
        if !exclusions.is_empty() {
            self.extras.get_or_insert_default().exclusions = exclusions;
        }
    }

    /// Adds somebody who is told of every exchange.
    pub fn add_meter(&mut self, meter: Box<dyn Observer>) {
        self.extras.get_or_insert_default().meters.push(meter);
    }

    /// Adds somebody who is told of the exchanges that are not excluded.
    pub fn add_reader(&mut self, reader: Box<dyn Observer>) {
        self.extras.get_or_insert_default().readers.push(reader);
    }

    /// Whether anything becomes of what is recorded.
    #[must_use]
    pub fn is_of_use(&self) -> bool {
        let heard = |extras: &Extras| !extras.meters.is_empty() || !extras.readers.is_empty();
        self.lines.is_some() || self.extras.as_deref().is_some_and(heard)
    }

    /// Takes in one exchange. Its line is written at the latest by the next [`flush`](Self::flush).
    pub fn record(&mut self, record: &AccessRecord<'_>) {
        if let Some(extras) = &mut self.extras
            && extras.observe(record) == Verdict::Excluded
        {
            return;
        }
        if let Some(lines) = &mut self.lines {
            lines.record(record);
        }
    }

    /// Writes what is buffered. A log that cannot be written must not stop the server: lines that
    /// meet a full disk or a closed pipe are [`dropped`](Self::dropped), and those that meet
    /// a full non-blocking pipe wait for the next call.
    pub fn flush(&mut self) {
        if let Some(lines) = &mut self.lines {
            lines.flush();
        }
        if let Some(extras) = &mut self.extras {
            extras.flush();
        }
    }

    /// Opens the file anew, after somebody moved it away, or standard output, after somebody
    /// put another file there.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened; the old one stays in use then.
    pub fn reopen(&mut self) -> io::Result<()> {
        self.lines.as_mut().map_or(Ok(()), Lines::reopen)
    }

    /// How many lines could not be written.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lines.as_ref().map_or(0, Lines::dropped)
    }
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Excluded,
    Logged,
}

impl Extras {
    fn observe(&mut self, record: &AccessRecord<'_>) -> Verdict {
        for meter in &mut self.meters {
            meter.observe(record);
        }
        let excluded = record
            .head
            .is_some_and(|head| self.exclusions.name(head.path()));
        if excluded {
            return Verdict::Excluded;
        }
        for reader in &mut self.readers {
            reader.observe(record);
        }
        Verdict::Logged
    }

    fn flush(&mut self) {
        for observer in self.meters.iter_mut().chain(&mut self.readers) {
            observer.flush();
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush();
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("AccessLog");
        if let Some(lines) = &self.lines {
            debug.field("destination", &lines.destination);
        }
        debug.field("dropped", &self.dropped());
        debug.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::PathBuf;
    use std::rc::Rc;
    use std::sync::LazyLock;
    use std::time::UNIX_EPOCH;

    use crate::parser::Tolerance;

    use super::*;

    static SERVER: LazyLock<ServerAddress> =
        LazyLock::new(|| ServerAddress::Unix(PathBuf::from("/run/socket")));

    /// An exchange that went wrong before there was a head.
    pub(super) fn record(line: &[u8]) -> AccessRecord<'_> {
        AccessRecord {
            head: None,
            request_line: line,
            client: "",
            client_port: 0,
            server: &SERVER,
            scheme: Scheme::Http,
            forwarded: None,
            status: 400,
            body_bytes: 0,
            response_fields: b"",
            elapsed: Duration::ZERO,
            now: UNIX_EPOCH,
            pid: 1,
        }
    }

    /// Notes the statuses that it is told of, and the turns.
    struct Notes(Rc<RefCell<Vec<String>>>);

    impl Observer for Notes {
        fn observe(&mut self, record: &AccessRecord<'_>) {
            self.0.borrow_mut().push(record.status.to_string());
        }

        fn flush(&mut self) {
            self.0.borrow_mut().push("flush".to_owned());
        }
    }

    #[test]
    fn what_is_excluded_is_measured_but_not_logged() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let (measured, read) = (Rc::default(), Rc::default());
        let format = AccessFormat::parse("%(s)s").unwrap();
        let mut log = AccessLog::open(&path, format).unwrap();
        log.exclude(Exclusions::parse(["/healthz"]).unwrap());
        log.add_meter(Box::new(Notes(Rc::clone(&measured))));
        log.add_reader(Box::new(Notes(Rc::clone(&read))));
        for (target, status) in [("/healthz?x=1", 503), ("/", 200)] {
            let mut head = Head::new();
            let request = format!("GET {target} HTTP/1.0\r\n\r\n");
            head.parse(request.as_bytes(), Tolerance::default())
                .unwrap();
            log.record(&AccessRecord {
                head: Some(&head),
                status,
                ..record(b"")
            });
        }
        log.record(&record(b"junk"));
        log.flush();
        assert_eq!(*measured.borrow(), ["503", "200", "400", "flush"]);
        assert_eq!(*read.borrow(), ["200", "400", "flush"]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "200\n400\n");
    }

    #[test]
    fn a_log_may_have_observers_and_no_lines() {
        let mut log = AccessLog::default();
        assert!(!log.is_of_use());
        log.exclude(Exclusions::parse(["/a"]).unwrap());
        assert!(!log.is_of_use());
        let notes = Rc::<RefCell<Vec<String>>>::default();
        log.add_reader(Box::new(Notes(Rc::clone(&notes))));
        assert!(log.is_of_use());
        log.record(&record(b""));
        assert!(log.reopen().is_ok());
        drop(log);
        assert_eq!(*notes.borrow(), ["400", "flush"]);
    }
}
