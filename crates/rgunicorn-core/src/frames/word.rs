//! What a server's own frames say of a stream.

use super::header;
use super::header::HEADERS;
use super::header::Header;
use super::header::RST_STREAM;

/// What a server says of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Word {
    /// An answer.
    Answer,
    /// Its end, with this code (RFC 9113 section 7).
    Reset(u32),
}

/// What `frames`, which begin with the beginning of one, say first of a stream.
#[must_use]
pub fn first_word(mut frames: &[u8], stream: u32) -> Option<Word> {
    while let Some((header, after)) = frames.split_first_chunk::<{ header::LENGTH }>() {
        let header = Header::read(*header);
        let (payload, rest) = after.split_at_checked(header.length as usize)?;
        match (header.kind, payload.first_chunk()) {
            (HEADERS, _) if header.stream == stream => return Some(Word::Answer),
            (RST_STREAM, Some(code)) if header.stream == stream => {
                return Some(Word::Reset(u32::from_be_bytes(*code)));
            }
            _ => frames = rest,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_about_a_stream_is_found_among_others() {
        let reset = b"\0\0\x04\x03\0\0\0\0\x05\0\0\0\x01";
        let answer = b"\0\0\x01\x01\x05\0\0\0\x07\x88";
        let ping = b"\0\0\x08\x06\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let frames = [&ping[..], reset, answer].concat();
        assert_eq!(first_word(&frames, 5), Some(Word::Reset(1)));
        assert_eq!(first_word(&frames, 7), Some(Word::Answer));
        assert_eq!(first_word(&frames, 9), None);
        for length in 0..frames.len() {
            assert_eq!(first_word(&frames[..length], 7), None, "{length}");
        }
    }
}
