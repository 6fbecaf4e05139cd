//! What a server's session makes of frames, as tables of bytes.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use rgunicorn_websocket::AlreadyClosing;
use rgunicorn_websocket::Close;
use rgunicorn_websocket::CloseCode;
use rgunicorn_websocket::DeflateSettings;
use rgunicorn_websocket::Event;
use rgunicorn_websocket::Failure;
use rgunicorn_websocket::Kind;
use rgunicorn_websocket::Message;
use rgunicorn_websocket::Rest;
use rgunicorn_websocket::Role;
use rgunicorn_websocket::Session;
use rgunicorn_websocket::SessionSettings;
use rgunicorn_websocket::apply_mask;

mod peer;

use peer::Kept;
use peer::agreed;
use peer::hear;
use peer::masked;
use peer::server;
use peer::server_of;
use peer::unmasked;

/// What a server hears in `frames` at once and byte by byte, which must be the same.
fn heard(frames: &[Vec<u8>]) -> (Vec<Kept>, Option<Failure>) {
    let bytes = frames.concat();
    let at_once = hear(&mut server().receiver, [bytes.as_slice()]);
    let by_byte = hear(&mut server().receiver, bytes.chunks(1));
    assert_eq!(at_once, by_byte);
    at_once
}

fn failure_of(frames: &[Vec<u8>]) -> Option<Failure> {
    heard(frames).1
}

/// A server that talks deflate with zlib's largest window, without a threshold.
fn deflating_server(max_message_size: usize) -> Session {
    let settings = DeflateSettings {
        threshold: 0,
        ..DeflateSettings::default()
    };
    server_of(max_message_size, Some(agreed(&settings).0))
}

fn inflated(frames: &[Vec<u8>], max_message_size: usize) -> (Vec<Kept>, Option<Failure>) {
    let bytes = frames.concat();
    let at_once = hear(
        &mut deflating_server(max_message_size).receiver,
        [bytes.as_slice()],
    );
    let by_byte = hear(
        &mut deflating_server(max_message_size).receiver,
        bytes.chunks(1),
    );
    assert_eq!(at_once, by_byte);
    at_once
}

#[test]
fn the_examples_of_rfc_6455_are_understood() {
    let single = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec();
    let ping = b"\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec();
    assert_eq!(heard(&[single]).0, [Kept::text("Hello")]);
    assert_eq!(heard(&[ping]).0, [Kept::Ping(b"Hello".to_vec())]);
    let fragments = [masked(0x01, b"Hel"), masked(0x80, b"lo")];
    assert_eq!(heard(&fragments).0, [Kept::text("Hello")]);
    for length in [0, 125, 126, 256, 65535, 65536] {
        let payload = vec![7; length];
        assert_eq!(heard(&[masked(0x82, &payload)]).0, [Kept::Binary(payload)]);
    }
}

#[test]
fn a_message_that_is_whole_in_the_input_is_not_copied() {
    let mut bytes = masked(0x82, b"in place");
    let range = bytes.as_ptr_range();
    let mut session = server();
    let mut input = bytes.as_mut_slice();
    match session.receiver.receive(&mut input).unwrap() {
        Some(Event::Message(Message::Binary(payload))) => {
            assert_eq!(payload, b"in place");
            assert!(range.contains(&payload.as_ptr()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_that_is_whole_in_the_input_may_be_unmasked_by_who_copies_it() {
    let mut bytes = [
        masked(0x81, b"masked"),
        masked(0x02, b"g"),
        masked(0x80, b"athered"),
    ]
    .concat();
    let mut session = server();
    let mut input = bytes.as_mut_slice();
    let mut next = || {
        let event = session.receiver.receive_as(&mut input, |heard| {
            let (bytes, mask) = heard.masked();
            let mut plain = bytes.to_vec();
            apply_mask(&mut plain, mask);
            Ok((heard.kind(), mask == [0; 4], plain))
        });
        match event.unwrap() {
            Some(Event::Message(message)) => message,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(next(), (Kind::Text, false, b"masked".to_vec()));
    assert_eq!(next(), (Kind::Binary, true, b"gathered".to_vec()));
}

#[test]
fn who_refuses_a_message_ends_the_session() {
    let mut bytes = [masked(0x82, b"refused"), masked(0x82, b"next")].concat();
    let mut receiver = server().receiver;
    let mut input = bytes.as_mut_slice();
    let refused = receiver.receive_as::<()>(&mut input, |_| Err(Failure::Text));
    assert_eq!(refused, Err(Failure::Text));
    assert!(receiver.has_ended());
    assert_eq!(receiver.receive(&mut input), Ok(None));
}

#[test]
fn control_frames_come_between_fragments() {
    let frames = [
        masked(0x01, b"a"),
        masked(0x89, b"ping"),
        masked(0x00, b"b"),
        masked(0x8a, b""),
        masked(0x80, b"c"),
        masked(0x82, b"next"),
    ];
    let expected = [
        Kept::Ping(b"ping".to_vec()),
        Kept::Pong(Vec::new()),
        Kept::text("abc"),
        Kept::Binary(b"next".to_vec()),
    ];
    assert_eq!(heard(&frames), (expected.to_vec(), None));
}

#[test]
fn empty_fragments_are_fragments() {
    let frames = [masked(0x02, b""), masked(0x00, b""), masked(0x80, b"")];
    assert_eq!(heard(&frames).0, [Kept::Binary(Vec::new())]);
}

#[test]
fn frames_that_break_a_rule_fail_the_session() {
    let (text, last) = (masked(0x01, b"x"), masked(0x80, b"x"));
    for (frames, expected) in [
        (vec![unmasked(0x81, b"x")], Failure::Unmasked),
        (vec![unmasked(0x88, b"")], Failure::Unmasked),
        (vec![masked(0xc1, b"x")], Failure::ReservedBit),
        (vec![masked(0xa1, b"x")], Failure::ReservedBit),
        (vec![masked(0x91, b"x")], Failure::ReservedBit),
        (vec![masked(0xc9, b"x")], Failure::ReservedBit),
        (vec![text.clone(), masked(0xc0, b"x")], Failure::ReservedBit),
        (vec![masked(0x83, b"")], Failure::ReservedOpcode(3)),
        (vec![masked(0x87, b"")], Failure::ReservedOpcode(7)),
        (vec![masked(0x8b, b"")], Failure::ReservedOpcode(11)),
        (vec![masked(0x8f, b"")], Failure::ReservedOpcode(15)),
        (vec![masked(0x09, b"x")], Failure::FragmentedControl),
        (vec![masked(0x08, b"")], Failure::FragmentedControl),
        (vec![masked(0x89, &[0; 126])], Failure::LongControl),
        (vec![masked(0x88, &[0; 200])], Failure::LongControl),
        (vec![last.clone()], Failure::LoneContinuation),
        (vec![masked(0x00, b"x")], Failure::LoneContinuation),
        (
            vec![text.clone(), last.clone(), last],
            Failure::LoneContinuation,
        ),
        (
            vec![text.clone(), masked(0x81, b"x")],
            Failure::InterruptedMessage,
        ),
        (vec![text, masked(0x02, b"x")], Failure::InterruptedMessage),
        (vec![b"\x82\xfe\x00\x7d\0\0\0\0".to_vec()], Failure::Length),
        (
            vec![b"\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0".to_vec()],
            Failure::Length,
        ),
        (
            vec![b"\x82\xff\x80\0\0\0\0\x01\0\0\0\0\0\0".to_vec()],
            Failure::Length,
        ),
    ] {
        assert_eq!(failure_of(&frames), Some(expected), "{frames:?}");
        assert_eq!(expected.code(), CloseCode::PROTOCOL_ERROR);
    }
}

#[test]
fn a_client_wants_no_masks() {
    let client = Role::Client { seed: 1 };
    let mut session = Session::new(client, &SessionSettings::default());
    let frames = [unmasked(0x81, b"x"), masked(0x81, b"x")].concat();
    let heard = hear(&mut session.receiver, [frames.as_slice()]);
    assert_eq!(heard, (vec![Kept::text("x")], Some(Failure::Masked)));
}

#[test]
fn text_is_checked_with_the_byte_that_makes_it_wrong() {
    // Each is well-formed up to its last byte, which comes in a frame that does not end.
    for wrong in [
        &b"\xff"[..],
        b"\xc0",
        b"\xed\xa0",
        b"\xf4\x90",
        b"\xe0\x80",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0",
    ] {
        let cut = [&masked(0x01, &[wrong, b"and more"].concat())[..6 + wrong.len()]].concat();
        let (last, before) = cut.split_last().unwrap();
        let mut receiver = server().receiver;
        assert_eq!(hear(&mut receiver, [before]), (vec![], None), "{wrong:?}");
        let heard = hear(&mut receiver, [&[*last][..]]);
        assert_eq!(heard, (vec![], Some(Failure::Text)), "{wrong:?}");
        assert_eq!(failure_of(&[masked(0x81, wrong)]), Some(Failure::Text));
    }
    assert_eq!(Failure::Text.code(), CloseCode::INVALID_PAYLOAD);
}

#[test]
fn a_character_may_be_cut_by_frames_but_not_by_the_end() {
    let text = "κόσμε \u{10ffff} 🦄";
    let bytes = text.as_bytes();
    let mut frames: Vec<_> = bytes.chunks(1).map(|byte| masked(0x00, byte)).collect();
    frames[0] = masked(0x01, &bytes[..1]);
    frames.push(masked(0x80, b""));
    assert_eq!(heard(&frames).0, [Kept::text(text)]);
    let cut = &bytes[..bytes.len() - 1];
    assert_eq!(failure_of(&[masked(0x81, cut)]), Some(Failure::Text));
    let frames = [masked(0x01, cut), masked(0x80, b"")];
    assert_eq!(failure_of(&frames), Some(Failure::Text));
}

#[test]
fn bytes_need_not_be_text() {
    let frames = [masked(0x02, b"\xff\xfe"), masked(0x80, b"\xc0")];
    assert_eq!(heard(&frames).0, [Kept::Binary(b"\xff\xfe\xc0".to_vec())]);
}

#[test]
fn a_close_frame_says_code_and_reason() {
    let closed = |payload: &[u8]| heard(&[masked(0x88, payload)]);
    let close = |code, reason: &str| (vec![Kept::Close(code, reason.to_owned())], None);
    assert_eq!(closed(b""), close(1005, ""));
    assert_eq!(closed(b"\x03\xe8"), close(1000, ""));
    assert_eq!(
        closed(b"\x03\xe9custom reason"),
        close(1001, "custom reason")
    );
    for code in [
        1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
    ] {
        assert_eq!(closed(&u16::to_be_bytes(code)), close(code, ""));
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
    ] {
        let heard = closed(&u16::to_be_bytes(code));
        assert_eq!(heard, (vec![], Some(Failure::CloseCode(code))));
    }
    assert_eq!(closed(b"\x03"), (vec![], Some(Failure::CloseFrame)));
    assert_eq!(closed(b"\x03\xe8\xff"), (vec![], Some(Failure::Text)));
}

#[test]
fn what_follows_a_close_frame_is_dropped() {
    let frames = [
        masked(0x88, b"\x03\xe8"),
        masked(0x81, b"late"),
        vec![0xff; 99],
    ];
    assert_eq!(
        heard(&frames),
        (vec![Kept::Close(1000, String::new())], None)
    );
}

#[test]
fn what_follows_a_failure_is_dropped() {
    let mut receiver = server().receiver;
    let wrong = unmasked(0x81, b"");
    assert_eq!(
        hear(&mut receiver, [wrong.as_slice()]).1,
        Some(Failure::Unmasked)
    );
    assert!(receiver.has_ended());
    assert_eq!(
        hear(&mut receiver, [masked(0x81, b"late").as_slice()]),
        (vec![], None)
    );
}

#[test]
fn a_message_of_the_largest_size_passes_and_a_byte_more_does_not() {
    let at_limit = |frames: &[Vec<u8>]| {
        hear(
            &mut server_of(2048, None).receiver,
            [frames.concat().as_slice()],
        )
    };
    let payload = vec![b'x'; 2048];
    assert_eq!(
        at_limit(&[masked(0x82, &payload)]).0,
        [Kept::Binary(payload.clone())]
    );
    let halves = [
        masked(0x02, &payload[..1024]),
        masked(0x80, &payload[1024..]),
    ];
    assert_eq!(at_limit(&halves).0, [Kept::Binary(payload.clone())]);
    let again = [halves.concat(), halves.concat()];
    assert_eq!(at_limit(&again).0.len(), 2, "each message counts by itself");

    let too_large = Failure::TooLarge(2048);
    assert_eq!(
        at_limit(&[masked(0x82, &[payload.as_slice(), b"x"].concat())]).1,
        Some(too_large)
    );
    let one_more = [masked(0x02, &payload), masked(0x80, b"x")];
    assert_eq!(at_limit(&one_more).1, Some(too_large));
    // The head alone says it: nobody waits for what will not be kept.
    assert_eq!(
        at_limit(&[b"\x82\xff\0\0\x01\0\0\0\0\0\0\0\0\0".to_vec()]).1,
        Some(too_large)
    );
    assert_eq!(too_large.code(), CloseCode::TOO_LARGE);
    assert_eq!(
        too_large.to_string(),
        "Message exceeds the maximum size (2048 bytes)"
    );
}

#[test]
fn the_examples_of_rfc_7692_are_inflated() {
    let compressed = masked(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    let again = masked(0xc1, b"\xf2\x00\x11\x00\x00"); // refers to the first
    let stored = masked(0xc1, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00");
    let final_block = masked(0xc1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00");
    let two_blocks = masked(
        0xc1,
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
    );
    let hello = || Kept::text("Hello");
    assert_eq!(
        inflated(&[compressed.clone(), again], 99).0,
        [hello(), hello()]
    );
    for frame in [stored, final_block, two_blocks] {
        let heard = inflated(&[frame.clone(), frame, compressed.clone()], 99);
        assert_eq!(heard, (vec![hello(), hello(), hello()], None));
    }
    let fragments = [
        masked(0x41, b"\xf2\x48\xcd"),
        masked(0x80, b"\xc9\xc9\x07\x00"),
    ];
    assert_eq!(inflated(&fragments, 99).0, [hello()]);
    assert_eq!(inflated(&[masked(0xc1, b"\x00")], 99).0, [Kept::text("")]);
    assert_eq!(inflated(&[masked(0xc1, b"")], 99).0, [Kept::text("")]);
}

#[test]
fn an_uncompressed_message_passes_where_compression_was_agreed_on() {
    assert_eq!(
        inflated(&[masked(0x81, b"plain")], 99).0,
        [Kept::text("plain")]
    );
}

#[test]
fn the_compressed_bit_is_for_the_first_frame_of_a_message_only() {
    let first = masked(0x41, b"\xf2\x48\xcd");
    for frames in [
        vec![first.clone(), masked(0xc0, b"\xc9\xc9\x07\x00")],
        vec![masked(0xc9, b"")],
        vec![masked(0xc8, b"")],
        vec![masked(0xa1, b"")],
        vec![masked(0xd1, b"")],
        vec![masked(0x01, b"x"), masked(0xc0, b"x")],
    ] {
        assert_eq!(
            inflated(&frames, 99).1,
            Some(Failure::ReservedBit),
            "{frames:?}"
        );
    }
    let between = [first, masked(0x89, b"p"), masked(0x80, b"\xc9\xc9\x07\x00")];
    let expected = [Kept::Ping(b"p".to_vec()), Kept::text("Hello")];
    assert_eq!(inflated(&between, 99).0, expected);
}

#[test]
fn what_cannot_be_inflated_fails_the_session() {
    for payload in [&b"\xff\xff\xff"[..], b"\x07", b"\xf2\x00\x11\x00\x00"] {
        let failure = inflated(&[masked(0xc2, payload)], 99).1;
        assert_eq!(failure, Some(Failure::Compression), "{payload:?}");
    }
    assert_eq!(Failure::Compression.code(), CloseCode::INVALID_PAYLOAD);
}

#[test]
fn text_is_checked_after_inflating() {
    let wrong = masked(0xc1, b"\x00\x02\x00\xfd\xff\xff\xfe\x00");
    assert_eq!(inflated(&[wrong], 99).1, Some(Failure::Text));
}

#[test]
fn inflating_stops_at_the_limit() {
    let settings = DeflateSettings {
        threshold: 0,
        ..DeflateSettings::default()
    };
    let (server, client) = agreed(&settings);
    let bomb = compressed(client, &vec![0; 1 << 20]);
    assert!(bomb.len() < 2048);
    let hear_with = |limit| {
        hear(
            &mut server_of(limit, Some(server)).receiver,
            [bomb.as_slice()],
        )
    };
    assert_eq!(hear_with(1 << 20).0, [Kept::Binary(vec![0; 1 << 20])]);
    for limit in [(1 << 20) - 1, 1 << 16, 1] {
        assert_eq!(hear_with(limit).1, Some(Failure::TooLarge(limit)));
    }
    assert_eq!(hear_with(usize::MAX).0.len(), 1);
}

/// A client's compressed frame.
fn compressed(deflate: rgunicorn_websocket::Deflate, payload: &[u8]) -> Vec<u8> {
    let settings = SessionSettings {
        deflate: Some(deflate),
        ..SessionSettings::default()
    };
    let mut client = Session::new(Role::Client { seed: 7 }, &settings);
    let mut out = Vec::new();
    client
        .sender
        .message(Message::Binary(payload), &mut out)
        .unwrap();
    out
}

#[test]
fn messages_are_sent_as_one_frame_of_the_shortest_form() {
    let mut sender = server().sender;
    for length in [0, 5, 125, 126, 65535, 65536] {
        let payload = vec![b'x'; length];
        let mut out = b"before".to_vec();
        sender.message(Message::Binary(&payload), &mut out).unwrap();
        assert_eq!(out, [b"before".to_vec(), unmasked(0x82, &payload)].concat());
        out.clear();
        let text = str::from_utf8(&payload).unwrap();
        assert_eq!(
            sender.message_head(Message::Text(text), &mut out),
            Ok(Rest::Payload)
        );
        out.extend_from_slice(&payload);
        assert_eq!(out, unmasked(0x81, &payload));
    }
}

#[test]
fn messages_below_the_threshold_are_not_compressed() {
    let (deflate, _) = agreed(&DeflateSettings {
        threshold: 10,
        ..DeflateSettings::default()
    });
    let mut sender = server_of(99, Some(deflate)).sender;
    let mut first_byte = |text: &str| {
        let mut out = Vec::new();
        let rest = sender.message_head(Message::Text(text), &mut out).unwrap();
        (out[0], rest)
    };
    assert_eq!(first_byte("123456789"), (0x81, Rest::Payload));
    assert_eq!(first_byte("1234567890"), (0xc1, Rest::Nothing));
}

#[test]
fn a_session_that_rested_is_still_understood() {
    let settings = DeflateSettings {
        threshold: 0,
        ..DeflateSettings::default()
    };
    let (deflate, agreed) = agreed(&settings);
    let mut sender = server_of(99, Some(deflate)).sender;
    let settings = SessionSettings {
        deflate: Some(agreed),
        ..SessionSettings::default()
    };
    let mut client = Session::new(Role::Client { seed: 1 }, &settings);
    let mut lengths = Vec::new();
    for rest in [false, false, true] {
        if rest {
            sender.rest();
        }
        let mut out = Vec::new();
        sender
            .message(Message::Text("the same again"), &mut out)
            .unwrap();
        lengths.push(out.len());
        let heard = hear(&mut client.receiver, [out.as_slice()]);
        assert_eq!(heard, (vec![Kept::text("the same again")], None));
    }
    assert!(
        lengths[1] < lengths[0] && lengths[2] == lengths[0],
        "{lengths:?}"
    );
}

#[test]
fn control_frames_are_sent_with_what_fits_them() {
    let mut sender = server().sender;
    let mut out = Vec::new();
    sender.ping(b"beat", &mut out);
    sender.pong(&[1; 200], &mut out);
    assert_eq!(
        out,
        [unmasked(0x89, b"beat"), unmasked(0x8a, &[1; 125])].concat()
    );
}

#[test]
fn a_reason_is_cut_between_characters() {
    let mut out = Vec::new();
    server()
        .sender
        .close(CloseCode::NORMAL, &"é".repeat(70), &mut out);
    let reason = "é".repeat(61); // 122 of the 123 bytes
    assert_eq!(
        out,
        unmasked(0x88, &[b"\x03\xe8", reason.as_bytes()].concat())
    );
}

#[test]
fn nothing_follows_a_close_frame() {
    let mut sender = server().sender;
    let mut out = Vec::new();
    sender.close(CloseCode::GOING_AWAY, "", &mut out);
    assert!(sender.is_closing());
    sender.ping(b"", &mut out);
    sender.pong(b"", &mut out);
    sender.close(CloseCode::NORMAL, "", &mut out);
    sender.fail(&Failure::Text, &mut out);
    let close = Close {
        code: Some(CloseCode::GOING_AWAY),
        reason: "",
    };
    sender.answer(close, &mut out);
    assert_eq!(
        sender.message(Message::Text("x"), &mut out),
        Err(AlreadyClosing)
    );
    assert_eq!(out, unmasked(0x88, b"\x03\xe9"));
}

#[test]
fn a_close_frame_is_answered_with_its_code() {
    for (code, expected) in [(CloseCode::new(4321), &b"\x10\xe1"[..]), (None, b"")] {
        let mut out = Vec::new();
        let reason = "why";
        server().sender.answer(Close { code, reason }, &mut out);
        assert_eq!(out, unmasked(0x88, expected));
    }
}

#[test]
fn a_failure_is_told_to_the_peer() {
    let mut out = Vec::new();
    server().sender.fail(&Failure::Text, &mut out);
    assert_eq!(out, unmasked(0x88, b"\x03\xefinvalid UTF-8"));
}

/// How `frames`, said so many times to one receiver, end.
fn after(first: &[u8], again: &[Vec<u8>], times: usize) -> Option<Failure> {
    let mut receiver = deflating_server(1 << 20).receiver;
    let again = again.concat();
    let pieces = std::iter::repeat_n(again.as_slice(), times);
    hear(&mut receiver, std::iter::once(first).chain(pieces)).1
}

#[test]
fn a_flood_is_told_from_what_heavy_talkers_do() {
    let (begin, ping) = (masked(0x02, b""), masked(0x89, b"?"));
    let small = [masked(0x81, b"x"), masked(0x82, b"")];
    let around = [masked(0x02, b"a"), ping.clone(), masked(0x80, b"")];
    let rows = [
        ("pings", &b""[..], vec![ping.clone()], 19_999, None),
        ("pings", b"", vec![ping], 20_001, Some(Failure::Flood)),
        (
            "pongs",
            b"",
            vec![masked(0x8a, b"")],
            99_999,
            Some(Failure::Flood),
        ),
        (
            "empty fragments",
            &begin,
            vec![masked(0x00, b"")],
            99_999,
            Some(Failure::Flood),
        ),
        (
            "empty fragments of a compressed message",
            &masked(0x42, b""),
            vec![masked(0x00, b"")],
            99_999,
            Some(Failure::Flood),
        ),
        ("small messages", b"", small.to_vec(), 99_999, None),
        (
            "one byte at a time",
            &begin,
            vec![masked(0x00, b"x")],
            99_999,
            None,
        ),
        ("pings in messages", b"", around.to_vec(), 99_999, None),
    ];
    for (name, first, again, times, expected) in rows {
        assert_eq!(after(first, &again, times), expected, "{name}");
    }
}

#[test]
fn time_makes_up_for_pings() {
    let mut receiver = server().receiver;
    let thousand = masked(0x89, b"?").repeat(1000);
    for _ in 0..99 {
        receiver.forgive(1);
        assert_eq!(hear(&mut receiver, [thousand.as_slice()]).1, None);
    }
}

#[test]
fn compressed_data_that_says_nothing_has_an_end() {
    // A block without a byte, and its flush (RFC 1951 section 3.2.4).
    let nothing = [0, 0, 0, 0xff, 0xff].repeat(100);
    let first = masked(0x42, &nothing);
    let limit = 1000;
    let bytes = [first, masked(0x00, &nothing).repeat(20)].concat();
    let (_, failure) = hear(&mut deflating_server(limit).receiver, [bytes.as_slice()]);
    assert_eq!(failure, Some(Failure::TooLarge(limit)));
    // However wastefully it was compressed, what is not too large is heard.
    let mut wasteful = masked(0x42, &nothing[..5]);
    for byte in 0..limit {
        let stored = [0, 1, 0, 0xfe, 0xff, byte as u8];
        wasteful.extend(masked(0x00, &stored));
    }
    wasteful.extend(masked(0x80, &[0])); // the beginning of the last flush
    let (events, failure) = hear(&mut deflating_server(limit).receiver, [wasteful.as_slice()]);
    assert_eq!((events.len(), failure), (1, None));
}
