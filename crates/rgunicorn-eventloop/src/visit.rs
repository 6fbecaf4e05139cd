//! The turns of a guest, as Python gives them.

use std::rc::Rc;

use pyo3::prelude::*;

use crate::confined;
use crate::guest::Guest;
use crate::guest::take_escaped;

/// A guest on an event loop, for `rgunicorn._turns.Turns`.
#[pyclass(unsendable, frozen, module = "rgunicorn._rgunicorn")]
pub struct Visit(Rc<Guest>);

impl Visit {
    /// The visit of `guest`.
    pub fn new(guest: Rc<Guest>) -> Self {
        Self(guest)
    }
}

#[pymethods]
impl Visit {
    /// The descriptor that is readable when a turn is due.
    fn fileno(&self) -> i32 {
        self.0.bell()
    }

    /// Runs what is due. A task that panics is gone; who spawned it has to see that.
    ///
    /// Raises whatever `SystemExit` or `KeyboardInterrupt` left a task.
    fn turn(&self) -> PyResult<()> {
        confined::bury();
        self.0.turn();
        take_escaped().map_or(Ok(()), Err)
    }
}
