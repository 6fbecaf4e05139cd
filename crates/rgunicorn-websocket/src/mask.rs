//! Masking, which is its own inverse (RFC 6455 section 5.3).

/// A payload with its mask on.
#[derive(Debug)]
pub(crate) struct Masked<'a> {
    pub(crate) bytes: &'a mut [u8],
    /// Zeros where the peer does not mask.
    pub(crate) mask: [u8; 4],
}

impl<'a> Masked<'a> {
    /// Takes it off, in place.
    #[inline]
    pub(crate) fn unmask(self) -> &'a [u8] {
        if self.mask != [0; 4] {
            apply_mask(self.bytes, self.mask);
        }
        self.bytes
    }
}

/// Applies `mask` to `payload`, whose first byte meets the mask's first.
#[inline]
pub fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let word = u32::from_ne_bytes(mask);
    let double = u64::from(word) << 32 | u64::from(word);
    // Without branches and by whole words, so that the compiler makes vectors of it.
    let (words, rest) = payload.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ double).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// The mask as it stands after so many bytes.
pub(crate) fn turned(mut mask: [u8; 4], count: usize) -> [u8; 4] {
    mask.rotate_left(count % 4);
    mask
}
