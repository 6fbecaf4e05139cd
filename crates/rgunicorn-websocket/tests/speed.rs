//! What a message costs, for comparing two versions on one machine: nothing is asserted.
//!
//! `cargo test --release -p rgunicorn-websocket --test speed -- --ignored --nocapture`

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::hint::black_box;
use std::time::Duration;
use std::time::Instant;

use rgunicorn_websocket::DeflateSettings;
use rgunicorn_websocket::Event;
use rgunicorn_websocket::Message;
use rgunicorn_websocket::Role;
use rgunicorn_websocket::Session;
use rgunicorn_websocket::SessionSettings;
use rgunicorn_websocket::Takeover;
use rgunicorn_websocket::apply_mask;

mod peer;

use peer::agreed;
use peer::masked;
use peer::server;

const SIZES: [usize; 5] = [16, 64, 1 << 10, 64 << 10, 1 << 20];

/// The least time that a call took, of many.
fn least(mut call: impl FnMut()) -> Duration {
    let calls = 200;
    let mut best = Duration::MAX;
    for _ in 0..200 {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        best = best.min(start.elapsed() / calls);
        if best > Duration::from_micros(20) && start.elapsed() > Duration::from_millis(50) {
            break;
        }
    }
    best
}

fn show(what: &str, size: usize, took: Duration) {
    let rate = size as f64 / took.as_secs_f64() / 1e9;
    println!(
        "{what:28} {size:8} B  {:10.1} ns  {rate:7.2} GB/s",
        took.as_nanos() as f64
    );
}

/// Text like that of a chat: words that come again.
fn chat(size: usize) -> String {
    let line = r#"{"type":"message","room":"lobby","from":"somebody","text":"hello, number "#;
    let lines = (0..).flat_map(|number: u32| format!("{line}{}\"}}", number * 7919).into_bytes());
    String::from_utf8(lines.take(size).collect()).unwrap()
}

#[test]
#[ignore = "measures"]
fn unmasking() {
    for size in SIZES {
        let mut payload = vec![7; size];
        show(
            "unmask",
            size,
            least(|| apply_mask(black_box(&mut payload), [1, 2, 3, 4])),
        );
    }
}

#[test]
#[ignore = "measures"]
fn echo() {
    for (what, first) in [("echo text", 0x81), ("echo binary", 0x82)] {
        for size in SIZES {
            let frame = masked(first, &vec![b'x'; size]);
            let mut bytes = frame.clone();
            let mut out = Vec::new();
            let mut session = server();
            let took = least(|| {
                bytes.copy_from_slice(&frame);
                out.clear();
                let mut input = bytes.as_mut_slice();
                while let Ok(Some(Event::Message(message))) = session.receiver.receive(&mut input) {
                    session.sender.message(message, &mut out).unwrap();
                }
                black_box(&out);
            });
            show(what, size, took);
        }
    }
}

#[test]
#[ignore = "measures"]
fn compressing() {
    for takeover in [Takeover::Allowed, Takeover::Forbidden] {
        let settings = DeflateSettings {
            server_takeover: takeover,
            client_takeover: takeover,
            threshold: 0,
            ..DeflateSettings::default()
        };
        let (deflate, _) = agreed(&settings);
        let settings = SessionSettings {
            deflate: Some(deflate),
            ..SessionSettings::default()
        };
        for size in SIZES {
            let mut session = Session::new(Role::Server, &settings);
            let text = chat(size);
            let mut out = Vec::new();
            let took = least(|| {
                out.clear();
                session
                    .sender
                    .message(Message::Text(&text), &mut out)
                    .unwrap();
            });
            show(&format!("deflate, takeover {takeover:?}"), size, took);
        }
        for size in SIZES {
            let mut client = Session::new(Role::Client { seed: 1 }, &settings);
            let mut session = Session::new(Role::Server, &settings);
            let mut frame = Vec::new();
            client
                .sender
                .message(Message::Text(&chat(size)), &mut frame)
                .unwrap();
            let mut bytes = frame.clone();
            let took = least(|| {
                bytes.copy_from_slice(&frame);
                let mut input = bytes.as_mut_slice();
                assert!(session.receiver.receive(&mut input).unwrap().is_some());
            });
            show(&format!("inflate, takeover {takeover:?}"), size, took);
        }
    }
}
