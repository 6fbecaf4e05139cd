//! Large messages that the caller takes itself, as tables of bytes.

use rgunicorn_websocket::DeflateSettings;
use rgunicorn_websocket::Event;
use rgunicorn_websocket::Failure;
use rgunicorn_websocket::Heard;
use rgunicorn_websocket::Kind;
use rgunicorn_websocket::Large;
use rgunicorn_websocket::Message;
use rgunicorn_websocket::Receiver;
use rgunicorn_websocket::Role;
use rgunicorn_websocket::Session;
use rgunicorn_websocket::SessionSettings;
use rgunicorn_websocket::apply_mask;

mod peer;

use peer::agreed;
use peer::hear;
use peer::masked;
use peer::server;
use peer::server_of;
use peer::unmasked;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What `receiver` makes of the begin of `bytes`, and how many it used.
fn begun(receiver: &mut Receiver, bytes: &[u8]) -> (Option<Large>, usize) {
    let mut bytes = bytes.to_vec();
    let mut input = bytes.as_mut_slice();
    let large = receiver.begin_large(&mut input, |_, _| true);
    let left = input.len();
    (large, bytes.len() - left)
}

#[test]
fn the_head_is_used_and_the_payload_left() {
    for (first, kind) in [(0x81, Kind::Text), (0x82, Kind::Binary)] {
        for (length, head) in [(126, 8), (65535, 8), (65536, 14), (1 << 20, 14)] {
            let bytes = masked(first, &vec![b'a'; length]);
            for there in [0, 1, length] {
                let large = Large {
                    kind,
                    length,
                    mask: MASK,
                };
                let mut receiver = server().receiver;
                assert_eq!(
                    begun(&mut receiver, &bytes[..head + there]),
                    (Some(large), head)
                );
            }
        }
    }
}

#[test]
fn who_does_not_want_it_receives_it_as_ever() {
    let mut bytes = masked(0x82, &[7; 300]);
    let mut receiver = server().receiver;
    let mut input = &mut bytes[..200];
    let mut asked = None;
    let large = receiver.begin_large(&mut input, |large, there| {
        asked = Some((large.length, there));
        false
    });
    assert_eq!((large, asked, input.len()), (None, Some((300, 192)), 200));
    assert_eq!(receiver.receive(&mut input), Ok(None));
    let mut input = &mut bytes[200..];
    assert_eq!(
        receiver.receive(&mut input),
        Ok(Some(Event::Message(Message::Binary(&[7; 300]))))
    );
}

#[test]
fn all_else_is_left_to_receive() {
    let payload = [b'a'; 300];
    let long_ping = masked(0x89, &payload);
    let rows = [
        ("small", masked(0x82, &payload[..125])),
        ("empty", Vec::new()),
        ("cut head", masked(0x82, &payload)[..7].to_vec()),
        ("first fragment", masked(0x02, &payload)),
        ("continuation", masked(0x80, &payload)),
        ("reserved bits", masked(0xc2, &payload)),
        ("control", long_ping),
        ("reserved opcode", masked(0x83, &payload)),
        ("not masked", unmasked(0x82, &payload)),
        ("too large", masked(0x82, &[0; 2000])),
    ];
    for (name, bytes) in rows {
        let mut receiver = server_of(1000, None).receiver;
        assert_eq!(begun(&mut receiver, &bytes), (None, 0), "{name}");
    }
    let deflate = agreed(&DeflateSettings::default()).0;
    let mut receiver = server_of(1000, Some(deflate)).receiver;
    assert_eq!(begun(&mut receiver, &masked(0xc1, &payload)), (None, 0));
}

#[test]
fn within_another_message_or_frame_or_after_the_end_there_is_none() {
    let large = masked(0x82, &[7; 300]);
    for before in [
        masked(0x01, b"a fragment"),
        masked(0x82, b"cut")[..7].to_vec(),
        masked(0x89, b"cut")[..7].to_vec(),
        masked(0x82, b"cut head")[..1].to_vec(),
        masked(0x88, b""),
    ] {
        let mut receiver = server().receiver;
        let (_, failure) = hear(&mut receiver, [before.as_slice()]);
        assert_eq!(failure, None);
        assert_eq!(begun(&mut receiver, &large), (None, 0), "{before:?}");
    }
}

#[test]
fn a_client_takes_what_is_not_masked() {
    let mut client = Session::new(Role::Client { seed: 1 }, &SessionSettings::default()).receiver;
    let (large, used) = begun(&mut client, &unmasked(0x82, &[7; 300]));
    assert_eq!((large.unwrap().mask, used), ([0; 4], 4));
    assert_eq!(begun(&mut client, &masked(0x82, &[7; 300])), (None, 0));
}

#[test]
fn the_mask_can_be_taken_off_in_parts() {
    let payload: Vec<u8> = (0..=255).cycle().take(700).collect();
    let mut bytes = masked(0x82, &payload);
    let (large, head) = begun(&mut server().receiver, &bytes);
    let large = large.unwrap();
    for cut in 0..9 {
        let mut masked = bytes.split_off(head);
        let (first, second) = masked.split_at_mut(cut);
        apply_mask(first, large.mask);
        apply_mask(second, large.mask_after(cut));
        assert_eq!(masked, payload);
        apply_mask(&mut masked, large.mask);
        bytes.extend(masked);
    }
}

#[test]
fn what_follows_it_is_heard_unless_it_was_refused() {
    let next = masked(0x82, b"next");
    for (text, end) in [("a".repeat(300), Ok(300)), ("é".repeat(150), Ok(300))] {
        let mut receiver = server().receiver;
        let mut bytes = masked(0x81, text.as_bytes());
        let (large, head) = begun(&mut receiver, &bytes);
        let ended = receiver.end_large(&large.unwrap(), &mut bytes[head..], |heard| {
            assert_eq!(heard.kind(), Kind::Text);
            heard.message().map(|message| message.payload().len())
        });
        assert_eq!(ended, end);
        assert_eq!(hear(&mut receiver, [next.as_slice()]).0.len(), 1);
    }
    let mut receiver = server().receiver;
    let mut bytes = masked(0x81, &[0xff; 300]);
    let (large, head) = begun(&mut receiver, &bytes);
    let message = |heard: Heard<'_>| heard.message().map(|message| message.kind());
    let ended = receiver.end_large(&large.unwrap(), &mut bytes[head..], message);
    assert_eq!(ended, Err(Failure::Text));
    assert!(receiver.has_ended());
    assert_eq!(hear(&mut receiver, [next.as_slice()]), (Vec::new(), None));
}
