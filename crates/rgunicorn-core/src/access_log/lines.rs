//! Lines in a file or on standard output, buffered so that a worker writes once a turn.

use std::io;

use super::AccessFormat;
use super::AccessRecord;
use super::destination::Destination;
use super::destination::Outcome;

/// Buffered lines go out before they are more than this.
const BUFFERED: usize = 64 << 10;

/// Lines beyond this are dropped while a non-blocking destination takes none.
const MOST_HELD: usize = 1 << 20;

/// A format, where its lines go, and those that have not gone there yet.
pub(super) struct Lines {
    format: AccessFormat,
    pub(super) destination: Destination,
    buffer: Vec<u8>,
    dropped: u64,
}

impl Lines {
    pub(super) fn new(destination: Destination, format: AccessFormat) -> Self {
        Self {
            format,
            destination,
            buffer: Vec::new(),
            dropped: 0,
        }
    }

    /// Takes in one exchange. It is written at the latest by the next [`flush`](Self::flush).
    pub(super) fn record(&mut self, record: &AccessRecord<'_>) {
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
    pub(super) fn flush(&mut self) {
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

    /// Opens the destination anew, after its file was moved away.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened; the old one stays in use then.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        self.flush();
        self.destination.reopen()
    }

    /// How many lines could not be written.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::path::Path;

    use super::super::tests::record;
    use super::*;

    fn format() -> AccessFormat {
        AccessFormat::parse("%(r)s").unwrap()
    }

    fn open(path: &Path) -> Lines {
        Lines::new(Destination::open(path).unwrap(), format())
    }

    #[test]
    fn lines_go_to_the_file_when_flushed_and_when_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "old\n").unwrap();
        let mut log = open(&path);
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
        let mut log = open(&path);
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
        let mut log = open(Path::new("/dev/full"));
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
        let mut log = Lines::new(Destination::from_fd(ours.into()).unwrap(), format());
        log.record(&record(b"one"));
        log.flush();
        assert_eq!(log.dropped(), 1);
    }

    #[test]
    fn a_slow_reader_gets_every_line_that_was_held_and_whole() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut log = Lines::new(Destination::from_fd(OwnedFd::from(ours)).unwrap(), format());
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
