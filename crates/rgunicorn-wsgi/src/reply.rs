//! `start_response` and `write`: the state of one answer (PEP 3333, "The
//! `start_response()` Callable").

use std::cell::OnceCell;
use std::cell::RefCell;
use std::os::fd::IntoRawFd;
use std::rc::Rc;

use pyo3::exceptions::PyAssertionError;
use pyo3::exceptions::PyBrokenPipeError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::exceptions::PyTypeError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use pyo3::types::PyDict;
use pyo3::types::PyTuple;
use rgunicorn_core::chunk::Chunk;
use rgunicorn_core::error::InvalidHead;
use rgunicorn_core::error::SendError;
use rgunicorn_core::exchange::Part;
use rgunicorn_core::fields::EarlyHints;
use rgunicorn_core::file::FileRange;
use rgunicorn_core::response::ResponseHead;
use rgunicorn_eventloop::confined::Confined;

use crate::head;
use crate::port::Port;
use crate::record::Record;

/// Bodies up to this size are copied at once; a larger one is kept alive and
/// written from where the application has it.
const COPY_LIMIT: usize = 4 * 1024;

/// One answer on its way from the application.
pub(crate) struct Reply {
    port: Port,
    question: Question,
    stage: RefCell<Stage>,
    /// Python's socket, if the application has taken over.
    client_socket: OnceCell<Py<PyAny>>,
    /// Kept for hooks, where there are any.
    pub(crate) record: Option<Box<Record>>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Question {
    /// The head of an answer: its content-length promises nothing.
    Head,
    /// All of it.
    Whole,
}

/// How far the answer is.
enum Stage {
    /// `start_response` was not called.
    Awaiting,
    /// It was, and may be called again with `exc_info`: nothing was sent.
    Started(ResponseHead),
    /// The head is on its way.
    Sending {
        /// Bytes of the promised content-length that are still to come.
        missing: Option<u64>,
    },
    /// The last part was given.
    Complete,
}

impl Reply {
    pub(crate) fn new(port: Port, question: Question, record: Option<Box<Record>>) -> Rc<Self> {
        Rc::new(Self {
            port,
            question,
            stage: RefCell::new(Stage::Awaiting),
            client_socket: OnceCell::new(),
            record,
        })
    }

    pub(crate) fn port(&self) -> &Port {
        &self.port
    }

    /// Whether the head was handed over: an error can become no other answer.
    pub(crate) fn is_sending(&self) -> bool {
        matches!(
            *self.stage.borrow(),
            Stage::Sending { .. } | Stage::Complete
        )
    }

    /// Whether all bytes that the head promised were given.
    pub(crate) fn is_satisfied(&self) -> bool {
        matches!(
            *self.stage.borrow(),
            Stage::Complete | Stage::Sending { missing: Some(0) }
        )
    }

    fn begin(
        &self,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyTuple>>,
    ) -> PyResult<()> {
        if let Some(exc_info) = exc_info
            && self.is_sending()
        {
            return Err(PyErr::from_value(exc_info.get_item(1)?));
        }
        if exc_info.is_none() && !matches!(*self.stage.borrow(), Stage::Awaiting) {
            return Err(PyAssertionError::new_err("Response headers already set!"));
        }
        let head = head::read(status, headers)?;
        if let Some(record) = &self.record {
            record.answer(status, headers);
        }
        self.stage.replace(Stage::Started(head));
        Ok(())
    }

    /// Takes one bytestring. An empty one does nothing: it does not even send
    /// the head.
    pub(crate) fn data(&self, data: &Bound<'_, PyAny>, part: Part) -> PyResult<()> {
        let bytes = data.cast::<PyBytes>().map_err(|_| {
            let found = data.get_type();
            PyTypeError::new_err(format!("WSGI body must be bytes, not {found}"))
        })?;
        let length = bytes.as_bytes().len();
        if length == 0 && part == Part::More {
            return Ok(());
        }
        let allowed = self.open(length as u64)? as usize; // no more than `length`
        let chunk = if length <= COPY_LIMIT {
            Chunk::Borrowed(&bytes.as_bytes()[..allowed])
        } else {
            let kept = bytes::Bytes::from_owner(PyBackedBytes::from(bytes.clone()));
            Chunk::Shared(kept.slice(..allowed))
        };
        self.give(chunk, part)
    }

    /// Says that no more will come, where all that was promised has.
    pub(crate) fn finish(&self) {
        if !matches!(self.stage.replace(Stage::Complete), Stage::Complete) {
            // Nobody is left to be told where the client has gone.
            let _ = self.port.body(Chunk::Borrowed(b""), Part::Last);
        }
    }

    /// Takes a file as the whole body.
    pub(crate) fn file(&self, mut range: FileRange) -> PyResult<()> {
        range.truncate(self.open(range.len())?);
        self.give(Chunk::File(range), Part::Last)
    }

    /// Writes what was given so far.
    pub(crate) fn flush(&self, py: Python<'_>) -> PyResult<()> {
        self.port.flush(py)?.map_err(refused)
    }

    /// Sends fields before the head, while that is not sent.
    pub(crate) fn hint(&self, py: Python<'_>, hints: EarlyHints) -> PyResult<()> {
        if self.is_sending() {
            return Ok(());
        }
        self.port.hint(hints).map_err(refused)?;
        self.flush(py)
    }

    /// The client's socket, which is the application's from now on.
    pub(crate) fn client_socket<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(socket) = self.client_socket.get() {
            return Ok(socket.bind(py).clone());
        }
        let keywords = PyDict::new(py);
        keywords.set_item("fileno", self.port.take_over(py)?.into_raw_fd())?;
        let module = py.import("socket")?;
        let socket = module.call_method("socket", (), Some(&keywords))?;
        socket.call_method1("setblocking", (true,))?;
        let _ = self.client_socket.set(socket.clone().unbind());
        Ok(socket)
    }

    pub(crate) fn was_taken_over(&self) -> bool {
        self.client_socket.get().is_some()
    }

    /// Ends what the application has taken over: with the call the connection is done.
    pub(crate) fn close_client_socket(&self, py: Python<'_>) -> PyResult<()> {
        match self.client_socket.get() {
            Some(socket) => socket.call_method0(py, "close").map(drop),
            None => Ok(()),
        }
    }

    /// Answers a request that the application is not called with, and ends the
    /// connection.
    pub(crate) fn refuse(&self, py: Python<'_>, status: i64, text: &[u8]) -> PyResult<()> {
        let invalid = |error: InvalidHead| PyValueError::new_err(error.to_string());
        let mut head = ResponseHead::new(status).map_err(invalid)?;
        for (name, value) in [
            (&b"content-type"[..], &b"text/plain; charset=utf-8"[..]),
            (b"connection", b"close"),
        ] {
            head.field(name, value).map_err(invalid)?;
        }
        self.stage.replace(Stage::Started(head));
        self.data(PyBytes::new(py, text).as_any(), Part::Last)
    }

    fn give(&self, chunk: Chunk<'_>, part: Part) -> PyResult<()> {
        if let (Some(record), Question::Whole) = (&self.record, self.question) {
            record.gave(chunk.len());
        }
        let short = matches!(*self.stage.borrow(), Stage::Sending { missing: Some(1..) });
        if part == Part::Last && !short {
            self.stage.replace(Stage::Complete);
            return self.port.body(chunk, Part::Last).map_err(refused);
        }
        self.port.body(chunk, Part::More).map_err(refused)?;
        if part == Part::Last {
            return Err(PyRuntimeError::new_err(
                "the response body is shorter than its Content-Length",
            ));
        }
        Ok(())
    }

    /// Hands the head over before the first bytes. Returns how many of `length`
    /// bytes may follow: what is beyond the content-length is left out.
    fn open(&self, length: u64) -> PyResult<u64> {
        let stage = &mut *self.stage.borrow_mut();
        if let Stage::Started(head) = stage {
            let bodiless = self.question == Question::Head || matches!(head.status(), 204 | 304);
            let missing = head.content_length().filter(|_| !bodiless);
            let sending = Stage::Sending { missing };
            if let Stage::Started(head) = std::mem::replace(stage, sending) {
                self.port.start(head).map_err(refused)?;
            }
        }
        match stage {
            Stage::Awaiting | Stage::Started(_) => Err(PyRuntimeError::new_err(
                "start_response() was not called before the body",
            )),
            Stage::Complete => Ok(0),
            Stage::Sending { missing: None } => Ok(length),
            Stage::Sending {
                missing: Some(missing),
            } => {
                let allowed = length.min(*missing);
                *missing -= allowed;
                Ok(allowed)
            }
        }
    }
}

/// A refusal as the application sees it.
fn refused(error: SendError) -> PyErr {
    match error {
        SendError::Disconnected => PyBrokenPipeError::new_err("client disconnected"),
        SendError::File(error) => error.into(),
        other => PyRuntimeError::new_err(other.to_string()),
    }
}

/// `start_response`, and the `write` that it returns.
#[pyclass(frozen, module = "rgunicorn._rgunicorn")]
pub(crate) struct Start {
    /// None between calls.
    reply: Confined<RefCell<Option<Rc<Reply>>>>,
}

impl Start {
    pub(crate) fn new(reply: Rc<Reply>) -> Self {
        Self {
            reply: Confined::new(RefCell::new(Some(reply))),
        }
    }

    /// Puts another answer in the place of one that was taken back.
    pub(crate) fn lend(&self, reply: &Rc<Reply>) -> PyResult<()> {
        self.reply.get()?.replace(Some(Rc::clone(reply)));
        Ok(())
    }

    /// Lets go of the answer: the call is over.
    pub(crate) fn take_back(&self) -> PyResult<()> {
        drop(self.reply.get()?.take());
        Ok(())
    }

    fn reply(&self) -> PyResult<Rc<Reply>> {
        let reply = self.reply.get()?.borrow().clone();
        reply.ok_or_else(|| PyRuntimeError::new_err("the call is over"))
    }
}

#[pymethods]
impl Start {
    /// Begins the answer. Returns `write`, which is this object. The names are
    /// gunicorn's: some applications use them, although PEP 3333 has none.
    #[pyo3(signature = (status, headers, exc_info=None))]
    fn start_response<'py>(
        slf: &Bound<'py, Self>,
        status: &Bound<'py, PyAny>,
        headers: &Bound<'py, PyAny>,
        exc_info: Option<&Bound<'py, PyTuple>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().reply()?.begin(status, headers, exc_info)?;
        Ok(slf.clone().into_any())
    }

    /// `write`: sends `data` before anything that the application returns.
    #[pyo3(signature = (data, /))]
    fn __call__(&self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let reply = self.reply()?;
        reply.data(data, Part::More)?;
        reply.flush(data.py())
    }
}
