//! What must hold for any bytes that a WebSocket peer may send.
//!
//! The fuzz targets feed these from libFuzzer, `tests/properties.rs` of rgunicorn-websocket from
//! proptest, so CI runs them without a fuzzer.
#![allow(dead_code, reason = "each fuzz target uses one of them")]

use rgunicorn_websocket::Carrier;
use rgunicorn_websocket::Deflate;
use rgunicorn_websocket::DeflateSettings;
use rgunicorn_websocket::Event;
use rgunicorn_websocket::Failure;
use rgunicorn_websocket::Handshake;
use rgunicorn_websocket::LONGEST_CONTROL;
use rgunicorn_websocket::Large;
use rgunicorn_websocket::Level;
use rgunicorn_websocket::MemoryLevel;
use rgunicorn_websocket::Message;
use rgunicorn_websocket::Receiver;
use rgunicorn_websocket::Role;
use rgunicorn_websocket::Session;
use rgunicorn_websocket::SessionSettings;
use rgunicorn_websocket::Takeover;
use rgunicorn_websocket::WindowBits;

/// The most bytes of a message in here.
const LIMIT: usize = 10_000;

/// Frames say the same however they arrive, to a server and to a client, with and without
/// compression: `switches` says which.
pub(crate) fn fuzz_frames(switches: u8, input: &[u8]) {
    let role = if switches & 1 == 0 {
        Role::Server
    } else {
        Role::Client { seed: 1 }
    };
    let deflate = (switches & 2 != 0).then(|| agree(&settings(switches)).0);
    let receiver = || session(role, deflate).receiver;
    let (events, failure) = hear(receiver(), input, input.len().max(1));
    for piece in [1, 7] {
        let (other_events, other_failure) = hear(receiver(), input, piece);
        assert_eq!(events, other_events, "pieces of {piece}");
        // Where compressed text is wrong in two ways, how it arrives decides which is noticed.
        assert_eq!(failure.is_some(), other_failure.is_some());
        assert!(deflate.is_some() || failure == other_failure);
    }
    for piece in [1, 7, 200, input.len().max(1)] {
        let (large_events, ending) = hear_large(receiver(), input, piece);
        match ending {
            Ending::Used => assert_eq!((&large_events, None), (&events, failure)),
            Ending::Failure(large) => {
                assert_eq!(
                    large_events, events,
                    "with large messages, in pieces of {piece}"
                );
                assert!(deflate.is_some() || failure == Some(large));
            }
            // What is no text is noticed at once, or at the end.
            Ending::InLarge => {
                assert_eq!(
                    large_events, events,
                    "before a large message, in pieces of {piece}"
                );
                assert!(matches!(failure, None | Some(Failure::Text)));
            }
        }
    }
}

/// What `input` inflates to is the same however it arrives, and never more than the limit.
pub(crate) fn fuzz_inflate(input: &[u8]) {
    let deflate = agree(&DeflateSettings::default()).0;
    let bytes = [
        frame(0x42, &input[..input.len() / 2]),
        frame(0x80, &input[input.len() / 2..]),
        frame(0xc2, input),
    ]
    .concat();
    let receiver = || session(Role::Server, Some(deflate)).receiver;
    let at_once = hear(receiver(), &bytes, bytes.len());
    assert_eq!(at_once, hear(receiver(), &bytes, 1));
    assert_eq!(at_once, hear(receiver(), &bytes, 100));
}

/// Whatever is offered is refused, or answered with fields that the offering side understands.
/// Lines of `input` are values of the fields that offer something.
pub(crate) fn fuzz_handshake(input: &[u8]) {
    let lines: Vec<_> = input.split(|byte| *byte == b'\n').collect();
    let names: [&[u8]; 2] = [b"sec-websocket-extensions", b"sec-websocket-protocol"];
    let offered = names.into_iter().cycle().zip(lines);
    let fields = offered.chain([(&b"sec-websocket-version"[..], &b"13"[..])]);
    let Ok(handshake) = Handshake::read(Carrier::ExtendedConnect, "CONNECT", fields) else {
        return;
    };
    assert!(handshake.subprotocols().all(|name| !name.is_empty()));
    let generous = DeflateSettings {
        server_window: WindowBits::MOST,
        client_window: WindowBits::MOST,
        ..DeflateSettings::default()
    };
    for settings in [generous, DeflateSettings::default()] {
        let acceptance = handshake.accept(None, Some(&settings));
        let answer = acceptance.fields.iter().map(|(_, value)| value).next();
        assert_eq!(answer.is_some(), acceptance.deflate.is_some());
        let accepted = answer.map(|answer| Deflate::accepted(answer, &generous));
        assert!(accepted.is_none_or(|deflate| deflate.is_some()));
    }
}

/// What one side says the other hears, whatever was agreed on. The first bytes of `input` say that.
pub(crate) fn fuzz_deflate(input: &[u8]) {
    let Some((switches, rest)) = input.split_first_chunk::<2>() else {
        return;
    };
    let wanted = DeflateSettings {
        server_window: WindowBits::new(9 + switches[1] % 7).expect("it is 9 to 15"),
        client_window: WindowBits::new(9 + switches[1] / 7 % 7).expect("it is 9 to 15"),
        ..settings(switches[0])
    };
    let (server, client) = agree(&wanted);
    let mut server = session(Role::Server, Some(server));
    let mut client = session(Role::Client { seed: 2 }, Some(client));
    let (first, second) = rest.split_at(rest.len() / 3);
    for payload in [first, second, rest, first] {
        let sent = || Message::Binary(&payload[..payload.len().min(LIMIT)]);
        pass(sent(), &mut client, &mut server.receiver);
        pass(sent(), &mut server, &mut client.receiver);
    }
}

fn pass(message: Message<'_>, from: &mut Session, to: &mut Receiver) {
    let mut bytes = Vec::new();
    from.sender
        .message(message, &mut bytes)
        .expect("it is open");
    let mut input = bytes.as_mut_slice();
    assert_eq!(to.receive(&mut input), Ok(Some(Event::Message(message))));
    assert_eq!(to.receive(&mut input), Ok(None));
}

fn settings(switches: u8) -> DeflateSettings {
    let takeover = |bit: u8| {
        if switches & (1 << bit) == 0 {
            Takeover::Allowed
        } else {
            Takeover::Forbidden
        }
    };
    DeflateSettings {
        server_takeover: takeover(2),
        client_takeover: takeover(3),
        level: Level::new(switches >> 4 & 7).expect("it is less than 10"),
        memory: MemoryLevel::new(1 + (switches >> 5)).expect("it is 1 to 8"),
        threshold: 0,
        ..DeflateSettings::default()
    }
}

/// What a server and a client agree on who both want the same.
fn agree(settings: &DeflateSettings) -> (Deflate, Deflate) {
    let offer = Deflate::offer(settings);
    let fields: [(&[u8], &[u8]); 2] = [
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-extensions", offer.as_bytes()),
    ];
    let handshake = Handshake::read(Carrier::ExtendedConnect, "CONNECT", fields)
        .expect("the offer is a well-formed list");
    let acceptance = handshake.accept(None, Some(settings));
    let (_, answer) = &acceptance.fields[0];
    let client = Deflate::accepted(answer, settings).expect("it is what was offered");
    (acceptance.deflate.expect("it was accepted"), client)
}

fn session(role: Role, deflate: Option<Deflate>) -> Session {
    let settings = SessionSettings {
        max_message_size: LIMIT,
        deflate,
    };
    Session::new(role, &settings)
}

/// What `input` says that arrives in pieces of so many bytes.
fn hear(mut receiver: Receiver, input: &[u8], piece: usize) -> (Vec<String>, Option<Failure>) {
    let mut events = Vec::new();
    for piece in input.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut rest = piece.as_mut_slice();
        loop {
            match receiver.receive(&mut rest) {
                Ok(Some(event)) => events.push(checked(event)),
                Ok(None) => break,
                Err(failure) => {
                    assert!(receiver.has_ended());
                    assert_eq!(receiver.receive(&mut rest), Ok(None));
                    return (events, Some(failure));
                }
            }
        }
        assert!(rest.is_empty(), "not all of the input was used");
    }
    (events, None)
}

/// How an input ended of which large messages were taken.
enum Ending {
    Used,
    Failure(Failure),
    /// There should have been more of one.
    InLarge,
}

/// The same by who takes the payloads of large messages itself.
fn hear_large(mut receiver: Receiver, input: &[u8], piece: usize) -> (Vec<String>, Ending) {
    let mut events = Vec::new();
    let mut arriving: Option<(Large, Vec<u8>)> = None;
    for piece in input.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut rest = piece.as_mut_slice();
        loop {
            if let Some((large, payload)) = &mut arriving {
                let missing = large.length - payload.len();
                let (taken, left) = rest.split_at_mut(missing.min(rest.len()));
                payload.extend_from_slice(taken);
                rest = left;
                if payload.len() < large.length {
                    break;
                }
                let kept = receiver.end_large(large, payload, |heard| {
                    heard
                        .message()
                        .map(|message| checked(Event::Message(message)))
                });
                arriving = None;
                match kept {
                    Ok(event) => events.push(event),
                    Err(failure) => return (events, Ending::Failure(failure)),
                }
            }
            if let Some(large) = receiver.begin_large(&mut rest, |_, _| true) {
                assert!(large.length <= LIMIT);
                arriving = Some((large, Vec::new()));
                continue;
            }
            match receiver.receive(&mut rest) {
                Ok(Some(event)) => events.push(checked(event)),
                Ok(None) => break,
                Err(failure) => return (events, Ending::Failure(failure)),
            }
        }
        assert!(rest.is_empty(), "not all of the input was used");
    }
    let ending = if arriving.is_some() {
        Ending::InLarge
    } else {
        Ending::Used
    };
    (events, ending)
}

/// The event in words, after a look at what must hold for it.
fn checked(event: Event<'_>) -> String {
    match event {
        Event::Message(message) => assert!(message.payload().len() <= LIMIT),
        Event::Ping(payload) | Event::Pong(payload) => assert!(payload.len() <= LONGEST_CONTROL),
        Event::Close(close) => {
            assert!(close.reason.len() <= LONGEST_CONTROL - 2);
            assert!(close.code.is_some() || close.reason.is_empty());
            assert!((1000..5000).contains(&close.number()));
        }
    }
    format!("{event:?}")
}

/// A client's frame, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_be_bytes();
    let head = match payload.len() {
        short @ 0..=125 => vec![first, 0x80 | short as u8],
        126..=0xffff => [&[first, 0xfe], &length[6..]].concat(),
        _ => [&[first, 0xff], &length[..]].concat(),
    };
    [&head[..], &[0; 4], payload].concat()
}
