//! Masked bytes as Python's objects: one pass over what would else be unmasked, checked and copied.

use std::mem::MaybeUninit;
use std::slice;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::types::PyString;

/// `masked` under `mask` (RFC 6455 section 5.3) as a new `bytes`. A mask of zeros changes nothing.
#[expect(unsafe_code, reason = "pyo3 fills a new bytes object with zeros")]
#[must_use]
pub fn to_bytes<'py>(py: Python<'py>, masked: &[u8], mask: [u8; 4]) -> Bound<'py, PyBytes> {
    // SAFETY: the thread is attached. A bytes object without content has as many writable bytes as were
    // asked for, and nobody else has a reference to it until all of them are written.
    unsafe {
        let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), masked.len().cast_signed());
        let bytes = Bound::from_owned_ptr(py, object); // says that there is no memory
        let data = ffi::PyBytes_AsString(object).cast::<MaybeUninit<u8>>();
        unmask(masked, mask, slice::from_raw_parts_mut(data, masked.len()));
        bytes.cast_into_unchecked()
    }
}

/// The same as a `str`, which CPython's decoder does not look through again. None where a byte is no ASCII.
#[expect(unsafe_code, reason = "pyo3 has no way past the decoder")]
#[must_use]
pub fn to_ascii<'py>(
    py: Python<'py>,
    masked: &[u8],
    mask: [u8; 4],
) -> Option<Bound<'py, PyString>> {
    let mut first = [MaybeUninit::uninit(); LOOK];
    let beginning = &masked[..masked.len().min(LOOK)];
    if !unmask(beginning, mask, &mut first[..beginning.len()]).is_ascii() {
        return None; // most such texts show it early
    }
    // SAFETY: the thread is attached. A new `str` of so many characters up to 127 has as many bytes at its
    // data, and a zero behind them; nobody else has a reference to it until all of them are written. It is
    // not shown to anybody if one is beyond 127.
    unsafe {
        let object = ffi::PyUnicode_New(masked.len().cast_signed(), 127);
        let string = Bound::from_owned_ptr(py, object); // says that there is no memory
        let data = ffi::PyUnicode_DATA(object).cast::<MaybeUninit<u8>>();
        let bits = unmask(masked, mask, slice::from_raw_parts_mut(data, masked.len()));
        bits.is_ascii().then(|| string.cast_into_unchecked())
    }
}

/// Writes all of `masked` to `plain`, which is as long. Answers the bits that any of it has.
pub(crate) fn unmask(masked: &[u8], mask: [u8; 4], plain: &mut [MaybeUninit<u8>]) -> u8 {
    assert_eq!(masked.len(), plain.len());
    let key = doubled(mask);
    // Without branches and by whole words, so that the compiler makes vectors of it.
    let (words, rest) = masked.as_chunks::<8>();
    let (places, last) = plain.as_chunks_mut::<8>();
    let mut bits = 0;
    for (word, place) in words.iter().zip(places) {
        let word = u64::from_ne_bytes(*word) ^ key;
        bits |= word;
        *place = word.to_ne_bytes().map(MaybeUninit::new);
    }
    let mut bits = bits
        .to_ne_bytes()
        .into_iter()
        .fold(0, |all, byte| all | byte);
    for ((byte, key), place) in rest.iter().zip(mask.into_iter().cycle()).zip(last) {
        bits |= *place.write(byte ^ key);
    }
    bits
}

/// Moves what is in `bytes` behind a gap down over it, and takes the mask off.
pub(crate) fn unmask_down(bytes: &mut [u8], gap: usize, mask: [u8; 4]) {
    let key = doubled(mask);
    let length = bytes.len() - gap;
    let mut done = 0;
    while let Some(block) = bytes[done + gap..].first_chunk::<BLOCK>() {
        let mut block = *block; // before its place is written, which may overlap
        for word in block.as_chunks_mut::<8>().0 {
            *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
        }
        bytes[done..done + BLOCK].copy_from_slice(&block);
        done += BLOCK;
    }
    for (index, key) in (done..length).zip(mask.into_iter().cycle()) {
        bytes[index] = bytes[index + gap] ^ key;
    }
}

fn doubled(mask: [u8; 4]) -> u64 {
    let key = u32::from_ne_bytes(mask);
    u64::from(key) << 32 | u64::from(key)
}

/// As much as a processor's registers hold; a multiple of the mask.
const BLOCK: usize = 128;

/// How much of a text is looked at before memory is taken for all of it.
const LOOK: usize = 256;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const MASK: [u8; 4] = [0x80, 0xff, 0x01, 0x7e];

    pub(crate) fn masked(plain: &[u8]) -> Vec<u8> {
        let keys = MASK.into_iter().cycle();
        plain
            .iter()
            .zip(keys)
            .map(|(byte, key)| byte ^ key)
            .collect()
    }

    #[test]
    fn bytes_of_any_length_are_unmasked() {
        Python::initialize();
        Python::attach(|py| {
            for length in (0..40).chain([LOOK, 99_999]) {
                let plain: Vec<u8> = (0..=255).cycle().take(length).collect();
                assert_eq!(to_bytes(py, &masked(&plain), MASK).as_bytes(), plain);
                assert_eq!(to_bytes(py, &plain, [0; 4]).as_bytes(), plain);
            }
        });
    }

    #[test]
    fn texts_are_unmasked_where_they_are_ascii() {
        Python::initialize();
        Python::attach(|py| {
            for length in (0..40).chain([LOOK - 1, LOOK, LOOK + 1, 99_999]) {
                for end in [
                    "",
                    "z",
                    "\0",
                    "\u{7f}",
                    "\u{80}",
                    "\u{fc}",
                    "\u{20ac}",
                    "\u{1f600}",
                ] {
                    let text = "a".repeat(length) + end;
                    let string = to_ascii(py, &masked(text.as_bytes()), MASK);
                    assert_eq!(string.is_some(), text.is_ascii());
                    if let Some(string) = string {
                        assert!(string.as_any().eq(PyString::new(py, &text)).unwrap());
                        assert_eq!(string.to_str().unwrap(), text);
                        assert_eq!(string.len().unwrap(), length + end.len());
                    }
                }
            }
        });
    }
}
