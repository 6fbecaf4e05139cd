//! PEP 3333: environ, start_response and the response iterable over the core's exchanges.
//!
//! One request, file by file: [`app`] is called with a parsed request and its
//! whole body, on the worker's own thread, or [`pool`] hands it to another.
//! There [`application`] builds the [`environ`], calls the application, and
//! [`respond`] takes what it returned through [`reply`] and a [`port`] to the
//! exchange. The objects that the application holds meanwhile are [`reply`]
//! (its `start_response`), [`input`], [`errors`] and [`file_wrapper`].

pub mod app;
pub mod pool;
mod threads;
mod queue;
mod application;
mod misdirected;
mod hooks;
mod respond;
mod environ;
mod tls;
mod early_hints;
mod client_socket;
mod present;
mod starter;
mod reply;
mod record;
mod promptness;
mod port;
mod inline;
mod pooled;
mod mailbox;
mod sent;
mod head;
mod asked;
mod field_name;
mod input;
mod source;
mod file_wrapper;
mod errors;
mod text;
pub mod settings;
