//! The listening sockets of the master: opened before the first fork, changed by a reload.

use std::fmt;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;

use pyo3::prelude::*;
use rgunicorn_core::listen::Bind;
use rgunicorn_core::listen::Listener;

use crate::config::Config;
use crate::failure::Failure;

/// How often an address in use is tried, a second apart: its last owner may be about to leave.
const ATTEMPTS: usize = 5;

/// The open sockets, each with the setting it was opened for.
#[derive(Default)]
pub(super) struct Sockets(Vec<(Bind, Listener)>);

impl Sockets {
    /// Opens all that `config` names. What fails is logged.
    pub(super) fn bind(py: Python<'_>, config: &Config) -> Result<Self, Failure> {
        let open = |bind: &Bind| Ok((bind.clone(), open(py, bind, config.backlog)?));
        config
            .bind
            .iter()
            .map(open)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Opens what `config` names and was not open, and closes what it no longer names. Changes
    /// nothing if an address cannot be opened.
    pub(super) fn rebind(&mut self, py: Python<'_>, config: &Config) -> Result<(), Failure> {
        let is_new = |bind: &&Bind| !self.0.iter().any(|(open, _)| open == *bind);
        let open = |bind: &Bind| Ok((bind.clone(), open(py, bind, config.backlog)?));
        let new = config
            .bind
            .iter()
            .filter(is_new)
            .map(open)
            .collect::<Result<Vec<_>, Failure>>()?;
        let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(bind, _)| config.bind.contains(bind));
        let changed = !new.is_empty() || !dropped.is_empty();
        Self(dropped).close();
        self.0 = kept.into_iter().chain(new).collect();
        if changed {
            tracing::info!("Listening at: {} ({})", self, std::process::id());
        }
        Ok(())
    }

    /// Closes all, and removes the files of unix sockets.
    pub(super) fn close(&mut self) {
        for (_, listener) in self.0.drain(..) {
            listener.unlink();
        }
    }

    /// The open sockets.
    pub(super) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.0.iter().map(|(_, listener)| listener)
    }

    /// Hands the sockets to a worker.
    pub(super) fn into_listeners(self) -> Vec<Listener> {
        self.0.into_iter().map(|(_, listener)| listener).collect()
    }
}

/// The addresses, as gunicorn lists them.
impl fmt::Display for Sockets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (_, listener)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(out, "{comma}{}", listener.address())?;
        }
        Ok(())
    }
}

fn open(py: Python<'_>, bind: &Bind, backlog: u32) -> Result<Listener, Failure> {
    if let Bind::Fd(number) = bind {
        return adopt(py, *number);
    }
    for attempt in 1..=ATTEMPTS {
        match Listener::bind(bind, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                tracing::error!("{error}");
                if !error.is_in_use() {
                    return Err(Failure::Bind);
                }
            }
        }
        if attempt < ATTEMPTS {
            tracing::error!("Retrying in 1 second.");
            // Python's sleep, because Ctrl-C ends it.
            py.import("time")?.call_method1("sleep", (1,))?;
        }
    }
    match bind {
        Bind::Tcp { host, port } => tracing::error!("Can't connect to ('{host}', {port})"),
        other => tracing::error!("Can't connect to {other}"),
    }
    Err(Failure::Bind)
}

/// Takes over a socket that whoever started this process left open under that number.
#[expect(unsafe_code, reason = "fd://N is a bare number")]
fn adopt(py: Python<'_>, number: RawFd) -> Result<Listener, Failure> {
    let own: RawFd = match py
        .import("os")?
        .call_method1("dup", (number,))
        .and_then(|fd| fd.extract())
    {
        Ok(own) => own,
        Err(error) => {
            tracing::error!("Can't listen on fd://{number}: {}", error.value(py));
            return Err(Failure::Bind);
        }
    };
    // SAFETY: `os.dup` has just made this descriptor, so it is open, and nobody else knows of it.
    let own = unsafe { OwnedFd::from_raw_fd(own) };
    let adopted = Listener::from_owned_fd(own).map_err(|error| {
        tracing::error!("Can't listen on fd://{number}: {error}");
        Failure::Bind
    })?;
    if number > 2 {
        // The socket must close when the listener does.
        py.import("os")?.call_method1("close", (number,))?;
    }
    Ok(adopted)
}
