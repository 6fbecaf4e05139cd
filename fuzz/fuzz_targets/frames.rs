//! Fuzzes the count of HTTP/2 frames; see `frame_bodies.rs` for what must hold.
#![no_main]

#[path = "../frame_bodies.rs"]
mod frame_bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| frame_bodies::fuzz_frames(input));
