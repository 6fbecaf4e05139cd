//! What a request field is called in environ.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Slots of the cache; a power of two.
const SLOTS: usize = 256;

/// Longer names are rare, and not worth comparing.
const LONGEST: usize = 40;

/// The key of a field.
pub(crate) enum Key<'py> {
    /// It has one of its own.
    Of(Bound<'py, PyString>),
    /// Another field may have the same: its name has an underscore.
    Ambiguous(Bound<'py, PyString>),
    /// Applications must not see it: as `HTTP_PROXY` it would be taken for an
    /// operator's setting (CVE-2016-5385, "httpoxy").
    Never,
}

/// Keys of names that clients send again and again. A name that hashes to a
/// taken slot takes it over, so hostile names cost nothing but a miss.
pub(crate) struct FieldNames {
    slots: RefCell<Vec<Option<Known>>>,
}

struct Known {
    name: Box<[u8]>,
    key: Py<PyString>,
}

impl FieldNames {
    pub(crate) fn new() -> Self {
        Self {
            slots: RefCell::new((0..SLOTS).map(|_| None).collect()),
        }
    }

    /// The key of `name`, which is in lower case.
    pub(crate) fn key<'py>(&self, py: Python<'py>, name: &[u8]) -> Key<'py> {
        if name.len() > LONGEST {
            return made(py, name);
        }
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[hash(name) % SLOTS];
        if let Some(known) = slot.as_ref().filter(|known| *known.name == *name) {
            return Key::Of(known.key.bind(py).clone());
        }
        let key = made(py, name);
        if let Key::Of(key) = &key {
            *slot = Some(Known {
                name: name.into(),
                key: key.clone().unbind(),
            });
        }
        key
    }
}

fn made<'py>(py: Python<'py>, name: &[u8]) -> Key<'py> {
    match name {
        b"content-type" => return Key::Of(PyString::intern(py, "CONTENT_TYPE")),
        b"content-length" => return Key::Of(PyString::intern(py, "CONTENT_LENGTH")),
        b"proxy" => return Key::Never,
        _ => {}
    }
    let upper = name.iter().map(|byte| match byte {
        b'-' => '_',
        byte => char::from(byte.to_ascii_uppercase()),
    });
    let key: String = "HTTP_".chars().chain(upper).collect();
    if name.contains(&b'_') {
        Key::Ambiguous(PyString::new(py, &key))
    } else {
        Key::Of(PyString::intern(py, &key))
    }
}

fn hash(name: &[u8]) -> usize {
    let byte = |index: usize| usize::from(name.get(index).copied().unwrap_or_default());
    let last = byte(name.len().wrapping_sub(1));
    let middle = byte(name.len() / 2);
    name.len() ^ (byte(0) << 1) ^ (last << 3) ^ (middle << 2) ^ byte(name.len() / 3)
}
