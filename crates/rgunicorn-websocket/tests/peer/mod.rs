//! The other side of a session: frames as bytes, and events that can be kept.
#![allow(dead_code, reason = "each test file uses some of it")]

use rgunicorn_websocket::Carrier;
use rgunicorn_websocket::Deflate;
use rgunicorn_websocket::DeflateSettings;
use rgunicorn_websocket::Event;
use rgunicorn_websocket::Failure;
use rgunicorn_websocket::Handshake;
use rgunicorn_websocket::Message;
use rgunicorn_websocket::Receiver;
use rgunicorn_websocket::Role;
use rgunicorn_websocket::Session;
use rgunicorn_websocket::SessionSettings;
use rgunicorn_websocket::apply_mask;

/// An event that outlives the input.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Kept {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

impl From<Event<'_>> for Kept {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(Message::Text(text)) => Self::Text(text.to_owned()),
            Event::Message(Message::Binary(bytes)) => Self::Binary(bytes.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close(close) => Self::Close(close.number(), close.reason.to_owned()),
        }
    }
}

impl Kept {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(crate) fn message(&self) -> Option<Message<'_>> {
        match self {
            Self::Text(text) => Some(Message::Text(text)),
            Self::Binary(bytes) => Some(Message::Binary(bytes)),
            _ => None,
        }
    }
}

/// Everything that `pieces` say, and how it ended.
pub(crate) fn hear<'a>(
    receiver: &mut Receiver,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Kept>, Option<Failure>) {
    let mut events = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = piece.as_mut_slice();
        loop {
            match receiver.receive(&mut input) {
                Ok(Some(event)) => events.push(event.into()),
                Ok(None) => break,
                Err(failure) => return (events, Some(failure)),
            }
        }
        assert!(input.is_empty(), "all of the input is used");
    }
    (events, None)
}

/// A frame whose first byte is `first`, with a mask.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = head(first, 0x80, payload.len());
    frame.extend_from_slice(&mask);
    let start = frame.len();
    frame.extend_from_slice(payload);
    apply_mask(&mut frame[start..], mask);
    frame
}

/// A frame whose first byte is `first`, without a mask.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, 0, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn head(first: u8, second: u8, length: usize) -> Vec<u8> {
    match length {
        0..=125 => vec![first, second | length as u8],
        126..=0xffff => [&[first, second | 126], &(length as u16).to_be_bytes()[..]].concat(),
        _ => [&[first, second | 127], &(length as u64).to_be_bytes()[..]].concat(),
    }
}

pub(crate) fn server() -> Session {
    Session::new(Role::Server, &SessionSettings::default())
}

pub(crate) fn server_of(max_message_size: usize, deflate: Option<Deflate>) -> Session {
    let settings = SessionSettings {
        max_message_size,
        deflate,
    };
    Session::new(Role::Server, &settings)
}

/// What a server and a client have agreed on who both want `settings`.
pub(crate) fn agreed(settings: &DeflateSettings) -> (Deflate, Deflate) {
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
