//! The listening sockets of the master: opened or inherited before the first fork, changed by a reload,
//! handed to workers and to the next master.

use std::fmt;
use std::os::fd::AsRawFd;
use std::os::fd::RawFd;

use pyo3::prelude::*;
use rgunicorn_core::listen::Bind;
use rgunicorn_core::listen::ListenError;
use rgunicorn_core::listen::Listener;
use rgunicorn_core::listen::Reserved;
use rgunicorn_core::listen::Socket;
use rgunicorn_core::request::Scheme;
use rgunicorn_supervisor::Giver;
use rgunicorn_supervisor::Inheritance;
use rgunicorn_supervisor::Others;

use super::opening;
use super::opening::Patience;
use crate::config::Config;
use crate::failure::Failure;

/// The addresses, each with the setting it was opened for.
pub(super) struct Sockets {
    places: Vec<(Bind, Place)>,
    giver: Giver,
    sharing: Sharing,
    scheme: Scheme,
}

/// How an address is held.
pub(super) enum Place {
    /// By a socket that listens, and that all workers share.
    Shared(Listener),
    /// By one that does not; each worker opens its own.
    Reserved(Reserved),
}

/// Whether workers share their listening sockets. For the life of the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sharing {
    Together,
    ByPort,
}

impl Sockets {
    /// Takes over what this process inherited, and opens what else `config` names. What fails is logged.
    pub(super) fn open(
        py: Python<'_>,
        config: &Config,
        inheritance: Inheritance,
    ) -> Result<Self, Failure> {
        let giver = inheritance.giver();
        let inherited = opening::inherited(inheritance)?;
        let mut sockets = Self {
            places: Vec::new(),
            giver,
            scheme: config.scheme(),
            sharing: match config.process.reuse_port {
                true => Sharing::ByPort,
                false => Sharing::Together,
            },
        };
        match giver {
            // They are what systemd was told to open, whatever `bind` says.
            Giver::ServiceManager => {
                let place = |listener: Listener| (number(&listener), Place::Shared(listener));
                sockets.places = inherited.into_iter().map(place).collect();
            }
            Giver::Nobody | Giver::Predecessor => {
                let known = opening::match_up(&config.bind, inherited);
                sockets.places = sockets.complete(py, config, known, Patience::Some)?;
            }
        }
        Ok(sockets)
    }

    /// Opens what `config` names and was not open, and closes what it no longer names. Changes
    /// nothing, and does not wait, if an address cannot be opened.
    pub(super) fn rebind(&mut self, py: Python<'_>, config: &Config) -> Result<(), Failure> {
        if self.giver == Giver::ServiceManager {
            return Ok(());
        }
        let is_new = |bind: &&Bind| !self.places.iter().any(|(open, _)| open == *bind);
        let new: Vec<Bind> = config.bind.iter().filter(is_new).cloned().collect();
        let is_changed =
            !new.is_empty() || self.places.iter().any(|(b, _)| !config.bind.contains(b));
        let new = new.into_iter().map(|bind| (bind, None));
        let new = self.complete(py, config, new, Patience::None)?;
        self.scheme = config.scheme();
        let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut self.places)
            .into_iter()
            .partition(|(bind, _)| config.bind.contains(bind));
        remove_files(&dropped);
        self.places = kept;
        self.places.extend(new);
        if is_changed {
            tracing::info!("Listening at: {} ({})", self, std::process::id());
        }
        Ok(())
    }

    /// Opens what is missing of `known`. Leaves no file behind where one cannot be opened.
    fn complete(
        &self,
        py: Python<'_>,
        config: &Config,
        known: impl IntoIterator<Item = (Bind, Option<Listener>)>,
        patience: Patience,
    ) -> Result<Vec<(Bind, Place)>, Failure> {
        let (mut places, mut opened) = (Vec::new(), Vec::new());
        for (bind, listener) in known {
            let place = match listener {
                Some(listener) => Place::Shared(listener),
                None => match opening::open(py, &bind, self.sharing, config, patience) {
                    Ok(place) => {
                        opened.push(places.len());
                        place
                    }
                    Err(failure) => {
                        remove_files(opened.into_iter().map(|position| &places[position]));
                        return Err(failure);
                    }
                },
            };
            places.push((bind, place));
        }
        Ok(places)
    }

    /// Closes all, and removes the files of unix sockets that nobody else needs.
    pub(super) fn close(&mut self, others: Others) {
        let closed = std::mem::take(&mut self.places);
        if others == Others::None && self.giver != Giver::ServiceManager {
            remove_files(&closed);
        }
    }

    /// The open sockets that this process listens on itself.
    pub(super) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.places.iter().filter_map(|(_, place)| match place {
            Place::Shared(listener) => Some(listener),
            Place::Reserved(_) => None,
        })
    }

    /// The sockets of a worker. What only root can open must be opened now.
    pub(super) fn into_listeners(self, backlog: u32) -> Result<Vec<Listener>, ListenError> {
        let listener = |(_, place)| match place {
            Place::Shared(listener) => Ok(listener),
            Place::Reserved(reserved) => reserved.open(backlog),
        };
        self.places.into_iter().map(listener).collect()
    }

    /// In a process that is about to become another master: lets the sockets through to it, and returns the
    /// variables that say so.
    pub(super) fn hand_over(&self, py: Python<'_>) -> PyResult<Vec<(&'static str, String)>> {
        let os = py.import("os")?;
        let mut numbers = Vec::new();
        for (_, place) in &self.places {
            if let Place::Shared(listener) = place {
                let fd = descriptor(listener);
                os.call_method1("set_inheritable", (fd, true))?;
                numbers.push(fd.to_string());
            }
        }
        Ok(match self.giver {
            // Under the numbers that systemd chose: they were taken over as they are.
            Giver::ServiceManager => vec![
                ("LISTEN_PID", std::process::id().to_string()),
                ("LISTEN_FDS", numbers.len().to_string()),
            ],
            Giver::Nobody | Giver::Predecessor => vec![("GUNICORN_FD", numbers.join(","))],
        })
    }
}

/// The addresses, as gunicorn lists them.
impl fmt::Display for Sockets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (_, place)) in self.places.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let address = match place {
                Place::Shared(listener) => listener.address(),
                Place::Reserved(reserved) => reserved.address(),
            };
            write!(out, "{comma}{}", self.scheme.of_address(&address))?;
        }
        Ok(())
    }
}

fn remove_files<'a>(places: impl IntoIterator<Item = &'a (Bind, Place)>) {
    for (_, place) in places {
        if let Place::Shared(listener) = place {
            listener.unlink();
        }
    }
}

fn number(listener: &Listener) -> Bind {
    Bind::Fd(descriptor(listener))
}

fn descriptor(listener: &Listener) -> RawFd {
    match listener.socket() {
        Socket::Tcp(socket) => socket.as_raw_fd(),
        Socket::Unix(socket) => socket.as_raw_fd(),
    }
}
