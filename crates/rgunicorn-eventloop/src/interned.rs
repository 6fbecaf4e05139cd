//! Python objects made once for bytes that come again and again.

use std::cell::RefCell;

/// Slots of the cache; a power of two.
const SLOTS: usize = 256;

/// Longer keys are rare, and not worth comparing.
const LONGEST: usize = 40;

/// What was made of keys that clients send. A key that hashes to a taken slot
/// takes it over, so hostile keys cost nothing but a miss.
#[derive(Debug)]
pub struct Interned<T> {
    slots: RefCell<Vec<Option<Known<T>>>>,
}

#[derive(Debug)]
struct Known<T> {
    key: Box<[u8]>,
    made: T,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self {
            slots: RefCell::new((0..SLOTS).map(|_| None).collect()),
        }
    }
}

impl<T> Interned<T> {
    /// Gives `take` what `make` makes of `key`, or has made of it before.
    /// Neither may come back here.
    pub fn with<R>(
        &self,
        key: &[u8],
        make: impl FnOnce(&[u8]) -> T,
        take: impl FnOnce(&T) -> R,
    ) -> R {
        if key.len() > LONGEST {
            return take(&make(key));
        }
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[hash(key) % SLOTS];
        match slot {
            Some(known) if *known.key == *key => take(&known.made),
            _ => {
                let known = Known {
                    key: key.into(),
                    made: make(key),
                };
                take(&slot.insert(known).made)
            }
        }
    }
}

fn hash(key: &[u8]) -> usize {
    let byte = |index: usize| usize::from(key.get(index).copied().unwrap_or_default());
    let last = byte(key.len().wrapping_sub(1));
    let middle = byte(key.len() / 2);
    key.len() ^ (byte(0) << 1) ^ (last << 3) ^ (middle << 2) ^ byte(key.len() / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_of_a_key_is_given_again_unless_the_key_is_long() {
        let interned = Interned::default();
        let long = [b'x'; LONGEST + 1];
        let made = |key: &[u8], number: u32| interned.with(key, |_| number, |made| *made);
        assert_eq!((made(b"host", 1), made(b"host", 2)), (1, 1));
        assert_eq!((made(&long, 1), made(&long, 2)), (1, 2));
    }

    #[test]
    fn a_key_takes_over_the_slot_of_another() {
        let interned = Interned::default();
        // Bytes that the hash does not look at.
        let (one, other) = (b"abcdefgh", b"aXcdefgh");
        assert_eq!(hash(one), hash(other));
        assert_eq!(interned.with(one, |_| 1, |made| *made), 1);
        assert_eq!(interned.with(other, |_| 2, |made| *made), 2);
        assert_eq!(interned.with(one, |_| 3, |made| *made), 3);
    }
}
