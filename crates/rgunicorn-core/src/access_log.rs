//! One line for each exchange, in gunicorn's format, to a file or to standard output.
//!
//! [`AccessFormat`] is the format, read once; [`AccessLog`] adds a destination and a buffer, so
//! that a worker writes once a turn and not once a request. What clients and applications send is
//! escaped: nobody can forge a line.

mod atom;

mod destination;

mod escape;

mod format;

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;
use std::time::SystemTime;

use crate::parser::Head;

use destination::Destination;
use destination::Outcome;

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

/// Buffered lines go out before they are more than this.
const BUFFERED: usize = 64 << 10;

/// Lines beyond this are dropped while a non-blocking destination takes none.
const MOST_HELD: usize = 1 << 20;

/// The access log of one worker. Flushed when dropped.
pub struct AccessLog {
    format: AccessFormat,
    destination: Destination,
    buffer: Vec<u8>,
    dropped: u64,
}

impl AccessLog {
    /// Opens the file at `path` for appending, or standard output if that is `-`.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn open(path: impl AsRef<Path>, format: AccessFormat) -> io::Result<Self> {
        Ok(Self::new(Destination::open(path.as_ref())?, format))
    }

    fn new(destination: Destination, format: AccessFormat) -> Self {
        Self {
            format,
            destination,
            buffer: Vec::new(),
            dropped: 0,
        }
    }

    /// Takes in one exchange. It is written at the latest by the next [`flush`](Self::flush).
    pub fn record(&mut self, record: &AccessRecord<'_>) {
        if self.buffer.len() >= BUFFERED {
            self.flush();
        }
        if self.buffer.len() >= MOST_HELD {
            self.dropped += 1;
            return;
        }
        self.format.write(&mut self.buffer, record);
    }

    /// Writes what is buffered. A log that cannot be written must not stop the server: lines that
    /// meet a full disk or a closed pipe are [`dropped`](Self::dropped), and those that meet
    /// a full non-blocking pipe wait for the next call.
    pub fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let (written, outcome) = self.destination.write(&self.buffer);
        let ends_line = written == 0 || self.buffer[written - 1] == b'\n';
        self.buffer.drain(..written);
        if outcome == Outcome::Failed {
            self.dropped += memchr::memchr_iter(b'\n', &self.buffer).count() as u64;
            self.buffer.clear();
            if !ends_line {
                // So that the next line does not continue the torn one.
                self.buffer.push(b'\n');
            }
        }
    }

    /// Opens the file anew, after somebody moved it away. Standard output stays what it is.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened; the old one stays in use then.
    pub fn reopen(&mut self) -> io::Result<()> {
        self.flush();
        self.destination.reopen()
    }

    /// How many lines could not be written.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
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
        debug
            .field("destination", &self.destination)
            .field("dropped", &self.dropped);
        debug.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::time::UNIX_EPOCH;

    use super::*;

    fn format() -> AccessFormat {
        AccessFormat::parse("%(r)s").unwrap()
    }

    fn record(line: &[u8]) -> AccessRecord<'_> {
        AccessRecord {
            head: None,
            request_line: line,
            client: "",
            status: 400,
            body_bytes: 0,
            response_fields: b"",
            elapsed: Duration::ZERO,
            now: UNIX_EPOCH,
            pid: 1,
        }
    }

    #[test]
    fn lines_go_to_the_file_when_flushed_and_when_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "old\n").unwrap();
        let mut log = AccessLog::open(&path, format()).unwrap();
        log.record(&record(b"one"));
        log.record(&record(b"two"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
        log.flush();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\none\ntwo\n");
        log.record(&record(b"three"));
        drop(log);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\none\ntwo\nthree\n");
    }

    #[test]
    fn a_log_that_was_moved_away_is_reopened() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("log"), directory.path().join("log.1"));
        let mut log = AccessLog::open(&path, format()).unwrap();
        log.record(&record(b"one"));
        fs::rename(&path, &moved).unwrap();
        log.reopen().unwrap();
        log.record(&record(b"two"));
        log.flush();
        assert_eq!(fs::read_to_string(&moved).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        fs::remove_dir_all(directory.path()).unwrap();
        assert!(log.reopen().is_err());
        log.record(&record(b"three"));
        log.flush();
        assert_eq!(log.dropped(), 0);
    }

    #[test]
    fn a_full_disk_loses_lines_but_counts_them() {
        let mut log = AccessLog::open("/dev/full", format()).unwrap();
        log.record(&record(b"one"));
        log.record(&record(b"two"));
        log.flush();
        log.flush();
        assert_eq!(log.dropped(), 2);
    }

    #[test]
    fn a_closed_pipe_loses_lines_but_counts_them() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        let mut log = AccessLog::new(Destination::from_fd(ours.into()).unwrap(), format());
        log.record(&record(b"one"));
        log.flush();
        assert_eq!(log.dropped(), 1);
    }

    #[test]
    fn a_slow_reader_gets_every_line_that_was_held_and_whole() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut log = AccessLog::new(Destination::from_fd(OwnedFd::from(ours)).unwrap(), format());
        let line = [b'a'; 999];
        let total = 3000;
        for _ in 0..total {
            log.record(&record(&line));
        }
        let dropped = log.dropped();
        assert!(dropped > 0 && log.buffer.len() < MOST_HELD + 1000);
        theirs.set_nonblocking(true).unwrap();
        let mut received = Vec::new();
        while !log.buffer.is_empty() {
            log.flush();
            let _would_block = theirs.read_to_end(&mut received);
        }
        drop(log);
        let _ended = theirs.read_to_end(&mut received);
        assert_eq!(received.len() as u64, (total - dropped) * 1000);
        assert!(received.chunks(1000).all(|chunk| chunk[999] == b'\n'));
    }
}
