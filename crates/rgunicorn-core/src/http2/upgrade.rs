//! The change from HTTP/1.1 to HTTP/2 by `Upgrade: h2c` (RFC 7540 section 3.2).
//!
//! The h2 crate knows no request that came before HTTP/2 did. So it reads one: behind the client's preface and first
//! SETTINGS frame stands a HEADERS frame that says of stream 1 what the request of HTTP/1.1 said.

use bytes::BufMut;

use crate::connection::Upgrade;
use crate::frames::header::CONTINUATION;
use crate::frames::header::END_HEADERS;
use crate::frames::header::END_STREAM;
use crate::frames::header::HEADERS;
use crate::frames::header::LENGTH as FRAME_HEADER;
use crate::frames::header::SETTINGS;
use crate::input::Input;
use crate::parser::Head;

/// The answer to the request: what follows it is HTTP/2.
pub(super) const SWITCHING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";

/// Bytes for h2 that the client did not send in this place.
#[derive(Debug)]
pub(super) struct Interposed {
    upgrade: Upgrade,
    ready: Option<Vec<u8>>,
    given: usize,
}

impl Interposed {
    pub(super) fn new(upgrade: Upgrade) -> Self {
        Self {
            upgrade,
            ready: None,
            given: 0,
        }
    }

    /// The next bytes, at most so many; none before the client's first frame is there.
    pub(super) fn next(&mut self, input: &mut Input, most: usize) -> Option<Vec<u8>> {
        if self.ready.is_none() {
            self.ready = Some(self.begin(input)?);
        }
        let rest = &self.ready.as_ref()?[self.given..];
        let count = rest.len().min(most);
        self.given += count;
        Some(rest[..count].to_vec())
    }

    pub(super) fn is_over(&self) -> bool {
        self.ready
            .as_ref()
            .is_some_and(|bytes| bytes.len() == self.given)
    }

    /// Takes the preface and the first frame out of the input, if they are there. What the client
    /// said in `http2-settings` goes into that frame: the client expects one acknowledgement.
    fn begin(&self, input: &mut Input) -> Option<Vec<u8>> {
        let first = input.unused();
        let payload = PREFACE + FRAME_HEADER;
        let [high, middle, low, kind] = *first.get(PREFACE..PREFACE + 4)?.first_chunk()?;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if kind != SETTINGS || length > MOST_SETTINGS {
            // Not what has to come: h2 says so.
            let bytes = first.to_vec();
            input.consume(bytes.len());
            return Some(bytes);
        }
        let settings = first.get(payload..payload + length)?;
        let mut bytes = first[..PREFACE].to_vec();
        let joined = [&self.upgrade.settings, settings].concat();
        frame(&mut bytes, SETTINGS, 0, &joined);
        let block = header_block(&self.upgrade.head);
        header_frames(&mut bytes, &block);
        input.consume(payload + length);
        Some(bytes)
    }
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, payload: &[u8]) {
    out.put_uint(payload.len() as u64, 3);
    out.put_u8(kind);
    out.put_u8(flags);
    out.put_u32(if kind == SETTINGS { 0 } else { 1 });
    out.put_slice(payload);
}

fn header_frames(out: &mut Vec<u8>, block: &[u8]) {
    let mut pieces = block.chunks(LEAST_FRAME).peekable();
    let mut kind = HEADERS;
    while let Some(piece) = pieces.next() {
        let mut flags = 0;
        if kind == HEADERS {
            flags |= END_STREAM;
        }
        if pieces.peek().is_none() {
            flags |= END_HEADERS;
        }
        frame(out, kind, flags, piece);
        kind = CONTINUATION;
    }
}

/// All of the head, without compression and without a trace in h2's table (RFC 7541 section 6.2.2).
fn header_block(head: &Head) -> Vec<u8> {
    let mut block = Vec::with_capacity(512);
    let mut target = head.path().to_owned();
    if !head.query().is_empty() {
        target.push('?');
        target.push_str(head.query());
    }
    literal(&mut block, b":method", head.method().as_bytes());
    literal(&mut block, b":scheme", b"http");
    literal(&mut block, b":path", target.as_bytes());
    if let Some(host) = head.field(b"host") {
        literal(&mut block, b":authority", host);
    }
    for (name, value) in head.fields().filter(|(name, value)| is_kept(name, value)) {
        literal(&mut block, name, value);
    }
    block
}

fn is_kept(name: &[u8], value: &[u8]) -> bool {
    match name {
        b"host" | b"connection" | b"upgrade" | b"http2-settings" | b"keep-alive" => false,
        b"proxy-connection" | b"transfer-encoding" => false,
        b"te" => value == b"trailers",
        _ => true,
    }
}

fn literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.put_u8(0);
    string(block, name);
    string(block, value);
}

fn string(block: &mut Vec<u8>, text: &[u8]) {
    integer(block, text.len());
    block.put_slice(text);
}

/// With a prefix of seven bits (RFC 7541 section 5.1).
fn integer(block: &mut Vec<u8>, number: usize) {
    const MOST: usize = 0x7f;
    if number < MOST {
        return block.put_u8(number as u8);
    }
    block.put_u8(MOST as u8);
    let mut rest = number - MOST;
    while rest >= 0x80 {
        block.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.put_u8(rest as u8);
}

const PREFACE: usize = crate::connection::PREFACE.len();

/// What every peer takes in one frame (RFC 9113 section 4.2).
const LEAST_FRAME: usize = 16_384;

/// More bytes of settings than any client has.
const MOST_SETTINGS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_the_specification() {
        let rows: [(usize, &[u8]); 5] = [
            (0, &[0]),
            (126, &[126]),
            (127, &[127, 0]),
            (255, &[127, 0x80, 1]),
            (1337 + 127, &[127, 0xb9, 0x0a]),
        ];
        for (number, expected) in rows {
            let mut block = Vec::new();
            integer(&mut block, number);
            assert_eq!(block, expected, "{number}");
        }
    }

    #[test]
    fn long_blocks_go_on_in_continuations() {
        let mut out = Vec::new();
        header_frames(&mut out, &[0; LEAST_FRAME + 1]);
        assert_eq!(out[3..5], [HEADERS, END_STREAM]);
        let second = FRAME_HEADER + LEAST_FRAME;
        assert_eq!(out[second + 3..second + 5], [CONTINUATION, END_HEADERS]);
        assert_eq!(out.len(), second + FRAME_HEADER + 1);
    }
}
