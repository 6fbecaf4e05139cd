//! Compressing messages (RFC 7692 section 7.2.1).

use std::fmt;

use zlib_rs::DeflateConfig;
use zlib_rs::DeflateFlush;

use crate::inflate::UNSAID;
use crate::negotiation::Outgoing;
use crate::negotiation::Takeover;

/// What is needed to compress messages. Takes memory with the first one: for zlib-rs 128 KiB, four
/// times the window, and what the memory level says.
pub(crate) struct Compressor {
    settings: Outgoing,
    stream: Option<zlib_rs::Deflate>,
}

impl Compressor {
    pub(crate) fn new(settings: Outgoing) -> Self {
        Self {
            settings,
            stream: None,
        }
    }

    /// Whether a message of so many bytes is worth it. An empty one never is.
    pub(crate) fn wants(&self, length: usize) -> bool {
        length > 0 && length >= self.settings.threshold
    }

    /// Appends `payload`, which is not empty, in compressed form to `out`.
    pub(crate) fn compress(&mut self, mut payload: &[u8], out: &mut Vec<u8>) {
        let settings = &self.settings;
        let stream = self.stream.get_or_insert_with(|| open(settings));
        let mut end = out.len();
        out.resize(end + payload.len() / 2 + LEAST_ROOM, 0);
        loop {
            let (read, written) = (stream.total_in(), stream.total_out());
            stream
                .compress(payload, &mut out[end..], DeflateFlush::SyncFlush)
                .expect("a stream that was opened compresses any bytes");
            payload = &payload[(stream.total_in() - read) as usize..];
            end += (stream.total_out() - written) as usize;
            if end < out.len() && payload.is_empty() {
                break;
            }
            out.resize(end + payload.len() + LEAST_ROOM, 0);
        }
        debug_assert!(out[..end].ends_with(&UNSAID));
        out.truncate(end - UNSAID.len());
        if self.settings.takeover == Takeover::Forbidden {
            self.stream = None;
        }
    }
}

fn open(settings: &Outgoing) -> zlib_rs::Deflate {
    zlib_rs::Deflate::new_with_config(DeflateConfig {
        window_bits: -i32::from(settings.window.get()), // negative: without a zlib header
        mem_level: i32::from(settings.memory.get()),
        ..DeflateConfig::new(i32::from(settings.level.get()))
    })
}

impl fmt::Debug for Compressor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Compressor")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

const LEAST_ROOM: usize = 64;
