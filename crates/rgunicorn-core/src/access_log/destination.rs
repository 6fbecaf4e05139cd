//! Where log lines go, and in which portions.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::path::PathBuf;

/// The most that a pipe takes in one piece, so that lines of several workers do not mix
/// (`PIPE_BUF`).
const ATOMIC: usize = 4096;

/// An open file, and how to open it again.
#[derive(Debug)]
pub(super) struct Destination {
    /// None for standard output.
    path: Option<PathBuf>,
    file: File,
    portion: Portion,
}

/// How much goes into one write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Portion {
    /// A regular file: appending is atomic at any size.
    Everything,
    /// A pipe, socket or terminal.
    Lines,
}

/// Why [`Destination::write`] stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Written,
    /// A non-blocking destination takes no more for now.
    Full,
    Failed,
}

impl Destination {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Self::from_fd(io::stdout().as_fd().try_clone_to_owned()?);
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Self::new(Some(path.into()), file)
    }

    /// Writes to `fd`, which is standard output.
    pub(super) fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        Self::new(None, fd.into())
    }

    fn new(path: Option<PathBuf>, file: File) -> io::Result<Self> {
        let portion = if file.metadata()?.is_file() {
            Portion::Everything
        } else {
            Portion::Lines
        };
        Ok(Self {
            path,
            file,
            portion,
        })
    }

    pub(super) fn reopen(&mut self) -> io::Result<()> {
        // Standard output too may be another file by now (`capture_output`).
        *self = Self::open(self.path.as_deref().unwrap_or(Path::new("-")))?;
        Ok(())
    }

    /// Writes as much of `lines` as it can: how many bytes, and why it stopped there.
    pub(super) fn write(&mut self, lines: &[u8]) -> (usize, Outcome) {
        let mut written = 0;
        while written < lines.len() {
            let portion = self.portion.of(&lines[written..]);
            match self.file.write(portion) {
                Ok(0) => return (written, Outcome::Failed),
                Ok(length) => written += length,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => return (written, Outcome::Full),
                    _ => return (written, Outcome::Failed),
                },
            }
        }
        (written, Outcome::Written)
    }
}

impl Portion {
    /// The part of `lines` for the next write: as many whole lines as fit, or else the first one.
    fn of(self, lines: &[u8]) -> &[u8] {
        if self == Self::Everything || lines.len() <= ATOMIC {
            return lines;
        }
        let end = memchr::memrchr(b'\n', &lines[..ATOMIC])
            .or_else(|| memchr::memchr(b'\n', lines))
            .map_or(lines.len(), |newline| newline + 1);
        &lines[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gets_whole_lines_up_to_its_atomic_size() {
        let line = |length: usize| [vec![b'a'; length - 1], vec![b'\n']].concat();
        let lines = [line(4000), line(96), line(5000), line(10)].concat();
        assert_eq!(Portion::Lines.of(&lines).len(), 4096);
        assert_eq!(Portion::Lines.of(&lines[4096..]).len(), 5000);
        assert_eq!(Portion::Lines.of(&lines[9096..]).len(), 10);
        assert_eq!(Portion::Everything.of(&lines).len(), lines.len());
    }
}
