//! What must hold for any bytes that an HTTP/2 client sends.
//!
//! The fuzz target feeds it from libFuzzer, `tests/frame_properties.rs` of rgunicorn-core from
//! proptest and from the files of `fuzz/corpus`.

use rgunicorn_core::frames::Frames;
use rgunicorn_core::frames::Offence;

/// What is learned does not depend on how the bytes are cut. The first byte says where.
pub(crate) fn fuzz_frames(input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else {
        return;
    };
    let mut whole = Frames::new();
    whole.take(bytes);
    let mut cut_up = Frames::new();
    for piece in bytes.chunks(usize::from(*cut).max(1)) {
        cut_up.take(piece);
    }
    assert_eq!(whole.facts(), cut_up.facts());
    assert_eq!(whole.verdict(), cut_up.verdict());
    assert_eq!(whole.is_amid_fields(), cut_up.is_amid_fields());
    let requests = whole.facts().requests;
    assert!(requests <= bytes.len() as u64 / 9, "each has a header");
    let unreadable = whole.ends_unreadable(bytes);
    let verdict = whole.verdict();
    whole.forgive();
    whole.credit(1 << 20, 1);
    match verdict {
        Some(Offence::Breach(_)) => {
            assert!(!unreadable, "one reason is enough");
            assert_eq!(whole.verdict(), verdict, "a breach is not forgiven");
        }
        _ => assert_eq!(whole.verdict(), None, "a flood is"),
    }
}
