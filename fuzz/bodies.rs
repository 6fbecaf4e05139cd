//! What must hold for any bytes a client may send.
//!
//! The fuzz targets feed these from libFuzzer, `tests/parser_properties.rs` of rgunicorn-core from
//! proptest, so CI runs them without a fuzzer.
#![allow(dead_code, reason = "each fuzz target uses one of the two")]

use rgunicorn_core::parser::ChunkedDecoder;
use rgunicorn_core::parser::Decoded;
use rgunicorn_core::parser::Head;
use rgunicorn_core::parser::Limits;
use rgunicorn_core::parser::Rejection;
use rgunicorn_core::parser::Scan;
use rgunicorn_core::parser::find_head;
use rgunicorn_core::parser::percent_decode;

/// A head is found at the same place however it arrives, and an accepted one is clean.
pub(crate) fn fuzz_head(input: &[u8]) {
    let limits = Limits {
        request_line: 100,
        fields: 8,
        field_size: 60,
    };
    let at_once = find_head(input, &mut Scan::default(), &limits);
    assert_eq!(at_once, find_byte_by_byte(input, &limits));
    check_parse(input);
    if let Ok(Some(length)) = at_once {
        check_parse(&input[..length]);
    }
}

fn find_byte_by_byte(input: &[u8], limits: &Limits) -> Result<Option<usize>, Rejection> {
    let mut scan = Scan::default();
    (0..=input.len())
        .map(|end| find_head(&input[..end], &mut scan, limits))
        .find(|outcome| *outcome != Ok(None))
        .unwrap_or(Ok(None))
}

/// Parses `input`; if it is accepted, nothing that smugglers use is in it.
fn check_parse(input: &[u8]) {
    let mut head = Head::new();
    if head.parse(input).is_err() {
        assert_eq!(
            (head.method(), head.target(), head.fields().len()),
            ("", "", 0)
        );
        return;
    }
    let lines = input.windows(2).filter(|pair| pair == b"\r\n").count();
    let count = |byte| input.iter().filter(|other| **other == byte).count();
    assert_eq!((count(b'\r'), count(b'\n'), count(0)), (lines, lines, 0));
    assert!(head.target().starts_with(head.path()) || !head.target().starts_with('/'));
    assert!(head.path().starts_with('/') || head.path() == "*");
    for (name, value) in head.fields() {
        assert!(!name.is_empty() && !name.iter().any(u8::is_ascii_uppercase));
        assert!(
            !value
                .iter()
                .any(|byte| matches!(byte, b'\r' | b'\n' | 0 | 0x7f))
        );
        assert_eq!(value.trim_ascii(), value);
    }
    percent_decode(head.path(), &mut Vec::new());
}

/// A chunked body decodes to the same bytes however it arrives and however little room there is.
pub(crate) fn fuzz_chunked(input: &[u8]) {
    let whole = decode(input, input.len().max(1), usize::MAX);
    for (piece, room) in [(1, usize::MAX), (3, 2), (input.len().max(1), 1)] {
        assert_eq!(
            decode(input, piece, room),
            whole,
            "pieces of {piece}, room for {room}"
        );
    }
}

/// The body and what is left of `input`, which arrives in pieces of `piece` bytes.
fn decode(input: &[u8], piece: usize, room: usize) -> Result<(Vec<u8>, usize, bool), Rejection> {
    let limits = Limits {
        request_line: 100,
        fields: 2,
        field_size: 30,
    };
    let mut decoder = ChunkedDecoder::new(&limits);
    let mut out = Vec::new();
    let mut position = 0;
    let mut finished = false;
    while !finished && position < input.len() {
        let end = input.len().min(position + piece);
        let before = out.len();
        let decoded = decoder.decode(&input[position..end], &mut out, room)?;
        assert!(out.len() - before <= room);
        assert!(decoded.consumed > 0, "no progress at {position}");
        position += decoded.consumed;
        finished = decoded.finished;
    }
    let after_end = decoder.decode(if finished { b"x" } else { b"" }, &mut out, room)?;
    assert_eq!(
        after_end,
        Decoded {
            consumed: 0,
            finished
        }
    );
    Ok((out, input.len() - position, finished))
}
