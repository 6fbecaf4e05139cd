//! Fuzzes what clients offer in a handshake; see `websocket_bodies.rs` for what must hold.
#![no_main]

#[path = "../websocket_bodies.rs"]
mod websocket_bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| websocket_bodies::fuzz_handshake(input));
