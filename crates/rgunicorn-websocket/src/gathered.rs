//! A message that is put together from parts.

/// The bytes so far. Beyond them lies room that was made and not filled, so that making room for
/// inflated bytes does not clear the same memory again and again.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
    length: usize,
}

impl Gathered {
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Appends `part`, after which `missing` more bytes are expected.
    pub(crate) fn append(&mut self, part: &[u8], missing: u64) {
        self.bytes.truncate(self.length);
        let expected = usize::try_from(missing)
            .unwrap_or(usize::MAX)
            .min(MOST_TRUSTED);
        self.bytes.reserve(part.len() + expected);
        self.bytes.extend_from_slice(part);
        self.length = self.bytes.len();
    }

    /// Room to write to: at least one byte, but none beyond `limit` in all, of which fewer are
    /// there so far.
    pub(crate) fn room(&mut self, limit: usize) -> &mut [u8] {
        if self.length == self.bytes.len() {
            let grown = self.length.saturating_mul(2).max(LEAST_ROOM);
            self.bytes.resize(grown.min(limit), 0);
        }
        let end = self.bytes.len().min(limit);
        &mut self.bytes[self.length..end]
    }

    /// Takes in `count` bytes that were written to the room.
    pub(crate) fn fill(&mut self, count: usize) {
        self.length += count;
    }

    /// Drops the message, and most memory with it: an idle connection holds next to none.
    pub(crate) fn clear(&mut self) {
        self.length = 0;
        if self.bytes.capacity() > MOST_KEPT {
            self.bytes = Vec::new();
        }
    }
}

/// How much memory a peer gets for saying that it will send more than that.
const MOST_TRUSTED: usize = 128 << 10;

const LEAST_ROOM: usize = 1 << 10;

const MOST_KEPT: usize = 4 << 10;
