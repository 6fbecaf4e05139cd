//! Bytes on their way to a socket: small ones copied together, large ones
//! shared, those of files left where they are.

use std::collections::VecDeque;
use std::io;
use std::io::IoSlice;

use bytes::Buf;
use bytes::Bytes;

use crate::file::FileRange;
use crate::settings::COPY_LIMIT;
use crate::settings::READ_SIZE;

/// Buffers handed to one vectored write.
pub(crate) const SLICES: usize = 16;

/// Sent bytes that are kept before their room is used again.
const COMPACT_LIMIT: usize = 64 * 1024;

/// A queue of bytes. `copied` is one run; each shared block is spliced into it
/// at a position, so that order is kept without a list of tiny blocks.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    copied: Vec<u8>,
    /// How much of `copied` has left.
    sent: usize,
    /// Blocks, each with the length of `copied` that goes before it.
    shared: VecDeque<(usize, Block)>,
    shared_length: usize,
}

/// What is not copied.
#[derive(Debug)]
enum Block {
    Bytes(Bytes),
    File(FileRange),
}

impl Block {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => usize::try_from(range.len()).unwrap_or(usize::MAX),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(count),
            Self::File(range) => range.advance(count as u64),
        }
    }
}

impl Outgoing {
    /// Bytes waiting.
    pub(crate) fn len(&self) -> usize {
        self.copied.len() - self.sent + self.shared_length
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The run of copied bytes, for a writer that appends in pieces.
    pub(crate) fn copied(&mut self) -> &mut Vec<u8> {
        &mut self.copied
    }

    pub(crate) fn copy(&mut self, data: &[u8]) {
        self.copied.extend_from_slice(data);
    }

    pub(crate) fn share(&mut self, data: Bytes) {
        if data.len() <= COPY_LIMIT {
            return self.copy(&data);
        }
        self.block(Block::Bytes(data));
    }

    /// Sends a stretch of a file.
    pub(crate) fn send_file(&mut self, range: FileRange) {
        self.block(Block::File(range));
    }

    fn block(&mut self, block: Block) {
        self.shared_length += block.len();
        self.shared.push_back((self.copied.len(), block));
    }

    /// Takes everything out of `other`, in order.
    pub(crate) fn append(&mut self, other: &mut Self) {
        let mut from = other.sent;
        for (position, data) in other.shared.drain(..) {
            self.copied.extend_from_slice(&other.copied[from..position]);
            from = position;
            self.block(data);
        }
        self.copied.extend_from_slice(&other.copied[from..]);
        other.clear();
    }

    pub(crate) fn clear(&mut self) {
        self.copied.clear();
        self.sent = 0;
        self.shared.clear();
        self.shared_length = 0;
    }

    /// Lets go of everything but a little room.
    pub(crate) fn rest(&mut self) {
        self.clear();
        self.copied.shrink_to(COPY_LIMIT);
    }

    /// The only run of bytes, where there is but one.
    pub(crate) fn single(&self) -> Option<&[u8]> {
        self.shared.is_empty().then(|| &self.copied[self.sent..])
    }

    /// The file that goes out next, if one does.
    pub(crate) fn next_file(&self) -> Option<&FileRange> {
        match self.shared.front() {
            Some((position, Block::File(range))) if *position == self.sent => Some(range),
            _ => None,
        }
    }

    /// Whether a file is among what waits.
    pub(crate) fn has_file(&self) -> bool {
        let is_file = |(_, block): &(usize, Block)| matches!(block, Block::File(_));
        self.shared.iter().any(is_file)
    }

    /// Reads the next bytes of the file that goes out next into memory, for a
    /// socket that cannot take them from the file.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn load_next_file(&mut self) -> io::Result<()> {
        if let Some((_, Block::File(range))) = self.shared.front_mut() {
            let bytes = range.read(READ_SIZE)?;
            range.advance(bytes.len() as u64);
            if range.is_empty() {
                self.shared.pop_front();
            }
            self.shared
                .push_front((self.sent, Block::Bytes(Bytes::from(bytes))));
        }
        Ok(())
    }

    /// Fills `slices` with what goes out next, up to the next file, and
    /// returns how many it filled.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let mut filled = 0;
        let mut from = self.sent;
        for (position, data) in &self.shared {
            if filled + 2 > SLICES {
                return filled;
            }
            if from < *position {
                slices[filled] = IoSlice::new(&self.copied[from..*position]);
                filled += 1;
            }
            let Block::Bytes(bytes) = data else {
                return filled;
            };
            slices[filled] = IoSlice::new(bytes);
            filled += 1;
            from = *position;
        }
        if from < self.copied.len() && filled < SLICES {
            slices[filled] = IoSlice::new(&self.copied[from..]);
            filled += 1;
        }
        filled
    }

    /// Takes out what goes out next, at least one byte and at most `most`, as far as that is in one piece. Of a file so
    /// much is read.
    ///
    /// # Errors
    /// When a file cannot be read, or became shorter.
    pub(crate) fn take(&mut self, most: usize) -> io::Result<Bytes> {
        let copied_until = self.shared.front().map_or(self.copied.len(), |(at, _)| *at);
        if self.sent < copied_until {
            let count = (copied_until - self.sent).min(most);
            let taken = Bytes::copy_from_slice(&self.copied[self.sent..self.sent + count]);
            self.advance(count);
            return Ok(taken);
        }
        let taken = match self.shared.front_mut() {
            Some((_, Block::Bytes(bytes))) => bytes.slice(..bytes.len().min(most)),
            Some((_, Block::File(range))) => Bytes::from(range.read(most.min(READ_SIZE))?),
            None => Bytes::new(),
        };
        self.advance(taken.len());
        Ok(taken)
    }

    /// Copies what goes out next into `room`, that of files included. Returns how much.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn copy_into(&self, room: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        let mut from = self.sent;
        for (position, data) in &self.shared {
            filled += copy_part(&self.copied[from..*position], &mut room[filled..]);
            let rest = &mut room[filled..];
            if rest.is_empty() {
                return Ok(filled);
            }
            let count = match data {
                Block::Bytes(bytes) => copy_part(bytes, rest),
                Block::File(range) => range.read_into(rest)?,
            };
            filled += count;
            if count < data.len() {
                return Ok(filled);
            }
            from = *position;
        }
        Ok(filled + copy_part(&self.copied[from..], &mut room[filled..]))
    }

    /// Forgets the first `count` bytes: they were written.
    pub(crate) fn advance(&mut self, mut count: usize) {
        while count > 0 {
            let copied_until = self.shared.front().map_or(self.copied.len(), |(at, _)| *at);
            let copied = copied_until - self.sent;
            if count < copied || self.shared.is_empty() {
                self.sent += count.min(copied);
                break;
            }
            count -= copied;
            self.sent = copied_until;
            count = self.advance_shared(count);
        }
        if self.is_empty() {
            self.copied.clear();
            self.sent = 0;
        } else if self.sent >= COMPACT_LIMIT {
            self.compact();
        }
    }

    /// Gives the room of what was sent back, for a reader that never quite
    /// catches up.
    fn compact(&mut self) {
        self.copied.drain(..self.sent);
        for (position, _) in &mut self.shared {
            *position -= self.sent;
        }
        self.sent = 0;
    }

    fn advance_shared(&mut self, count: usize) -> usize {
        let Some((_, data)) = self.shared.front_mut() else {
            return count;
        };
        let taken = count.min(data.len());
        data.advance(taken);
        self.shared_length -= taken;
        if data.len() == 0 {
            self.shared.pop_front();
        }
        count - taken
    }
}

/// Copies as much as there is room for. Returns how much that was.
fn copy_part(bytes: &[u8], room: &mut [u8]) -> usize {
    let count = bytes.len().min(room.len());
    room[..count].copy_from_slice(&bytes[..count]);
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(outgoing: &mut Outgoing, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !outgoing.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = outgoing.slices(&mut slices);
            let next: Vec<u8> = slices[..filled]
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect();
            let taken = step.min(next.len());
            all.extend_from_slice(&next[..taken]);
            outgoing.advance(taken);
        }
        all
    }

    proptest! {
        #[test]
        fn bytes_leave_in_the_order_in_which_they_came(
            sizes in prop::collection::vec(prop_oneof![0usize..20, COPY_LIMIT..COPY_LIMIT + 9], 0..12),
            step in 1usize..6000,
            split in 0usize..12,
        ) {
            let mut expected = Vec::new();
            let mut first = Outgoing::default();
            let mut second = Outgoing::default();
            for (index, size) in sizes.iter().enumerate() {
                let data = vec![index as u8; *size];
                expected.extend_from_slice(&data);
                let target = if index < split { &mut first } else { &mut second };
                target.share(Bytes::from(data));
            }
            first.append(&mut second);
            prop_assert!(second.is_empty());
            prop_assert_eq!(first.len(), expected.len());
            let mut room = vec![0; step];
            let copied = first.copy_into(&mut room).unwrap();
            prop_assert_eq!(copied, step.min(expected.len()));
            prop_assert_eq!(&room[..copied], &expected[..copied]);
            prop_assert_eq!(drain(&mut first, step), expected);
        }
    }
}
