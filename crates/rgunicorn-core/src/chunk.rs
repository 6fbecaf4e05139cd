//! A part of a response's body, as the application gives it.

use std::io;

use bytes::Bytes;

use crate::file::FileRange;
use crate::settings::FILE_COPY_LIMIT;

/// A part of a body, as the application has it.
#[derive(Debug)]
pub enum Chunk<'a> {
    /// To be copied now.
    Borrowed(&'a [u8]),
    /// To be kept until it is written.
    Shared(Bytes),
    /// To be sent from where it is.
    File(FileRange),
}

impl Chunk<'_> {
    /// The same, but a small file in memory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn loaded(self) -> io::Result<Self> {
        match self {
            Self::File(range) if range.len() <= FILE_COPY_LIMIT => {
                Ok(Self::Shared(Bytes::from(range.read_all()?)))
            }
            other => Ok(other),
        }
    }

    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> u64 {
        match self {
            Self::Borrowed(bytes) => bytes.len() as u64,
            Self::Shared(bytes) => bytes.len() as u64,
            Self::File(range) => range.len(),
        }
    }
}
