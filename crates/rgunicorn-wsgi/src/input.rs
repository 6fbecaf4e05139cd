//! `wsgi.input`: the request's body as a binary file to read from.
//!
//! PEP 3333, "Input and Error Streams", with all that a file has beyond it:
//! the optional sizes, and lines that keep their ends.

use std::sync::Mutex;
use std::sync::MutexGuard;

use memchr::memchr;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::types::PyList;

use crate::source::Source;

/// One request's body.
#[pyclass(frozen, module = "rgunicorn._rgunicorn", name = "Input")]
pub(crate) struct Input {
    reader: Mutex<Reader>,
}

impl Input {
    pub(crate) fn new(source: Source) -> Self {
        let reader = Reader {
            buffer: Vec::new(),
            start: 0,
            source,
        };
        Self {
            reader: Mutex::new(reader),
        }
    }

    /// Whoever reads holds the reader, perhaps while it waits for the client.
    fn reader(&self) -> PyResult<MutexGuard<'_, Reader>> {
        self.reader
            .try_lock()
            .map_err(|_| PyRuntimeError::new_err("wsgi.input is being read by another thread"))
    }
}

#[pymethods]
impl Input {
    #[pyo3(signature = (size=None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        let mut reader = self.reader()?;
        reader.fill(py, most(size))?;
        Ok(reader.take(py, most(size)))
    }

    /// One line with its end, or what of it fits in `size`.
    #[pyo3(signature = (size=None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        let mut reader = self.reader()?;
        let length = reader.line(py, most(size))?;
        Ok(reader.take(py, length))
    }

    /// All lines, or those of about the first `hint` bytes.
    #[pyo3(signature = (hint=None, /))]
    fn readlines<'py>(&self, py: Python<'py>, hint: Option<isize>) -> PyResult<Bound<'py, PyList>> {
        let mut reader = self.reader()?;
        let lines = PyList::empty(py);
        let enough = hint.filter(|hint| *hint > 0).map_or(usize::MAX, most_of);
        let mut total = 0;
        while total < enough {
            let length = reader.line(py, usize::MAX)?;
            if length == 0 {
                break;
            }
            total += length;
            lines.append(reader.take(py, length))?;
        }
        Ok(lines)
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.readline(py, None)?;
        Ok((!line.as_bytes().is_empty()).then_some(line))
    }
}

/// A size as Python's files have it: None and negative ones mean all.
fn most(size: Option<isize>) -> usize {
    size.map_or(usize::MAX, most_of)
}

fn most_of(size: isize) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// What was taken from the source and not yet by the application.
struct Reader {
    buffer: Vec<u8>,
    start: usize,
    source: Source,
}

/// Bytes asked of the source at once when a line is looked for.
const STEP: usize = 64 * 1024;

impl Reader {
    fn ready(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Holds at least `count` bytes, or all there are.
    fn fill(&mut self, py: Python<'_>, count: usize) -> PyResult<()> {
        while self.ready().len() < count {
            let missing = count - self.ready().len();
            self.make_room();
            if self.source.read(py, &mut self.buffer, missing)? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The length of the next line, at most `most`.
    fn line(&mut self, py: Python<'_>, most: usize) -> PyResult<usize> {
        let mut searched = 0;
        loop {
            let ready = self.ready();
            if let Some(end) = memchr(b'\n', &ready[searched..]) {
                return Ok((searched + end + 1).min(most));
            }
            searched = ready.len();
            if searched >= most {
                return Ok(most);
            }
            self.fill(py, searched + STEP)?;
            if self.ready().len() == searched {
                return Ok(searched);
            }
        }
    }

    /// The first `count` bytes, or all there are.
    fn take<'py>(&mut self, py: Python<'py>, count: usize) -> Bound<'py, PyBytes> {
        let count = count.min(self.ready().len());
        let bytes = PyBytes::new(py, &self.ready()[..count]);
        self.start += count;
        bytes
    }

    /// Lets go of what was taken, once that is more than what is kept.
    fn make_room(&mut self) {
        if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
    }
}
