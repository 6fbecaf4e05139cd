//! A stretch of a file on its way to a socket, without a copy in the process.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Seek;
use std::io::SeekFrom;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::fcntl::PosixFadviseAdvice;
use nix::fcntl::posix_fadvise;
use nix::sys::sendfile::sendfile64;

/// Bytes of a regular file, by their place in it.
#[derive(Debug)]
pub struct FileRange {
    file: File,
    offset: u64,
    length: u64,
}

/// Stretches from this length on are worth telling the kernel to read ahead.
const WORTH_ADVICE: u64 = 256 * 1024;

impl FileRange {
    /// All of the regular file at `path`.
    ///
    /// # Errors
    /// Why it cannot be opened; [`io::ErrorKind::InvalidInput`] for what is no
    /// regular file, and so may block or have no end.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Without the flag the opening of a FIFO would wait for its writer.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(path)?;
        let length = regular_length(&file)?;
        Ok(Self::new(file, 0, length))
    }

    /// `count` bytes from `offset` on of an open file, or as many as there
    /// are. Without `offset` from the file's own position, which moves past
    /// them as it would by a `read`. The descriptor may be closed afterwards.
    ///
    /// # Errors
    /// Why it cannot be asked; [`io::ErrorKind::InvalidInput`] for what is no
    /// regular file.
    pub fn of(
        descriptor: BorrowedFd<'_>,
        offset: Option<u64>,
        count: Option<u64>,
    ) -> io::Result<Self> {
        let mut file = File::from(descriptor.try_clone_to_owned()?);
        let end = regular_length(&file)?;
        let start = offset.map_or_else(|| file.stream_position(), Ok)?;
        let there = end.saturating_sub(start);
        let length = count.map_or(there, |count| count.min(there));
        if offset.is_none() {
            file.seek(SeekFrom::Start(start + length))?;
        }
        Ok(Self::new(file, start, length))
    }

    fn new(file: File, offset: u64, length: u64) -> Self {
        let range = Self {
            file,
            offset,
            length,
        };
        if length >= WORTH_ADVICE {
            range.advise();
        }
        range
    }

    /// Only a hint: the file is read all the same where it is refused.
    fn advise(&self) {
        if let (Ok(offset), Ok(length)) = (self.offset.try_into(), self.length.try_into()) {
            let sequential = PosixFadviseAdvice::POSIX_FADV_SEQUENTIAL;
            let _ = posix_fadvise(&self.file, offset, length, sequential);
        }
    }

    /// Bytes that are left.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Leaves out what is behind the first `length` bytes.
    pub fn truncate(&mut self, length: u64) {
        self.length = self.length.min(length);
    }

    /// Forgets the first `count` bytes: they were sent.
    pub(crate) fn advance(&mut self, count: u64) {
        self.offset += count;
        self.length -= count;
    }

    /// Sends at most `most` bytes. Returns how many.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file has become shorter, or
    /// cannot be read on.
    pub(crate) fn send_to(&self, socket: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
        let mut offset = i64::try_from(self.offset).map_err(io::Error::other)?;
        let count = self.at_most(most);
        let sent = sendfile64(socket, self.file.as_fd(), Some(&mut offset), count);
        not_over(sent.map_err(told_apart)?)
    }

    /// Reads at most `most` bytes into memory, for a transport that cannot
    /// take a file.
    ///
    /// # Errors
    /// As [`Self::send_to`].
    pub(crate) fn read(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.at_most(most)];
        let count = not_over(self.file.read_at(&mut bytes, self.offset)?)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Reads what goes into `room`, for a transport that has to change the bytes.
    ///
    /// # Errors
    /// As [`Self::send_to`].
    pub(crate) fn read_into(&self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.at_most(room.len());
        not_over(self.file.read_at(&mut room[..count], self.offset)?)
    }

    /// All of it, in memory.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file has become shorter.
    pub(crate) fn read_all(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.length).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, self.offset)?;
        Ok(bytes)
    }

    fn at_most(&self, most: usize) -> usize {
        usize::try_from(self.length).map_or(most, |length| length.min(most))
    }
}

/// The errors of `sendfile(2)` are the socket's, but for those of a disk.
fn told_apart(error: Errno) -> io::Error {
    match error {
        Errno::EIO | Errno::ESTALE => io::Error::new(io::ErrorKind::UnexpectedEof, error.desc()),
        error => error.into(),
    }
}

fn regular_length(file: &File) -> io::Result<u64> {
    let facts = file.metadata()?;
    if !facts.is_file() {
        let kind = io::ErrorKind::InvalidInput;
        return Err(io::Error::new(kind, "not a regular file"));
    }
    Ok(facts.len())
}

fn not_over(count: usize) -> io::Result<usize> {
    if count == 0 {
        let kind = io::ErrorKind::UnexpectedEof;
        return Err(io::Error::new(kind, "the file became shorter"));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::io::Write;

    use super::*;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn a_range_ends_with_its_file() {
        let file = file(b"0123456789");
        let of = |offset, count| {
            let range = FileRange::of(file.as_fd(), Some(offset), count).unwrap();
            range.read_all().unwrap()
        };
        assert_eq!(of(2, Some(3)), b"234");
        assert_eq!(of(8, Some(3)), b"89");
        assert_eq!(of(8, None), b"89");
        assert_eq!(of(11, None), b"");
    }

    #[test]
    fn without_an_offset_the_position_moves_past_the_range() {
        let mut file = file(b"0123456789");
        file.seek(SeekFrom::Start(4)).unwrap();
        let range = FileRange::of(file.as_fd(), None, Some(2)).unwrap();
        assert_eq!(range.read_all().unwrap(), b"45");
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "6789");
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let error = FileRange::open(directory.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_file_that_became_shorter_is_noticed() {
        let file = file(b"0123456789");
        let range = FileRange::of(file.as_fd(), Some(5), None).unwrap();
        file.set_len(5).unwrap();
        let error = range.read(100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
