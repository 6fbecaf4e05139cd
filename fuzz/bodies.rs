//! What must hold for any bytes a client may send.
//!
//! The fuzz targets feed these from libFuzzer, `tests/parser_properties.rs` of rgunicorn-core from
//! proptest, so CI runs them without a fuzzer.
#![allow(dead_code, reason = "each fuzz target uses one of them")]

use rgunicorn_core::parser::ChunkedDecoder;
use rgunicorn_core::parser::Decoded;
use rgunicorn_core::parser::Head;
use rgunicorn_core::parser::Limits;
use rgunicorn_core::parser::Refusal;
use rgunicorn_core::parser::Rejection;
use rgunicorn_core::parser::Scan;
use rgunicorn_core::parser::Tolerance;
use rgunicorn_core::parser::find_head;
use rgunicorn_core::parser::percent_decode;

/// A head is found at the same place however it arrives, and an accepted one is clean, whatever is
/// permitted: `switches` has a bit for each permission.
pub(crate) fn fuzz_head(switches: u8, input: &[u8]) {
    let limits = Limits {
        request_line: 100,
        fields: 8,
        field_size: 60,
    };
    let at_once = find_head(input, &mut Scan::default(), &limits);
    assert_eq!(at_once, find_byte_by_byte(input, &limits));
    let tolerance = tolerance(switches);
    check_permission(input, tolerance);
    if let Ok(Some(length)) = at_once {
        check_permission(&input[..length], tolerance);
    }
}

fn tolerance(switches: u8) -> Tolerance {
    let is_on = |bit: u8| switches & (1 << bit) != 0;
    Tolerance {
        obsolete_folding: is_on(0),
        header_spaces: is_on(1),
        unconventional_method: is_on(2),
        unconventional_version: is_on(3),
        casefold_method: is_on(4),
    }
}

fn find_byte_by_byte(input: &[u8], limits: &Limits) -> Result<Option<usize>, Refusal> {
    let mut scan = Scan::default();
    (0..=input.len())
        .map(|end| find_head(&input[..end], &mut scan, limits))
        .find(|outcome| *outcome != Ok(None))
        .unwrap_or(Ok(None))
}

/// A permission changes nothing about what is fine without it, and lets nothing through that
/// smugglers use.
fn check_permission(input: &[u8], tolerance: Tolerance) {
    let strict = parse(input, Tolerance::default());
    let permissive = parse(input, tolerance);
    if strict.is_ok() {
        assert_eq!(
            strict.map(|head| meaning(&head)),
            permissive.map(|head| meaning(&head))
        );
    }
}

/// Everything that a head says, in words.
fn meaning(head: &Head) -> String {
    let fields: Vec<_> = head.fields().collect();
    let facts = (head.framing(), head.keep_alive(), head.expects_continue());
    let line = (head.method(), head.target(), head.path(), head.query());
    let rest = (head.version(), head.upgrade(), head.accepts_trailers());
    format!("{line:?} {rest:?} {facts:?} {fields:?}")
}

/// Parses `input`; if it is accepted, nothing that smugglers use is in it.
fn parse(input: &[u8], tolerance: Tolerance) -> Result<Head, Refusal> {
    let mut head = Head::new();
    if let Err(refusal) = head.parse(input, tolerance) {
        assert_eq!(
            (head.method(), head.target(), head.fields().len()),
            ("", "", 0)
        );
        assert!(refusal.line <= input.len());
        return Err(refusal);
    }
    let lines = input.windows(2).filter(|pair| pair == b"\r\n").count();
    let count = |byte| input.iter().filter(|other| **other == byte).count();
    assert_eq!((count(b'\r'), count(b'\n'), count(0)), (lines, lines, 0));
    assert!(!head.method().is_empty() && head.method().is_ascii());
    assert!(!tolerance.casefold_method || !head.method().contains(|it: char| it.is_lowercase()));
    assert!(head.target().starts_with(head.path()) || !head.target().starts_with('/'));
    assert!(head.path().starts_with('/') || head.path() == "*");
    for (name, value) in head.fields() {
        assert!(!name.is_empty() && !name.iter().any(u8::is_ascii_uppercase));
        assert!(!name.contains(&b' ') && !name.contains(&b'\t'));
        assert!(
            !value
                .iter()
                .any(|byte| matches!(byte, b'\r' | b'\n' | 0 | 0x7f))
        );
        assert_eq!(value.trim_ascii(), value);
    }
    percent_decode(head.path(), &mut Vec::new());
    Ok(head)
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
