//! Python objects made once and used for every request.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::types::PyString;

/// Slots of the cache of header names; a power of two.
const SLOTS: usize = 256;

/// Longer names are rare, and not worth comparing.
const LONGEST: usize = 40;

/// Names that clients send again and again, as `bytes`. A name that hashes to
/// a taken slot takes it over, so hostile names cost nothing but a miss.
pub(crate) struct NameCache {
    slots: RefCell<Vec<Option<Py<PyBytes>>>>,
}

impl NameCache {
    pub(crate) fn new() -> Self {
        Self {
            slots: RefCell::new((0..SLOTS).map(|_| None).collect()),
        }
    }

    /// `name` as `bytes`.
    pub(crate) fn get<'py>(&self, py: Python<'py>, name: &[u8]) -> Bound<'py, PyBytes> {
        if name.len() > LONGEST {
            return PyBytes::new(py, name);
        }
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[hash(name) % SLOTS];
        match slot {
            Some(known) if known.as_bytes(py) == name => known.bind(py).clone(),
            _ => slot
                .insert(PyBytes::new(py, name).unbind())
                .bind(py)
                .clone(),
        }
    }
}

fn hash(name: &[u8]) -> usize {
    let byte = |index: usize| usize::from(name.get(index).copied().unwrap_or_default());
    let last = byte(name.len().wrapping_sub(1));
    let middle = byte(name.len() / 2);
    name.len() ^ (byte(0) << 1) ^ (last << 3) ^ (middle << 2) ^ byte(name.len() / 3)
}

/// The method as `str`; the usual ones are interned.
pub(crate) fn method<'py>(py: Python<'py>, method: &str) -> Bound<'py, PyString> {
    match method {
        "GET" => pyo3::intern!(py, "GET").clone(),
        "POST" => pyo3::intern!(py, "POST").clone(),
        "PUT" => pyo3::intern!(py, "PUT").clone(),
        "HEAD" => pyo3::intern!(py, "HEAD").clone(),
        "DELETE" => pyo3::intern!(py, "DELETE").clone(),
        "PATCH" => pyo3::intern!(py, "PATCH").clone(),
        "OPTIONS" => pyo3::intern!(py, "OPTIONS").clone(),
        other => PyString::new(py, other),
    }
}
