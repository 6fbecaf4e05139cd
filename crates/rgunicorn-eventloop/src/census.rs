//! Which tasks `asyncio.all_tasks()` knows of, on Pythons before 3.12.
//!
//! There every new task goes into a `WeakSet`, in Python code, and out of it
//! by a callback: an eighth of what a small request costs. A request's task
//! usually ends with its first step, so it joins the set only if it does not,
//! or when somebody looks. 3.12 does the same for eager tasks by itself.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::loop_base::has_caught;

thread_local! {
    /// The task in its first step that is in no set.
    static STARTING: RefCell<Option<Py<PyAny>>> = const { RefCell::new(None) };
}

/// The bound `add` of the set itself.
static ADD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Says how a task joins the set.
#[pyfunction]
pub fn count_tasks_by(add: Bound<'_, PyAny>) {
    ADD.get_or_init(add.py(), || add.clone().unbind());
}

/// Takes the place of the set's `add`, which a task calls while it is made.
#[pyfunction]
pub fn add_task(task: &Bound<'_, PyAny>) -> PyResult<()> {
    if !has_caught() {
        return join(task);
    }
    // There is another only where a finaliser made one just now.
    match STARTING.replace(Some(task.clone().unbind())) {
        Some(other) => join(other.bind(task.py())),
        None => Ok(()),
    }
}

/// To be called before anybody looks into the set.
#[pyfunction]
pub fn complete_tasks(py: Python<'_>) -> PyResult<()> {
    match STARTING.take() {
        Some(task) => join(task.bind(py)),
        None => Ok(()),
    }
}

/// The first step of `task` is over: it joins unless it has come to its end.
pub(crate) fn settle(task: &Bound<'_, PyAny>, progress: Progress) -> PyResult<()> {
    match STARTING.take() {
        Some(starting) if starting.is(task) && progress == Progress::Ended => Ok(()),
        Some(starting) => join(starting.bind(task.py())),
        None => Ok(()),
    }
}

/// How far a task is after its first step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// It waits.
    Waiting,
    /// It has come to its end.
    Ended,
}

fn join(task: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = task.py();
    match ADD.get(py) {
        Some(add) => add.bind(py).call1((task,)).map(drop),
        None => Ok(()),
    }
}
