//! What is said of clients by their frames.

use super::*;

fn frame_on(stream: u32, kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// On stream 1, if it is of a stream.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let is_of_connection = matches!(kind, 4 | 6 | 7);
    frame_on(u32::from(!is_of_connection), kind, flags, payload)
}

/// Frames, and how often each comes.
type Pieces<'a> = &'a [(Vec<u8>, usize)];

/// What was made of them, behind the preface and a request that has not ended.
fn after(pieces: Pieces<'_>) -> Frames {
    let mut frames = Frames::new();
    frames.take(&[b'x'; PREFACE_LENGTH]);
    frames.take(&frame(4, 0, &[0, 1, 0, 0, 0, 0]));
    frames.take(&frame(1, 4, b"request"));
    for (bytes, times) in pieces {
        for _ in 0..*times {
            frames.take(bytes);
        }
    }
    frames
}

#[test]
fn a_flood_is_told_from_what_clients_do() {
    let ping = frame(6, 0, &[0; 8]);
    let rows: [(&str, Pieces<'_>, Option<Offence>); 9] = [
        ("pings", &[(ping.clone(), 999)], None),
        (
            "a flood of pings",
            &[(ping.clone(), 1000)],
            Some(Offence::Idle),
        ),
        ("pongs", &[(frame(6, 1, &[0; 8]), 9999)], None),
        (
            "resets",
            &[(frame(3, 0, &[0; 4]), 200)],
            Some(Offence::Resets),
        ),
        ("settings", &[(frame(4, 0, &[]), 1000)], Some(Offence::Idle)),
        (
            "empty data",
            &[(frame(0, 0, &[]), 1000)],
            Some(Offence::Idle),
        ),
        ("a body", &[(frame(0, 0, &[1; 100]), 9999)], None),
        (
            "priorities",
            &[(frame(2, 0, &[0; 5]), 1000)],
            Some(Offence::Idle),
        ),
        ("unknown", &[(frame(99, 0, &[]), 1000)], Some(Offence::Idle)),
    ];
    for (name, pieces, expected) in rows {
        assert_eq!(after(pieces).verdict(), expected, "{name}");
    }
}

#[test]
fn requests_pay_for_their_priorities() {
    let mut frames = after(&[]);
    for number in 1..9999 {
        let stream = 2 * number + 1;
        frames.take(&frame_on(stream, 1, 4, b"request"));
        frames.take(&frame_on(stream, 2, 0, &[0; 5]));
        frames.take(&frame_on(stream, 0, 1, &[]));
    }
    assert_eq!(frames.verdict(), None);
}

#[test]
fn an_allowance_grows_with_time_and_with_what_was_sent() {
    let update = frame(8, 0, &[0, 0, 0, 1]);
    let mut frames = after(&[(update.clone(), 999)]);
    frames.take(&update[..8]);
    assert_eq!(
        frames.verdict(),
        None,
        "a frame counts once its header is there"
    );
    frames.take(&update[8..]);
    frames.forgive();
    frames.credit(100 * 512, 0);
    for _ in 0..149 {
        frames.take(&update);
    }
    assert_eq!(frames.verdict(), None);
}

#[test]
fn each_frame_that_was_sent_may_be_acknowledged_twice() {
    let update = frame(8, 0, &[0, 0, 0, 1]);
    let mut frames = after(&[(update.clone(), 999)]);
    for _ in 0..9999 {
        frames.credit(12, 1);
        frames.take(&update);
        frames.take(&update);
        assert_eq!(frames.verdict(), None);
    }
    frames.credit(12 * 9999, 9999); // many of them at once
    for _ in 0..2 * 9999 {
        frames.take(&update);
    }
    assert_eq!(frames.verdict(), None);
    frames.take(&frame(6, 0, &[0; 8])); // and nothing else for it
    assert_eq!(
        frames.verdict(),
        None,
        "the bytes that were sent allow for some"
    );
    for _ in 0..999 {
        frames.take(&update);
    }
    assert_eq!(frames.verdict(), Some(Offence::Idle));
}

/// What is wrong at the beginning of a frame, or at its first bytes.
const WRONG: [(u32, u8, u8, &[u8], Breach); 41] = [
    (0, 0, 0, b"x", Breach::Stream),
    (0, 1, 5, b"x", Breach::Stream),
    (0, 2, 0, &[0; 5], Breach::Stream),
    (0, 3, 0, &[0; 4], Breach::Stream),
    (0, 5, 4, &[0; 4], Breach::Stream),
    (1, 4, 0, &[], Breach::Stream),
    (1, 4, 1, &[], Breach::Stream),
    (1, 6, 0, &[0; 8], Breach::Stream),
    (1, 7, 0, &[0; 8], Breach::Stream),
    (1, 2, 0, &[0; 4], Breach::Length),
    (1, 2, 0, &[0; 6], Breach::Length),
    (1, 3, 0, &[0; 3], Breach::Length),
    (1, 3, 0, &[0; 5], Breach::Length),
    (0, 4, 0, &[0; 5], Breach::Length),
    (0, 4, 1, &[0; 6], Breach::Length),
    (0, 6, 0, &[0; 7], Breach::Length),
    (0, 6, 1, &[0; 9], Breach::Length),
    (0, 7, 0, &[0; 7], Breach::Length),
    (1, 8, 0, &[0; 3], Breach::Length),
    (0, 8, 0, &[0; 5], Breach::Length),
    (1, 0, 8, &[], Breach::Length),
    (3, 1, 0xd, &[], Breach::Length),
    (3, 1, 0x25, &[0; 4], Breach::Length),
    (3, 1, 0x2d, &[0; 5], Breach::Length),
    (1, 0, 8, b"\x02x", Breach::Padding),
    (1, 0, 8, b"\x01", Breach::Padding),
    (3, 1, 0xd, b"\x02x", Breach::Padding),
    (3, 1, 0x2d, b"\x01\0\0\0\0\0", Breach::Padding),
    (1, 9, 4, b"x", Breach::Continuation),
    (1, 5, 4, &[0; 4], Breach::Push),
    (3, 0, 1, b"x", Breach::Idle),
    (3, 3, 0, &[0; 4], Breach::Idle),
    (3, 8, 0, &[0, 0, 0, 1], Breach::Idle),
    (2, 8, 0, &[0, 0, 0, 1], Breach::Idle),
    (2, 1, 5, b"x", Breach::Identifier),
    (1, 8, 0, &[0; 4], Breach::Increment),
    (0, 8, 0, &[0x80, 0, 0, 0], Breach::Increment),
    (0, 4, 0, &[0, 2, 0, 0, 0, 2], Breach::Setting),
    (0, 4, 0, &[0, 5, 0, 0, 0x3f, 0xff], Breach::Setting),
    (0, 4, 0, &[0, 5, 1, 0, 0, 0], Breach::Setting),
    (0, 4, 0, &[0, 4, 0x80, 0, 0, 0], Breach::InitialWindow),
];

#[test]
fn what_nobody_may_send_is_noticed_wherever_it_is_cut() {
    for (stream, kind, flags, payload, breach) in WRONG {
        let bytes = frame_on(stream, kind, flags, payload);
        for cut in 0..bytes.len() {
            let frames = after(&[(bytes[..cut].to_vec(), 1), (bytes[cut..].to_vec(), 1)]);
            let expected = Some(Offence::Breach(breach));
            assert_eq!(frames.verdict(), expected, "{bytes:?} cut at {cut}");
        }
    }
}

#[test]
fn what_is_unusual_is_not_wrong() {
    let rows: [(u32, u8, u8, &[u8]); 16] = [
        (1, 0, 8, b"\0"),
        (1, 0, 8, b"\x02xyz"),
        (1, 0, 0, &[]),
        (1, 1, 5, b""),
        (3, 1, 0xd, b"\x02xyz"),
        (3, 1, 0x2d, b"\x01\0\0\0\0\0x"),
        (99, 1, 5, b"x"),
        (4, 2, 0, &[0; 5]),
        (1, 3, 0, &[0; 4]),
        (0, 4, 1, &[]),
        (0, 4, 0, &[0, 99, 0xff, 0xff, 0xff, 0xff]),
        (0, 4, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]),
        (0, 4, 0, &[0, 5, 0, 0xff, 0xff, 0xff]),
        (0, 7, 0, &[0; 20]),
        (0, 8, 0, &[0x80, 0, 0, 1]),
        (7, 0xbe, 0xff, b"x"),
    ];
    for (stream, kind, flags, payload) in rows {
        let bytes = frame_on(stream, kind, flags, payload);
        assert_eq!(after(&[(bytes.clone(), 1)]).verdict(), None, "{bytes:?}");
    }
}

#[test]
fn the_first_frame_has_to_be_settings() {
    for (kind, flags) in [(6, 0), (4, 1), (8, 0), (99, 0)] {
        let mut frames = Frames::new();
        frames.take(&[b'x'; PREFACE_LENGTH]);
        frames.take(&frame(kind, flags, &[0; 8]));
        let expected = Some(Offence::Breach(Breach::Preface));
        assert_eq!(frames.verdict(), expected, "{kind}");
    }
}

#[test]
fn a_field_block_goes_on_or_ends_before_anything_else() {
    let begun = frame_on(3, 1, 1, b"part");
    let rows = [
        (frame_on(3, 9, 4, b"rest"), None),
        (frame_on(1, 9, 4, b"rest"), Some(Breach::Continuation)),
        (frame_on(0, 6, 0, &[0; 8]), Some(Breach::Continuation)),
        (frame_on(3, 99, 0, b""), Some(Breach::Continuation)),
    ];
    for (next, breach) in rows {
        let verdict = after(&[(begun.clone(), 1), (next.clone(), 1)]).verdict();
        assert_eq!(verdict, breach.map(Offence::Breach), "{next:?}");
    }
}

#[test]
fn trailers_have_no_pseudo_header_fields() {
    let path = b"\x44\x01/";
    let rows = [
        (frame(1, 5, path), Some(Breach::Trailers)),
        (frame(1, 5, b"\x00\x01x\x01y"), None),
        (frame(1, 5, b""), None),
        (
            [frame(1, 1, &path[..1]), frame(9, 4, &path[1..])].concat(),
            Some(Breach::Trailers),
        ),
        (
            [frame(1, 1, path), frame(9, 4, b"")].concat(),
            Some(Breach::Trailers),
        ),
        (frame(1, 0xd, b"\x02\x44\x01/xx"), Some(Breach::Trailers)),
        (
            frame(1, 0x2d, b"\x01\0\0\0\0\0\x44\x01/x"),
            Some(Breach::Trailers),
        ),
        (frame(1, 0xd, b"\x01\x00\x01x\x01y\x82"), None),
        (frame(1, 0xd, b"\x01\x82"), None),
        (frame(1, 0xd, b"\x00"), None),
        (frame_on(3, 1, 5, path), None),
    ];
    for (bytes, breach) in rows {
        for cut in 0..bytes.len() {
            let pieces = [(bytes[..cut].to_vec(), 1), (bytes[cut..].to_vec(), 1)];
            let verdict = after(&pieces).verdict();
            assert_eq!(verdict, breach.map(Offence::Breach), "{bytes:?} at {cut}");
        }
    }
}

#[test]
fn the_fields_of_trailers_are_counted_where_they_name_entries() {
    let rows: [(&[u8], Option<usize>); 3] = [
        (b"\xbe\x00\x01x\x01y", Some(2)),
        (b"\x00\x01x\x01y", None),
        (b"", None),
    ];
    for (block, expected) in rows {
        let mut frames = after(&[(frame(1, 5, block), 1)]);
        assert_eq!(frames.count_of_trailers(3), None);
        assert_eq!(frames.count_of_trailers(1), expected, "{block:x?}");
        assert_eq!(frames.count_of_trailers(1), None, "it is told once");
    }
}

#[test]
fn a_request_is_kept_once_all_of_it_is_there_and_nobody_has_it() {
    let bytes = [frame_on(3, 1, 1, b"be"), frame_on(3, 9, 4, b"gun")].concat();
    for cut in 0..bytes.len() {
        let mut frames = after(&[]);
        frames.take_kept();
        frames.take(&bytes[..cut]);
        assert_eq!(frames.take_kept(), [], "{cut}");
        frames.take(&bytes[cut..]);
        assert_eq!(frames.take_kept(), [3], "{cut}");
    }
    let mut frames = after(&[(bytes, 1)]);
    frames.note_handed(1);
    frames.note_handed(3);
    assert_eq!(frames.take_kept(), []);
}

#[test]
fn a_field_block_that_h2_cannot_read_is_found() {
    let good = frame_on(3, 1, 5, b"\x82\x86\x84\x41\x04test");
    let rows = [
        (frame_on(5, 1, 5, b"\x80"), true),
        (frame_on(5, 1, 5, b"\xff\xff\x01"), true),
        (frame_on(5, 1, 0xd, b"\x01\x80\0"), true),
        (frame_on(5, 1, 0x25, b"\0\0\0\0\0\x80"), true),
        (frame_on(5, 1, 5, b"\x00\x01X\x01y"), false),
        (
            [frame_on(5, 1, 1, b"\x00"), frame_on(5, 9, 4, b"\x01X\x01y")].concat(),
            false,
        ),
    ];
    for (bad, expected) in rows {
        let bytes = [good.clone(), bad].concat();
        let frames = after(&[(bytes.clone(), 1)]);
        assert_eq!(frames.ends_unreadable(&bytes), expected, "{bytes:?}");
    }
    let ping = frame(6, 0, &[0; 8]);
    assert!(!after(&[(ping.clone(), 1)]).ends_unreadable(&ping));
    assert!(!after(&[(good, 1)]).ends_unreadable(b""));
}

#[test]
fn only_settings_that_were_sent_are_acknowledged() {
    let acknowledgement = frame(4, 1, &[]);
    let mut frames = after(&[(acknowledgement.clone(), 1)]);
    frames.note_settings();
    frames.take(&acknowledgement);
    assert_eq!(frames.verdict(), None);
    frames.take(&acknowledgement);
    let expected = Some(Offence::Breach(Breach::Acknowledgement));
    assert_eq!(frames.verdict(), expected);
}

#[test]
fn the_request_of_an_upgrade_has_opened_the_first_stream() {
    let mut frames = Frames::new();
    frames.note_upgrade();
    frames.take(&[b'x'; PREFACE_LENGTH]);
    frames.take(&frame(4, 0, &[]));
    frames.take(&frame(8, 0, &[0, 0, 0, 1]));
    assert_eq!(frames.verdict(), None);
    frames.take(&frame(0, 0, b"x"));
    assert_eq!(frames.verdict(), Some(Offence::Breach(Breach::Closed)));
}

#[test]
fn settings_are_read_wherever_they_are_cut() {
    let mut bytes = vec![b'x'; PREFACE_LENGTH];
    let payload = [0, 2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 7, 0, 4, 0, 0, 0, 0];
    bytes.extend(frame(4, 0, &payload));
    bytes.extend(frame(1, 4, b"request"));
    for cut in 0..bytes.len() {
        let mut frames = Frames::new();
        frames.take(&bytes[..cut]);
        frames.take(&bytes[cut..]);
        let expected = Facts {
            takes_push: false,
            most_pushed: Some(7),
            requests: 1,
        };
        assert_eq!(frames.facts(), expected, "cut at {cut}");
        assert!(!frames.is_amid_fields());
    }
}

#[test]
fn fields_that_do_not_end_are_noticed() {
    let whole = frame_on(3, 1, 4, b"request");
    assert!(after(&[(whole[..12].to_vec(), 1)]).is_amid_fields());
    assert!(after(&[(frame_on(3, 1, 0, b"part"), 1)]).is_amid_fields());
    assert!(!after(&[(whole, 1)]).is_amid_fields());
    let data = frame(0, 0, b"part of a body");
    assert!(!after(&[(data[..12].to_vec(), 1)]).is_amid_fields());
}
