//! The trailers of requests. The h2 crate leaves pseudo-header fields out of them, and nobody would learn that they
//! were there (RFC 9113 section 8.1).
//!
//! Where they are spelled out they are seen here. One that only names an entry of the dynamic table is missed when the
//! fields are counted that h2 lets through: so it is for those that their number is kept.

use std::collections::VecDeque;

use super::block;
use super::breach::Breach;
use super::header::Header;

/// The trailers that come, and those whose fields may have to be counted.
#[derive(Debug, Default)]
pub(super) struct Trailers {
    coming: Option<Coming>,
    /// How many fields the trailers of a stream have.
    counts: VecDeque<(u32, usize)>,
}

#[derive(Debug)]
struct Coming {
    stream: u32,
    block: Vec<u8>,
}

impl Trailers {
    /// Those of a stream begin.
    pub(super) fn begin(&mut self, stream: u32) {
        let block = Vec::new();
        self.coming = Some(Coming { stream, block });
    }

    /// A request begins.
    pub(super) fn forget(&mut self) {
        self.coming = None;
    }

    /// A part of a frame that may belong to them.
    pub(super) fn add(&mut self, part: &[u8]) {
        if let Some(coming) = &mut self.coming {
            coming.block.extend_from_slice(part);
            if coming.block.len() > MOST {
                self.forget();
            }
        }
    }

    /// The frame that they began with is there: what is no part of the fields goes. So long is the padding.
    pub(super) fn trim(&mut self, frame: &Header, padding: u8) {
        if let Some(Coming { block, .. }) = &mut self.coming {
            block.truncate(block.len().saturating_sub(padding.into()));
            block.drain(..frame.before_content().min(block.len()));
        }
    }

    /// All of them are there.
    pub(super) fn end(&mut self) -> Result<(), Breach> {
        let Some(Coming { stream, block }) = self.coming.take() else {
            return Ok(());
        };
        let contents = block::contents(&block).ok_or(Breach::Trailers)?;
        if contents.names_entries {
            if self.counts.len() == MOST_COUNTS {
                self.counts.pop_front();
            }
            self.counts.push_back((stream, contents.fields));
        }
        Ok(())
    }

    /// How many fields those of a stream have to have, if that says anything. It is asked once.
    pub(super) fn count(&mut self, stream: u32) -> Option<usize> {
        let mut known = self.counts.iter();
        let position = known.position(|(of, _)| *of == stream)?;
        self.counts.remove(position).map(|(_, fields)| fields)
    }
}

/// Bytes of trailers that are looked into. The limit on all fields of a request is no more, but where an operator
/// says so.
const MOST: usize = 64 * 1024;

/// Streams whose trailers nobody has read.
const MOST_COUNTS: usize = 128;
