//! What holds for all messages, however they are cut, compressed and delivered.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use rgunicorn_websocket::DeflateSettings;
use rgunicorn_websocket::Level;
use rgunicorn_websocket::MemoryLevel;
use rgunicorn_websocket::Message;
use rgunicorn_websocket::Role;
use rgunicorn_websocket::Session;
use rgunicorn_websocket::SessionSettings;
use rgunicorn_websocket::Takeover;
use rgunicorn_websocket::WindowBits;

mod peer;
#[path = "../../../fuzz/websocket_bodies.rs"]
mod websocket_bodies;

use peer::Kept;
use peer::agreed;
use peer::hear;
use peer::masked;
use peer::server;
use peer::unmasked;

/// Text or bytes: nothing, a little, enough for each form of a length, alike or not.
fn message() -> impl Strategy<Value = Kept> {
    prop_oneof![
        ".{0,200}".prop_map(Kept::Text),
        "(ab|cd|[a-z]{3}){0,60}".prop_map(Kept::Text),
        vec(any::<u8>(), 0..300).prop_map(Kept::Binary),
        (any::<u8>(), 0..70_000_usize).prop_map(|(byte, count)| Kept::Binary(vec![byte; count])),
    ]
}

fn settings() -> impl Strategy<Value = DeflateSettings> {
    let takeover = prop_oneof![Just(Takeover::Allowed), Just(Takeover::Forbidden)];
    let levels = (0..10_u8, 1..10_u8);
    (
        9..16_u8,
        9..16_u8,
        takeover.clone(),
        takeover,
        levels,
        0..200_usize,
    )
        .prop_map(
            |(
                server_window,
                client_window,
                server_takeover,
                client_takeover,
                levels,
                threshold,
            )| {
                DeflateSettings {
                    server_window: WindowBits::new(server_window).unwrap(),
                    client_window: WindowBits::new(client_window).unwrap(),
                    server_takeover,
                    client_takeover,
                    level: Level::new(levels.0).unwrap(),
                    memory: MemoryLevel::new(levels.1).unwrap(),
                    threshold,
                }
            },
        )
}

/// A payload in frames that end at `cuts`, the first of which begins with `first`. `pings` come in
/// between.
fn fragments(
    frame: fn(u8, &[u8]) -> Vec<u8>,
    first: u8,
    payload: &[u8],
    cuts: &[prop::sample::Index],
) -> Vec<u8> {
    let mut ends: Vec<_> = cuts
        .iter()
        .map(|cut| cut.index(payload.len() + 1))
        .collect();
    ends.sort_unstable();
    let mut bytes = Vec::new();
    let mut start = 0;
    for (number, end) in ends.iter().enumerate() {
        let first = if number == 0 { first & 0x7f } else { 0 };
        bytes.extend(frame(first, &payload[start..*end]));
        bytes.extend(frame(0x89, b"between"));
        start = *end;
    }
    let first = if ends.is_empty() { first } else { 0x80 };
    bytes.extend(frame(first, &payload[start..]));
    bytes
}

/// `bytes` cut into pieces of these lengths, in turns.
fn pieces<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(rest.len().min(*length));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// The payload of a server's frame, and its first byte.
fn opened(frame: &[u8]) -> (u8, &[u8]) {
    let start = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    (frame[0], &frame[start..])
}

fn messages(heard: &[Kept]) -> Vec<Kept> {
    let messages = heard.iter().filter(|event| event.message().is_some());
    messages.cloned().collect()
}

fn session(role: Role, deflate: rgunicorn_websocket::Deflate) -> Session {
    let settings = SessionSettings {
        deflate: Some(deflate),
        ..SessionSettings::default()
    };
    Session::new(role, &settings)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_message_is_the_same_however_it_is_fragmented_and_delivered(
        sent in vec((message(), vec(any::<prop::sample::Index>(), 0..4)), 1..4),
        lengths in vec(1..2000_usize, 1..5),
    ) {
        let mut bytes = Vec::new();
        for (message, cuts) in &sent {
            let message = message.message().unwrap();
            let first = if matches!(message, Message::Text(_)) { 0x81 } else { 0x82 };
            bytes.extend(fragments(masked, first, message.payload(), cuts));
        }
        let (heard, failure) = hear(&mut server().receiver, pieces(&bytes, &lengths));
        prop_assert_eq!(failure, None);
        let sent: Vec<_> = sent.into_iter().map(|(message, _)| message).collect();
        prop_assert_eq!(messages(&heard), sent);
    }

    #[test]
    fn a_client_is_understood_whatever_was_agreed_on(
        settings in settings(),
        sent in vec(message(), 1..5),
        lengths in vec(1..2000_usize, 1..5),
    ) {
        let (server, client) = agreed(&settings);
        let mut client = session(Role::Client { seed: 3 }, client);
        let mut bytes = Vec::new();
        for message in &sent {
            client.sender.message(message.message().unwrap(), &mut bytes).unwrap();
        }
        let mut server = session(Role::Server, server);
        let (heard, failure) = hear(&mut server.receiver, pieces(&bytes, &lengths));
        prop_assert_eq!((heard, failure), (sent, None));
    }

    #[test]
    fn a_server_is_understood_however_its_compressed_messages_are_fragmented(
        settings in settings(),
        sent in vec((message(), vec(any::<prop::sample::Index>(), 0..4)), 1..5),
        lengths in vec(1..2000_usize, 1..5),
    ) {
        let (server, client) = agreed(&settings);
        let mut server = session(Role::Server, server);
        let mut bytes = Vec::new();
        for (message, cuts) in &sent {
            let mut frame = Vec::new();
            server.sender.message(message.message().unwrap(), &mut frame).unwrap();
            let (first, payload) = opened(&frame);
            bytes.extend(fragments(unmasked, first, payload, cuts));
        }
        let mut client = session(Role::Client { seed: 4 }, client);
        let (heard, failure) = hear(&mut client.receiver, pieces(&bytes, &lengths));
        prop_assert_eq!(failure, None);
        let sent: Vec<_> = sent.into_iter().map(|(message, _)| message).collect();
        prop_assert_eq!(messages(&heard), sent);
    }

    #[test]
    fn any_bytes_are_heard_the_same_however_they_arrive(
        switches in any::<u8>(),
        bytes in vec(any::<u8>(), 0..300),
    ) {
        websocket_bodies::fuzz_frames(switches, &bytes);
        websocket_bodies::fuzz_inflate(&bytes);
    }

    #[test]
    fn nearly_right_frames_are_heard_the_same_however_they_arrive(
        switches in any::<u8>(),
        frames in vec((any::<u8>(), vec(any::<u8>(), 0..140)), 0..6),
    ) {
        let frame = if switches & 1 == 0 { masked } else { unmasked };
        let usual = |first: u8| if first & 0x20 == 0 { first & 0xcb } else { first };
        let bytes: Vec<_> = frames.iter().map(|(first, it)| frame(usual(*first), it)).collect();
        websocket_bodies::fuzz_frames(switches, &bytes.concat());
    }

    #[test]
    fn large_messages_are_heard_the_same_by_who_takes_them(
        switches in any::<u8>(),
        sent in vec((message(), vec(any::<prop::sample::Index>(), 0..2)), 1..4),
        end in any::<prop::sample::Index>(),
    ) {
        let frame = if switches & 1 == 0 { masked } else { unmasked };
        let mut bytes = Vec::new();
        for (message, cuts) in &sent {
            let message = message.message().unwrap();
            let first = if matches!(message, Message::Text(_)) { 0x81 } else { 0x82 };
            let payload = message.payload();
            bytes.extend(fragments(frame, first, &payload[..payload.len().min(700)], cuts));
        }
        websocket_bodies::fuzz_frames(switches, &bytes[..end.index(bytes.len() + 1)]);
    }

    #[test]
    fn any_offer_is_refused_or_answered_with_what_is_understood(
        offer in "(permessage-deflate|[;,= ]|(server|client)_(no_context_takeover|max_window_bits)|\"?[0-9]{1,2}\"?|\n){0,12}",
    ) {
        websocket_bodies::fuzz_handshake(offer.as_bytes());
    }
}

#[test]
fn the_corpora_of_the_fuzzers_hold_too() {
    check_corpus("websocket_inflate", websocket_bodies::fuzz_inflate);
    check_corpus("websocket_deflate", websocket_bodies::fuzz_deflate);
    check_corpus("websocket_handshake", websocket_bodies::fuzz_handshake);
    check_corpus("websocket_frames", |input| {
        websocket_bodies::fuzz_frames(input[0], &input[1..]);
    });
}

fn check_corpus(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let files: Vec<_> = fs::read_dir(corpus.join(target)).unwrap().collect();
    assert!(!files.is_empty());
    for file in files {
        body(&fs::read(file.unwrap().path()).unwrap());
    }
}
