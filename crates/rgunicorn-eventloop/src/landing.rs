//! A bytes object in the making: a socket is read into it, and a mask taken off in place.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::slice;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::io::ReadBuf;

use crate::unmasked::unmask;
use crate::unmasked::unmask_down;

#[expect(unsafe_code, reason = "pyo3 keeps the function to itself")]
unsafe extern "C" {
    pub(crate) fn _PyBytes_Resize(bytes: *mut *mut ffi::PyObject, size: ffi::Py_ssize_t) -> c_int;
}

/// A bytes object that nobody has seen.
#[derive(Debug)]
pub struct Landing {
    /// The only reference to it.
    object: Py<PyBytes>,
    capacity: usize,
    /// Bytes at its beginning that were written. What follows has no value yet.
    filled: usize,
}

impl Landing {
    /// One that takes `capacity` bytes, and one at least.
    ///
    /// # Panics
    /// Where there is no memory, as with all of Python's objects.
    #[expect(unsafe_code, reason = "pyo3 fills a new bytes object with zeros")]
    #[must_use]
    pub fn new(py: Python<'_>, capacity: usize) -> Self {
        let capacity = capacity.max(1); // the empty one is everybody's
        // SAFETY: the thread is attached. The new object has no other reference.
        let object = unsafe {
            let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), capacity.cast_signed());
            Bound::from_owned_ptr(py, object) // says that there is no memory
                .cast_into_unchecked()
                .unbind()
        };
        Self {
            object,
            capacity,
            filled: 0,
        }
    }

    /// Bytes that were written.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Makes it take `capacity` bytes, if that is more than it does.
    ///
    /// # Panics
    /// Where there is no memory.
    pub fn reserve(&mut self, py: Python<'_>, capacity: usize) {
        if capacity > self.capacity {
            self.resize(py, capacity);
        }
    }

    /// What was written.
    pub fn bytes(&mut self, py: Python<'_>) -> &mut [u8] {
        self.parts(py).0
    }

    /// Has `read` append to what was written, but no more than `most` bytes.
    pub fn read<R>(
        &mut self,
        py: Python<'_>,
        most: usize,
        read: impl FnOnce(&mut ReadBuf<'_>) -> R,
    ) -> R {
        let spare = self.parts(py).1;
        let most = most.min(spare.len());
        let mut room = ReadBuf::uninit(&mut spare[..most]);
        let place = room.filled().as_ptr();
        let result = read(&mut room);
        let written = room.filled();
        assert_eq!(written.as_ptr(), place, "what was read is here");
        self.filled += written.len();
        result
    }

    /// Appends as much of `masked` as it takes, without the mask. Returns how much that is.
    pub fn append(&mut self, py: Python<'_>, masked: &[u8], mask: [u8; 4]) -> usize {
        let spare = self.parts(py).1;
        let count = masked.len().min(spare.len());
        unmask(&masked[..count], mask, &mut spare[..count]);
        self.filled += count;
        count
    }

    /// Moves all that was written from `from` on down to `at`, and takes the mask off it.
    ///
    /// # Panics
    /// Where `at` is beyond `from`, or `from` beyond what was written.
    pub fn settle(&mut self, py: Python<'_>, from: usize, at: usize, mask: [u8; 4]) {
        let gap = from.checked_sub(at).expect("it is moved down");
        unmask_down(&mut self.bytes(py)[at..], gap, mask);
        self.filled -= gap;
    }

    /// Drops what was written from `length` on.
    pub fn truncate(&mut self, length: usize) {
        self.filled = self.filled.min(length);
    }

    /// The object, with what was written.
    #[must_use]
    pub fn finish(mut self, py: Python<'_>) -> Bound<'_, PyBytes> {
        self.resize(py, self.filled);
        self.object.into_bound(py)
    }

    #[expect(unsafe_code, reason = "pyo3 has no way to write to a bytes object")]
    fn parts(&mut self, py: Python<'_>) -> (&mut [u8], &mut [MaybeUninit<u8>]) {
        let object = self.object.bind(py).as_ptr();
        // SAFETY: the object has `capacity` bytes at its data, of which the first `filled` were written.
        // Nobody else has a reference to it, and its memory is borrowed for as long as `self`.
        unsafe {
            let data = ffi::PyBytes_AsString(object);
            let rest = data.add(self.filled).cast();
            (
                slice::from_raw_parts_mut(data.cast(), self.filled),
                slice::from_raw_parts_mut(rest, self.capacity - self.filled),
            )
        }
    }

    /// # Panics
    /// Where there is no memory.
    #[expect(unsafe_code, reason = "pyo3 has no way to resize a bytes object")]
    fn resize(&mut self, py: Python<'_>, size: usize) {
        let empty = PyBytes::new(py, b"").unbind();
        let mut object = std::mem::replace(&mut self.object, empty).into_ptr();
        let filled = std::mem::take(&mut self.filled);
        self.capacity = 0; // until there is one again
        // SAFETY: the thread is attached. The function takes the only reference to the object and leaves
        // one to another of that size, or null, which is said to be a lack of memory.
        self.object = unsafe {
            _PyBytes_Resize(&raw mut object, size.cast_signed());
            Bound::from_owned_ptr(py, object)
                .cast_into_unchecked()
                .unbind()
        };
        self.capacity = size;
        self.filled = filled.min(size);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::panic::catch_unwind;

    use super::*;
    use crate::unmasked::tests::MASK;
    use crate::unmasked::tests::masked;

    fn pattern(length: usize) -> Vec<u8> {
        (0..=255).cycle().take(length).collect()
    }

    #[test]
    fn what_was_read_and_appended_is_what_it_finishes_with() {
        Python::initialize();
        Python::attach(|py| {
            let mut landing = Landing::new(py, 10);
            landing.read(py, 4, |room| {
                assert_eq!(room.remaining(), 4);
                room.put_slice(b"abc");
            });
            assert_eq!(landing.append(py, &masked(b"defghijklm"), MASK), 7);
            assert_eq!((landing.filled(), landing.capacity()), (10, 10));
            landing.read(py, 4, |room| assert_eq!(room.remaining(), 0));
            landing.reserve(py, 12);
            landing.reserve(py, 3);
            assert_eq!(landing.append(py, b"xyz", [0; 4]), 2);
            assert_eq!(landing.bytes(py), b"abcdefghijxy");
            landing.truncate(11);
            assert_eq!(landing.finish(py).as_bytes(), b"abcdefghijx");
        });
    }

    #[test]
    fn what_landed_higher_is_moved_down_without_its_mask() {
        Python::initialize();
        Python::attach(|py| {
            for length in (0..300).chain([65_536, 99_999]) {
                for (at, from) in [(0, 0), (0, 8), (0, 14), (5, 19), (5, 5), (3, 400)] {
                    let plain = pattern(length);
                    let before: Vec<u8> = (0..from).map(|_| 7).collect();
                    let mut landing = Landing::new(py, from + length);
                    landing.append(py, &before, [0; 4]);
                    landing.append(py, &masked(&plain), [0; 4]);
                    landing.settle(py, from, at, MASK);
                    let bytes = landing.finish(py);
                    assert_eq!(bytes.as_bytes()[..at], before[..at]);
                    assert_eq!(
                        bytes.as_bytes()[at..],
                        plain,
                        "{length} from {from} to {at}"
                    );
                }
            }
        });
    }

    #[test]
    fn one_that_nothing_came_to_is_empty() {
        Python::initialize();
        Python::attach(|py| {
            assert_eq!(Landing::new(py, 100).finish(py).as_bytes(), b"");
            assert_eq!(Landing::new(py, 0).finish(py).as_bytes(), b"");
            drop(Landing::new(py, 100_000));
        });
    }

    #[test]
    fn without_memory_there_is_nothing_to_write_to() {
        Python::initialize();
        Python::attach(|py| {
            let mut landing = Landing::new(py, 10);
            landing.append(py, b"abc", [0; 4]);
            let too_much = isize::MAX.cast_unsigned() - 100;
            let failed = catch_unwind(AssertUnwindSafe(|| landing.reserve(py, too_much)));
            assert!(failed.is_err());
            assert_eq!((landing.filled(), landing.capacity()), (0, 0));
            assert_eq!(landing.append(py, b"abc", [0; 4]), 0);
            assert!(landing.bytes(py).is_empty());
        });
    }

    #[test]
    #[should_panic(expected = "what was read is here")]
    fn what_was_read_elsewhere_is_not_taken_for_read_here() {
        static ELSEWHERE: &[u8] = b"elsewhere";
        Python::initialize();
        Python::attach(|py| {
            let other = Box::leak(ELSEWHERE.to_vec().into_boxed_slice());
            Landing::new(py, 1).read(py, 1, |room| {
                let mut other = ReadBuf::new(other);
                other.set_filled(ELSEWHERE.len());
                *room = other;
            });
        });
    }
}
