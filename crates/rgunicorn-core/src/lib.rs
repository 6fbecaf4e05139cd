//! HTTP for a Python application server, without any Python in it.
//!
//! The story of one request: [`accept`] takes a socket and gives it a
//! [`connection`]; the worker's one [`turn`] loop reads every ready connection,
//! lets each parse what it has ([`parser`]) and call the application through
//! the one seam, [`app::App`]; the answer collects in an [`exchange`], and the
//! same turn writes it out. Nothing here is `Send`: a worker is one thread.
//!
//! Modules are listed in reading order, and each imports only those below it.
#![forbid(unsafe_code)]

pub mod server;
mod turn;
mod accept;
mod client;
mod http2;
mod connection;
mod input;
mod pace;
mod state;
mod encode;
pub mod app;
pub mod request;
pub mod responder;
pub mod exchange;
pub mod tunnel;
pub mod chunk;
mod refusal_log;
pub mod access_log;
pub mod response;
pub mod fields;
pub mod spool;
pub mod frames;
mod stream;
mod outgoing;
pub mod file;
pub mod socket;
mod farewell;
mod ready;
mod clock;
pub mod settings;
pub mod tls;
pub mod proxy;
pub mod proxy_protocol;
pub mod endpoint;
pub mod parser;
pub mod listen;
pub mod error;
