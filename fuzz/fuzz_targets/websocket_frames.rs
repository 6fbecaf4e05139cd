//! Fuzzes WebSocket frames; see `websocket_bodies.rs` for what must hold.
#![no_main]

#[path = "../websocket_bodies.rs"]
mod websocket_bodies;

// The first byte says who hears them, and what was agreed on.
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some((switches, frames)) = input.split_first() {
        websocket_bodies::fuzz_frames(*switches, frames);
    }
});
