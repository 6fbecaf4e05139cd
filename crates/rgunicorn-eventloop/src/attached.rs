//! Values that only whoever is attached to the interpreter can reach.
//!
//! The interpreter's lock is what keeps threads apart, so reaching a value
//! costs no lock of ours. (The extension module asks for that lock where
//! CPython could do without.)

use std::cell::RefCell;

use pyo3::Python;

/// A value of a Python object, for one caller at a time.
#[derive(Debug, Default)]
pub(crate) struct Attached<T>(RefCell<T>);

#[expect(
    unsafe_code,
    reason = "the compiler does not know of the interpreter's lock"
)]
// SAFETY: `with` asks for the token of an attached thread, `peek` for the caller's word, and the
// module is loaded with `gil_used = true`: no two threads are attached at once.
unsafe impl<T> Sync for Attached<T> {}

#[expect(
    unsafe_code,
    reason = "the compiler does not know of the interpreter's lock"
)]
// SAFETY: as above; what is inside is dropped by a thread that is attached, since only Python
// objects own it.
unsafe impl<T> Send for Attached<T> {}

impl<T> Attached<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// Lends the value to `act`, which must call no Python and drop no Python object: either may
    /// come back here.
    #[inline]
    pub(crate) fn with<R>(&self, _py: Python<'_>, act: impl FnOnce(&mut T) -> R) -> R {
        act(&mut self.0.borrow_mut())
    }

    /// Puts another value in its place.
    #[inline]
    pub(crate) fn replace(&self, py: Python<'_>, value: T) -> T {
        self.with(py, |own| std::mem::replace(own, value))
    }

    /// The value of an object that nobody else has any more.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// Lends the value to the garbage collector, which runs attached, unless it is lent already.
    pub(crate) fn peek<R>(&self, act: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.try_borrow().ok().map(|value| act(&value))
    }
}

impl<T: Copy> Attached<T> {
    #[inline]
    pub(crate) fn get(&self, py: Python<'_>) -> T {
        self.with(py, |value| *value)
    }
}
