//! Fuzzes request heads; see `bodies.rs` for what must hold.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

// The first byte says what is permitted.
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some((switches, head)) = input.split_first() {
        bodies::fuzz_head(*switches, head);
    }
});
