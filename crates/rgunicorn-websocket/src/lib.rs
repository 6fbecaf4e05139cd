//! WebSocket as a protocol: bytes in, messages out, and back (RFC 6455, 7692 and 8441).
//!
//! No sockets, no clock, no Python. [`Handshake`] reads the request and writes the answer's fields;
//! what it agreed on makes a [`Session`], two halves that know nothing of each other: a
//! [`Receiver`] turns the peer's bytes into [`Event`]s, and a [`Sender`] turns messages into bytes.
//!
//! ```
//! use rgunicorn_websocket::Event;
//! use rgunicorn_websocket::Role;
//! use rgunicorn_websocket::Session;
//! use rgunicorn_websocket::SessionSettings;
//!
//! let Session { mut receiver, mut sender } = Session::new(Role::Server, &SessionSettings::default());
//! let mut output = Vec::new();
//! let mut bytes = *b"\x81\x85\0\0\0\0hello";
//! let mut input = &mut bytes[..]; // is used up; what is left of a frame is kept by the receiver
//! loop {
//!     match receiver.receive(&mut input) {
//!         Ok(None) => break, // more bytes are needed
//!         Ok(Some(Event::Message(message))) => sender.message(message, &mut output).unwrap(),
//!         Ok(Some(Event::Ping(payload))) => sender.pong(payload, &mut output),
//!         Ok(Some(Event::Pong(_))) => {}
//!         Ok(Some(Event::Close(close))) => sender.answer(close, &mut output),
//!         Err(failure) => sender.fail(&failure, &mut output),
//!     }
//! }
//! assert_eq!(output, b"\x81\x05hello");
//! ```
//!
//! Modules are listed in reading order, and each imports only those below it.
#![forbid(unsafe_code)]

mod handshake;
mod session;
mod receiver;
mod sender;
mod settings;
mod deflate;
mod inflate;
mod negotiation;
mod extension;
mod heard;
mod gathered;
mod allowance;
mod frame;
mod event;
mod text;
mod failure;
mod close;
mod mask;

pub use close::CloseCode;
pub use event::Close;
pub use event::Event;
pub use event::Kind;
pub use event::Message;
pub use failure::Failure;
pub use frame::LONGEST_CONTROL;
pub use frame::LONGEST_HEAD;
pub use handshake::Acceptance;
pub use handshake::Carrier;
pub use handshake::Handshake;
pub use handshake::Refusal;
pub use handshake::accept_key;
pub use handshake::is_websocket;
pub use heard::Heard;
pub use mask::apply_mask;
pub use negotiation::Deflate;
pub use negotiation::DeflateSettings;
pub use negotiation::Level;
pub use negotiation::MemoryLevel;
pub use negotiation::Takeover;
pub use negotiation::WindowBits;
pub use receiver::Large;
pub use receiver::Receiver;
pub use sender::AlreadyClosing;
pub use sender::Rest;
pub use sender::Sender;
pub use session::Session;
pub use settings::Role;
pub use settings::SessionSettings;
