//! Where `wsgi.input` gets its bytes from.

use std::fs::File;
use std::io::Read;

use pyo3::prelude::*;
use rgunicorn_core::spool::Spooled;

/// A request's body, as the server has it.
#[derive(Debug)]
pub(crate) enum Source {
    /// All of it, in memory; None once it was taken.
    Memory(Option<Vec<u8>>),
    /// All of it, in a file.
    File(File),
}

impl Source {
    pub(crate) fn new(body: Spooled) -> Self {
        match body {
            Spooled::Memory(bytes) => Self::Memory(Some(bytes)),
            Spooled::File(file) => Self::File(file),
        }
    }

    /// Appends about `wanted` bytes to `buffer`. Returns how many; none is the end.
    ///
    /// # Errors
    /// `OSError` when they cannot be had.
    pub(crate) fn read(
        &mut self,
        _py: Python<'_>,
        buffer: &mut Vec<u8>,
        wanted: usize,
    ) -> PyResult<usize> {
        match self {
            Self::Memory(bytes) => {
                let bytes = bytes.take().unwrap_or_default();
                let count = bytes.len();
                if buffer.is_empty() {
                    *buffer = bytes;
                } else {
                    buffer.extend_from_slice(&bytes);
                }
                Ok(count)
            }
            Self::File(file) => {
                let most = u64::try_from(wanted.clamp(LEAST, MOST)).unwrap_or(u64::MAX);
                Ok(file.take(most).read_to_end(buffer)?)
            }
        }
    }
}

/// Bytes of a file that one call reads, at least and at most.
const LEAST: usize = 16 * 1024;
const MOST: usize = 1024 * 1024;
