//! The `start_response` of one call after the other. Both its objects are used
//! again as long as no application has kept one: making them is a tenth of what a
//! small request costs.

use std::cell::RefCell;
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use rgunicorn_eventloop::holders;

use crate::reply::Reply;
use crate::reply::Start;

/// Makes them, for one thread.
#[derive(Default)]
pub(crate) struct Starter {
    idle: RefCell<Option<Starting>>,
}

/// What one call is given.
pub(crate) struct Starting {
    start: Py<Start>,
    /// Its bound method.
    start_response: Py<PyAny>,
}

impl Starter {
    /// Ready to begin `reply`.
    ///
    /// # Errors
    /// `MemoryError`.
    pub(crate) fn begin(&self, py: Python<'_>, reply: &Rc<Reply>) -> PyResult<Starting> {
        if let Some(starting) = self.idle.take() {
            starting.start.get().lend(reply)?;
            return Ok(starting);
        }
        let start = Bound::new(py, Start::new(Rc::clone(reply)))?;
        let start_response = start.getattr(intern!(py, "start_response"))?;
        Ok(Starting {
            start: start.unbind(),
            start_response: start_response.unbind(),
        })
    }

    /// Takes it back once the call is over, if it is not the application's now.
    pub(crate) fn end(&self, py: Python<'_>, starting: Starting) -> PyResult<()> {
        if starting.is_ours_alone(py) {
            starting.start.get().take_back()?;
            self.idle.replace(Some(starting));
        }
        Ok(())
    }
}

impl Starting {
    pub(crate) fn start_response<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.start_response.bind(py).clone()
    }

    /// The method holds the object, and nobody but this holds either.
    fn is_ours_alone(&self, py: Python<'_>) -> bool {
        holders::count(&self.start_response, py) == 1 && holders::count(&self.start, py) == 2
    }
}
