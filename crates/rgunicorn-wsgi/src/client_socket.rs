//! `gunicorn.socket`: the client's socket, for applications that speak another
//! protocol than HTTP over it, as WebSocket libraries for threads do.
//!
//! Hardly any application looks at it, so one object serves call after call. With
//! the first attribute that one reads, the socket leaves the server's hands; from
//! then on the object stands for that socket only, and later calls get another.

use std::cell::Cell;
use std::cell::RefCell;

use pyo3::exceptions::PyAttributeError;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use pyo3::types::PyString;
use rgunicorn_eventloop::confined::Confined;

use crate::present::Present;

/// Stands for the socket of the call that the thread is in, or of the one whose
/// application took it.
#[pyclass(frozen, module = "rgunicorn._rgunicorn")]
pub(crate) struct ClientSocket {
    present: Confined<Present>,
    taken: PyOnceLock<Py<PyAny>>,
}

impl ClientSocket {
    fn new(present: Present) -> Self {
        Self {
            present: Confined::new(present),
            taken: PyOnceLock::new(),
        }
    }

    fn take<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        let take = || {
            let reply = self.present.get()?.reply();
            let reply = reply.ok_or_else(|| PyOSError::new_err("the call is over"))?;
            reply.client_socket(py).map(Bound::unbind)
        };
        self.taken.get_or_try_init(py, take).map(|it| it.bind(py))
    }
}

#[pymethods]
impl ClientSocket {
    /// An attribute of the blocking `socket.socket`. Raises `OSError` where the
    /// answer has begun, the client has left, or it has sent more than the request.
    fn __getattr__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        if name.to_str()?.starts_with("__") {
            // Python asks for these, to copy or to pickle.
            return Err(PyAttributeError::new_err(name.clone().unbind()));
        }
        self.take(name.py())?.getattr(name)
    }
}

/// The sockets of one thread's calls.
pub(crate) struct ClientSockets {
    next: RefCell<Py<ClientSocket>>,
    present: Present,
    /// Whether there was another than the first.
    renewed: Cell<bool>,
}

impl ClientSockets {
    pub(crate) fn new(py: Python<'_>, present: Present) -> PyResult<Self> {
        Ok(Self {
            next: RefCell::new(Py::new(py, ClientSocket::new(present.clone()))?),
            present,
            renewed: Cell::new(false),
        })
    }

    /// Puts the first into what all environs are copied from.
    pub(crate) fn begin(&self, template: &Bound<'_, PyDict>) -> PyResult<()> {
        template.set_item(KEY, &*self.next.borrow())
    }

    /// Puts another into one, where the first was taken.
    pub(crate) fn renew(&self, environ: &Bound<'_, PyDict>) -> PyResult<()> {
        let py = environ.py();
        let is_taken = self.next.borrow().get().taken.get(py).is_some();
        if is_taken {
            let next = Py::new(py, ClientSocket::new(self.present.clone()))?;
            self.next.replace(next);
            self.renewed.set(true);
        }
        if self.renewed.get() {
            environ.set_item(KEY, &*self.next.borrow())?;
        }
        Ok(())
    }
}

const KEY: &str = "gunicorn.socket";
