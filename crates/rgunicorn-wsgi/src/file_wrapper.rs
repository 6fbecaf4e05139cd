//! `wsgi.file_wrapper`: an iterable over a file, which the server may send by itself.

use pyo3::exceptions::PyIndexError;
use pyo3::exceptions::PyStopIteration;
use pyo3::intern;
use pyo3::prelude::*;
use rgunicorn_core::file::FileRange;
use rgunicorn_eventloop::descriptor::with_descriptor;

/// A file-like object, in blocks.
#[pyclass(frozen, module = "rgunicorn._rgunicorn", name = "FileWrapper")]
pub(crate) struct FileWrapper {
    #[pyo3(get)]
    filelike: Py<PyAny>,
    #[pyo3(get)]
    blksize: usize,
}

#[pymethods]
impl FileWrapper {
    #[new]
    #[pyo3(signature = (filelike, blksize=8192))]
    fn new(filelike: Py<PyAny>, blksize: usize) -> Self {
        Self { filelike, blksize }
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let block = self.block(py)?;
        if block.is_truthy()? {
            Ok(block)
        } else {
            Err(PyStopIteration::new_err(()))
        }
    }

    /// As PEP 3333's example has it, for iteration by index.
    fn __getitem__<'py>(&self, py: Python<'py>, _index: Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let block = self.block(py)?;
        if block.is_truthy()? {
            Ok(block)
        } else {
            Err(PyIndexError::new_err(()))
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let filelike = self.filelike.bind(py);
        if filelike.hasattr(intern!(py, "close"))? {
            filelike.call_method0(intern!(py, "close"))?;
        }
        Ok(())
    }
}

impl FileWrapper {
    fn block<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let read = intern!(py, "read");
        self.filelike.bind(py).call_method1(read, (self.blksize,))
    }

    /// The rest of the file, where there is a real one. Leaves its position alone.
    pub(crate) fn range(&self, py: Python<'_>) -> Option<FileRange> {
        let filelike = self.filelike.bind(py);
        // Where its reader is, which is not where the kernel is once it has read ahead.
        let position = filelike.call_method0(intern!(py, "tell")).ok()?;
        let offset: u64 = position.extract().ok()?;
        with_descriptor(filelike, |descriptor| {
            FileRange::of(descriptor, Some(offset), None)
        })
        .ok()?
        .ok()
    }
}
