//! Compressing messages (RFC 7692 section 7.2.1).

use std::cell::RefCell;
use std::fmt;

use zlib_rs::Deflate;
use zlib_rs::DeflateConfig;
use zlib_rs::DeflateFlush;

use crate::inflate::UNSAID;
use crate::negotiation::Outgoing;
use crate::negotiation::Takeover;

/// What is needed to compress messages.
pub(crate) struct Compressor {
    settings: Outgoing,
    /// This session's own, if its messages may refer to earlier ones. Comes with the first message,
    /// and takes 128 KiB, four times the window, and what the memory level says.
    stream: Option<Deflate>,
}

thread_local! {
    /// What all sessions of a thread share whose messages stand for themselves: a stream for each
    /// window that a client asked for.
    static SHARED: RefCell<Vec<(Outgoing, Deflate)>> = const { RefCell::new(Vec::new()) };
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
    pub(crate) fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let settings = &self.settings;
        if settings.takeover == Takeover::Allowed {
            let stream = self.stream.get_or_insert_with(|| open(settings));
            return compress(stream, payload, out);
        }
        SHARED.with_borrow_mut(|shared| {
            let known = shared.iter().position(|(of, _)| of == settings);
            let place = known.unwrap_or_else(|| {
                shared.push((*settings, open(settings)));
                shared.len() - 1
            });
            let stream = &mut shared[place].1;
            compress(stream, payload, out);
            stream.reset();
        });
    }

    /// Gives memory back. The next message refers to none before it, which is always permitted.
    pub(crate) fn rest(&mut self) {
        self.stream = None;
    }
}

fn compress(stream: &mut Deflate, mut payload: &[u8], out: &mut Vec<u8>) {
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
}

fn open(settings: &Outgoing) -> Deflate {
    Deflate::new_with_config(DeflateConfig {
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
