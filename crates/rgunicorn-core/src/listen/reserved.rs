//! An address at which every worker has a listening socket of its own (gunicorn's `reuse_port`), and
//! how to tell where an inherited socket listens.

use std::net::SocketAddr;
use std::net::ToSocketAddrs;

use super::Bind;
use super::ListenError;
use super::Listener;
use super::Sharing;
use super::Socket;
use super::first_that_works;
use super::open_socket;

/// A TCP address that is ours, though nobody listens there by this. It keeps the address while workers come
/// and go, finds out at the start whether it can be had, and turns port 0 into a number.
#[derive(Debug)]
pub struct Reserved {
    address: SocketAddr,
    _socket: socket2::Socket,
}

impl Reserved {
    /// Reserves the address of a [`Bind::Tcp`].
    ///
    /// # Errors
    ///
    /// What the system says. There is no such thing for other kinds of addresses.
    pub fn new(bind: &Bind) -> Result<Self, ListenError> {
        let Bind::Tcp { host, port } = bind else {
            return Err(ListenError::NotListening {
                reason: format!("{bind} cannot be shared by port"),
            });
        };
        first_that_works(host, *port, |address| {
            let socket = open_socket(address, Sharing::ReusePort)?;
            let address = socket.local_addr()?.as_socket().unwrap_or(address);
            Ok(Self {
                address,
                _socket: socket,
            })
        })
    }

    /// Opens a socket at this address, next to those of other processes. It listens when it is given away: clients
    /// that the system chooses it for should not wait for an application to be imported.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(&self, backlog: u32) -> Result<Listener, ListenError> {
        let (host, port) = (self.address.ip(), self.address.port());
        let socket = open_socket(self.address, Sharing::ReusePort)
            .map_err(|error| ListenError::new(format!("('{host}', {port})"), error))?;
        Ok(Listener {
            backlog: Some(i32::try_from(backlog).unwrap_or(i32::MAX)),
            ..Listener::tcp(socket.into())
        })
    }

    /// As gunicorn prints addresses: `http://127.0.0.1:8000`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Listener {
    /// Whether this is the socket that opening `bind` would have given: never so where the system chooses the
    /// port, or where `bind` is a bare number.
    #[must_use]
    pub fn is_at(&self, bind: &Bind) -> bool {
        match (bind, &self.socket) {
            (Bind::Unix(path), Socket::Unix(_)) => {
                self.file.as_ref().is_some_and(|file| &file.path == path)
                    || self.address() == bind.to_string()
            }
            (Bind::Tcp { host, port }, Socket::Tcp(listener)) => {
                let own = listener.local_addr().ok();
                let named = (host.as_str(), *port).to_socket_addrs();
                named.is_ok_and(|mut named| named.any(|address| Some(address) == own))
            }
            (Bind::Unix(_) | Bind::Tcp { .. } | Bind::Fd(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn local(port: u16) -> Bind {
        Bind::Tcp {
            host: "127.0.0.1".into(),
            port,
        }
    }

    #[test]
    fn a_reserved_address_takes_no_clients_until_somebody_listens() {
        let reserved = Reserved::new(&local(0)).unwrap();
        let address = reserved.address;
        assert_ne!(address.port(), 0);
        assert!(TcpStream::connect(address).is_err());
        let first = reserved.open(16).unwrap();
        let second = reserved.open(16).unwrap();
        assert_eq!(first.address(), reserved.address());
        assert_eq!(second.address(), reserved.address());
        assert!(TcpStream::connect(address).is_err());
        let _serving = first.into_socket().unwrap();
        TcpStream::connect(address).unwrap();
    }

    #[test]
    fn an_address_of_somebody_who_does_not_share_cannot_be_reserved() {
        let listener = Listener::bind(&local(0), 16).unwrap();
        let bind = local(listener.port().unwrap());
        assert!(Reserved::new(&bind).unwrap_err().is_in_use());
    }

    #[test]
    fn only_tcp_addresses_can_be_reserved() {
        assert!(Reserved::new(&Bind::Unix("/run/a".into())).is_err());
    }

    #[test]
    fn a_socket_knows_whether_it_listens_at_an_address() {
        let listener = Listener::bind(&local(0), 16).unwrap();
        let port = listener.port().unwrap();
        assert!(listener.is_at(&local(port)));
        for other in [
            local(0),
            local(port ^ 1),
            Bind::Tcp {
                host: "127.0.0.2".into(),
                port,
            },
            Bind::Fd(3),
            Bind::Unix("/run/a".into()),
        ] {
            assert!(!listener.is_at(&other), "{other}");
        }
        let folder = tempfile::tempdir().unwrap();
        let bind = Bind::Unix(folder.path().join("socket"));
        let listener = Listener::bind(&bind, 16).unwrap();
        assert!(listener.is_at(&bind));
        assert!(!listener.is_at(&Bind::Unix(folder.path().join("other"))));
    }
}
