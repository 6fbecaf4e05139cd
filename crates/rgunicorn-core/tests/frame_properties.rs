//! What holds for all that HTTP/2 clients send, however it is cut.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../../../fuzz/frame_bodies.rs"]
mod frame_bodies;

/// Frames on streams that fit, behind SETTINGS and a request.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = (0..11_u8, any::<u8>(), vec(any::<u8>(), 0..40), 1..300_usize);
    let frame = frame.prop_map(|(kind, flags, payload, times)| {
        let length = u8::try_from(payload.len()).unwrap();
        let stream = u8::from(!matches!(kind, 4 | 6 | 7));
        let header = [0, 0, length, kind, flags, 0, 0, 0, stream];
        [&header[..], &payload].concat().repeat(times)
    });
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
        \0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x82";
    (any::<u8>(), vec(frame, 0..8))
        .prop_map(|(cut, frames)| [&[cut][..], preface, &frames.concat()].concat())
}

proptest! {
    #[test]
    fn frames_are_counted_the_same_however_they_are_cut(input in frames()) {
        frame_bodies::fuzz_frames(&input);
    }

    #[test]
    fn anything_can_be_counted(input in vec(any::<u8>(), 0..200)) {
        frame_bodies::fuzz_frames(&input);
    }
}

#[test]
fn the_corpus_of_the_fuzzer_holds_too() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/frames");
    for entry in fs::read_dir(corpus).unwrap() {
        frame_bodies::fuzz_frames(&fs::read(entry.unwrap().path()).unwrap());
    }
}
