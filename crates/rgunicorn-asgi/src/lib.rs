//! ASGI 3: scope, receive, send and lifespan over the core's exchanges.
//!
//! One request, file by file: [`app`] is called with a parsed request,
//! [`scope`] turns it into a dict, the application runs, and what it sends and
//! receives goes through [`callables`], [`message`] and [`extension`]. When its task ends,
//! [`outcome`] decides what that means for the exchange. A request for a WebSocket
//! goes to [`websocket`] instead.

pub mod app;
pub mod lifespan;
mod websocket;
pub mod outcome;
mod callables;
mod waiting;
mod call;
mod awaited;
mod hooks;
mod scope;
mod extension;
mod tls;
mod message;
pub mod names;
pub mod settings;
pub mod error;
