//! What is kept of a request and its answer for the hooks that are called around it.

use std::cell::Cell;
use std::cell::OnceCell;
use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// One request and what was answered.
#[derive(Default)]
pub(crate) struct Record {
    /// `rgunicorn._request_hooks.Request` and the environ, once both are there.
    asked: OnceCell<(Py<PyAny>, Py<PyDict>)>,
    /// What `start_response` was called with last.
    answer: RefCell<Option<(Py<PyAny>, Py<PyAny>)>>,
    sent: Cell<u64>,
}

impl Record {
    /// Keeps the request as hooks see it. Only the first one counts.
    pub(crate) fn ask(&self, request: &Bound<'_, PyAny>, environ: &Bound<'_, PyDict>) {
        let _ = self
            .asked
            .set((request.clone().unbind(), environ.clone().unbind()));
    }

    /// The request and its environ, if it came that far.
    pub(crate) fn asked(&self) -> Option<&(Py<PyAny>, Py<PyDict>)> {
        self.asked.get()
    }

    /// Keeps status and headers.
    pub(crate) fn answer(&self, status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) {
        let answer = (status.clone().unbind(), headers.clone().unbind());
        self.answer.replace(Some(answer));
    }

    /// Status and headers, if there are any.
    pub(crate) fn answered(&self) -> Option<(Py<PyAny>, Py<PyAny>)> {
        self.answer.take()
    }

    /// Counts bytes of the body.
    pub(crate) fn gave(&self, count: u64) {
        self.sent.set(self.sent.get() + count);
    }

    /// Bytes of the body.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.get()
    }
}
