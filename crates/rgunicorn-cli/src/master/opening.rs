//! How a listening socket comes to be: opened, or taken over.

use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;

use nix::sys::stat::umask;
use pyo3::prelude::*;
use rgunicorn_core::listen::Bind;
use rgunicorn_core::listen::ListenError;
use rgunicorn_core::listen::Listener;
use rgunicorn_core::listen::Reserved;
use rgunicorn_supervisor::Inheritance;

use super::sockets::Place;
use super::sockets::Sharing;
use crate::config::Config;
use crate::failure::Failure;

/// How often a start tries an address in use, a second apart.
const ATTEMPTS: usize = 5;

/// What to do about an address in use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Patience {
    /// To wait: its last owner may be about to leave.
    Some,
    /// To give up at once: the master has workers to look after.
    None,
}

/// The sockets that were open before this process was.
pub(super) fn inherited(inheritance: Inheritance) -> Result<Vec<Listener>, Failure> {
    let adopt = |fd| {
        Listener::from_owned_fd(fd).map_err(|error| {
            tracing::error!("Can't take over a socket: {error}");
            Failure::Bind
        })
    };
    inheritance.take()?.into_iter().map(adopt).collect()
}

/// Which of `sockets` are those that `binds` name. First those whose address says so; then, for a port that the
/// system chose and for a bare number, what is left of that kind. What nobody names is closed.
pub(super) fn match_up(
    binds: &[Bind],
    mut sockets: Vec<Listener>,
) -> Vec<(Bind, Option<Listener>)> {
    let mut matched: Vec<_> = binds.iter().map(|bind| (bind.clone(), None)).collect();
    for is_it in [Listener::is_at, may_be] {
        for (bind, place) in matched.iter_mut().filter(|(_, place)| place.is_none()) {
            let position = sockets.iter().position(|socket| is_it(socket, bind));
            *place = position.map(|position| sockets.remove(position));
        }
    }
    matched
}

fn may_be(socket: &Listener, bind: &Bind) -> bool {
    match bind {
        Bind::Tcp { port: 0, .. } => socket.port().is_some(),
        Bind::Fd(_) => true,
        Bind::Tcp { .. } | Bind::Unix(_) => false,
    }
}

/// Opens what a setting names. What fails is logged.
pub(super) fn open(
    py: Python<'_>,
    bind: &Bind,
    sharing: Sharing,
    config: &Config,
    patience: Patience,
) -> Result<Place, Failure> {
    let attempts = match patience {
        Patience::Some => ATTEMPTS,
        Patience::None => 1,
    };
    if let Bind::Fd(number) = bind {
        return adopt(py, *number).map(Place::Shared);
    }
    for attempt in 1..=attempts {
        match open_once(bind, sharing, config) {
            Ok(place) => return Ok(place),
            Err(error) => {
                tracing::error!("{error}");
                if !error.is_in_use() {
                    return Err(Failure::Bind);
                }
            }
        }
        if attempt < attempts {
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

fn open_once(bind: &Bind, sharing: Sharing, config: &Config) -> Result<Place, ListenError> {
    match bind {
        Bind::Tcp { .. } if sharing == Sharing::ByPort => Reserved::new(bind).map(Place::Reserved),
        Bind::Unix(path) => {
            let before = umask(config.process.umask);
            let opened = Listener::bind(bind, config.backlog);
            umask(before);
            let listener = opened?;
            if let Err(error) = config.process.owner.give(path) {
                tracing::error!(
                    "Cannot give '{}' to the workers' user: {error}",
                    path.display()
                );
            }
            Ok(Place::Shared(listener))
        }
        Bind::Tcp { .. } | Bind::Fd(_) => Listener::bind(bind, config.backlog).map(Place::Shared),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(port: u16) -> Bind {
        Bind::Tcp {
            host: "127.0.0.1".into(),
            port,
        }
    }

    #[test]
    fn sockets_go_to_the_settings_that_name_their_address_and_the_others_to_what_is_left() {
        let listen = || Listener::bind(&tcp(0), 1).unwrap();
        let (first, second, third) = (listen(), listen(), listen());
        let port = |listener: &Listener| listener.port().unwrap();
        let ports = [port(&first), port(&second), port(&third)];
        let binds = [tcp(0), tcp(ports[1]), tcp(1), Bind::Fd(7)];
        let matched = match_up(&binds, vec![first, second, third]);
        let found: Vec<_> = matched
            .iter()
            .map(|(_, it)| it.as_ref().map(port))
            .collect();
        assert_eq!(
            found,
            [Some(ports[0]), Some(ports[1]), None, Some(ports[2])]
        );
    }

    #[test]
    fn a_socket_that_nobody_names_is_closed() {
        let listener = Listener::bind(&tcp(0), 1).unwrap();
        let bind = tcp(listener.port().unwrap());
        assert!(match_up(&[tcp(1)], vec![listener])[0].1.is_none());
        Listener::bind(&bind, 1).unwrap();
    }
}
