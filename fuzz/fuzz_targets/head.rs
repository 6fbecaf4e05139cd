//! Fuzzes request heads; see `bodies.rs` for what must hold.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::fuzz_head(input));
