//! Fuzzes the PROXY protocol's header; see `proxy_bodies.rs` for what must hold.
#![no_main]

#[path = "../proxy_bodies.rs"]
mod proxy_bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| proxy_bodies::fuzz_proxy_protocol(input));
