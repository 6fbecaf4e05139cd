//! Listening sockets: what `bind` means, and how to get one, new or inherited.
//!
//! Addresses read and print as gunicorn's do. Accepting is not done here, and neither is what only
//! the master can do: umask and owner of a unix socket file, or turning a bare number into an
//! [`OwnedFd`].

mod bind;
mod reserved;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::ToSocketAddrs;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::path::PathBuf;

use socket2::Domain;
use socket2::SockAddr;
use socket2::SockRef;
use socket2::Type;

pub use bind::Bind;
pub use bind::BindError;
pub use reserved::Reserved;

/// Why there is no listening socket. The texts are gunicorn's where it has one, since monitoring in
/// the wild matches them; so they name the cause themselves and have no source.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else listens there.
    #[error("Connection in use: {address}")]
    InUse {
        /// As Python prints it: `('127.0.0.1', 8000)` or a path.
        address: String,
    },
    /// This machine has no such address.
    #[error("Invalid address: {address}")]
    InvalidAddress {
        /// As Python prints it.
        address: String,
    },
    /// A file that is no socket is in the way, and stays.
    #[error("'{}' is not a socket", path.display())]
    NotASocket {
        /// Where it is.
        path: PathBuf,
    },
    /// An inherited descriptor is no listening TCP or unix socket.
    #[error("inherited file descriptor is not a listening stream socket: {reason}")]
    NotListening {
        /// What it is instead.
        reason: String,
    },
    /// Any other refusal of the system.
    #[error("Can't connect to {address}: {reason}")]
    System {
        /// As Python prints it.
        address: String,
        /// What the system said.
        reason: io::Error,
    },
}

impl ListenError {
    fn new(address: String, reason: io::Error) -> Self {
        match reason.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::AddrNotAvailable => Self::InvalidAddress { address },
            _ => Self::System { address, reason },
        }
    }

    /// Whether it may help to wait for somebody else to stop.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::InUse { .. })
    }
}

/// A non-blocking, close-on-exec listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    file: Option<SocketFile>,
    /// How many connections may wait, if it does not listen before it is given away.
    backlog: Option<i32>,
}

/// The two kinds of listening sockets, ready for a runtime to adopt.
#[derive(Debug)]
pub enum Socket {
    /// TCP, either family.
    Tcp(TcpListener),
    /// A unix stream socket.
    Unix(UnixListener),
}

/// The file of a unix socket, and which file it was when the socket was ours.
#[derive(Clone, Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

/// Whether other sockets may listen at the same address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sharing {
    Alone,
    ReusePort,
}

impl Listener {
    /// Opens a socket for `bind`, and lets `backlog` connections wait to be accepted.
    ///
    /// # Errors
    ///
    /// What the system says, what is in the way, or that a [`Bind::Fd`] has to be adopted instead.
    pub fn bind(bind: &Bind, backlog: u32) -> Result<Self, ListenError> {
        open(bind, backlog)
    }

    /// Takes over a listening socket that was passed by systemd, a previous master or `fd://`.
    ///
    /// # Errors
    ///
    /// If it is not a listening TCP or unix stream socket.
    pub fn from_owned_fd(fd: OwnedFd) -> Result<Self, ListenError> {
        let socket = socket2::Socket::from(fd);
        let not_listening = |reason: String| ListenError::NotListening { reason };
        let failed = |error: io::Error| not_listening(error.to_string());
        if socket.r#type().map_err(failed)? != Type::STREAM
            || !socket.is_listener().map_err(failed)?
        {
            return Err(not_listening("it does not listen for streams".into()));
        }
        socket.set_nonblocking(true).map_err(failed)?;
        socket.set_cloexec(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        if address.is_unix() {
            let file = address.as_pathname().and_then(SocketFile::at);
            return Ok(Self {
                socket: Socket::Unix(socket.into()),
                file,
                backlog: None,
            });
        }
        match address.as_socket() {
            Some(_) => Ok(Self::tcp(socket.into())),
            None => Err(not_listening("it is neither TCP nor unix".into())),
        }
    }

    fn tcp(listener: TcpListener) -> Self {
        Self {
            socket: Socket::Tcp(listener),
            file: None,
            backlog: None,
        }
    }

    /// Where it listens, as gunicorn prints it: `http://127.0.0.1:8000`, `unix:/path`.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.socket {
            Socket::Tcp(listener) => listener
                .local_addr()
                .map_or("http://".into(), |address| format!("http://{address}")),
            Socket::Unix(listener) => match (&self.file, listener.local_addr()) {
                (Some(file), _) => format!("unix:{}", file.path.display()),
                (None, Ok(address)) => format!("unix:{}", unix_name(&address)),
                (None, Err(_)) => "unix:".into(),
            },
        }
    }

    /// The port, of a TCP socket.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Socket::Unix(_) => None,
        }
    }

    /// The socket, to look at.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The socket, to accept from; it listens now at the latest. Its file, if any, stays.
    ///
    /// # Errors
    ///
    /// When the system does not let it listen.
    pub fn into_socket(self) -> io::Result<Socket> {
        if let (Some(backlog), Socket::Tcp(socket)) = (self.backlog, &self.socket) {
            SockRef::from(socket).listen(backlog)?;
        }
        Ok(self.socket)
    }

    /// Another handle of the same socket.
    ///
    /// # Errors
    ///
    /// If this process has no descriptors left.
    pub fn try_clone(&self) -> io::Result<Self> {
        let socket = match &self.socket {
            Socket::Tcp(listener) => Socket::Tcp(listener.try_clone()?),
            Socket::Unix(listener) => Socket::Unix(listener.try_clone()?),
        };
        Ok(Self {
            socket,
            file: self.file.clone(),
            backlog: self.backlog,
        })
    }

    /// Removes the file of a unix socket, unless somebody put another in its place.
    pub fn unlink(&self) {
        if let Some(file) = &self.file
            && identity(&file.path) == Some(file.identity)
        {
            // Whoever removed it first did what was wanted.
            let _ = fs::remove_file(&file.path);
        }
    }
}

impl SocketFile {
    /// The socket file at `path`, if it is there.
    fn at(path: &Path) -> Option<Self> {
        identity(path).map(|identity| Self {
            path: path.into(),
            identity,
        })
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn unix_name(address: &std::os::unix::net::SocketAddr) -> String {
    match (address.as_pathname(), address.as_abstract_name()) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(name)) => format!("@{}", name.escape_ascii()),
        (None, None) => String::new(),
    }
}

fn open(bind: &Bind, backlog: u32) -> Result<Listener, ListenError> {
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    match bind {
        Bind::Tcp { host, port } => open_tcp(host, *port, backlog),
        Bind::Unix(path) => open_unix(path, backlog),
        Bind::Fd(fd) => Err(ListenError::NotListening {
            reason: format!("{fd} was not passed on"),
        }),
    }
}

/// Listens at the first address of `host` that works. As in gunicorn a name means its IPv4
/// addresses; those of IPv6 are tried only after them.
fn open_tcp(host: &str, port: u16, backlog: i32) -> Result<Listener, ListenError> {
    first_that_works(host, port, |address| {
        listen_tcp(address, backlog, Sharing::Alone).map(Listener::tcp)
    })
}

/// What `open` makes of the first address of `host` for which it works.
fn first_that_works<T>(
    host: &str,
    port: u16,
    open: impl Fn(SocketAddr) -> io::Result<T>,
) -> Result<T, ListenError> {
    let failed = |error| ListenError::new(format!("('{host}', {port})"), error);
    let mut addresses: Vec<_> = (host, port).to_socket_addrs().map_err(failed)?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let mut refusal = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for (position, address) in addresses.iter().enumerate() {
        match open(*address) {
            Ok(opened) => return Ok(opened),
            Err(error) if position == 0 => refusal = error,
            Err(_) => {}
        }
    }
    Err(failed(refusal))
}

fn listen_tcp(address: SocketAddr, backlog: i32, sharing: Sharing) -> io::Result<TcpListener> {
    let socket = open_socket(address, sharing)?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// A socket that has its address, and does not listen yet.
fn open_socket(address: SocketAddr, sharing: Sharing) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if sharing == Sharing::ReusePort {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // `[::]` takes IPv4 as well, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    // Accepted sockets inherit it, which saves a call for each.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn open_unix(path: &Path, backlog: i32) -> Result<Listener, ListenError> {
    let failed = |error| ListenError::new(path.display().to_string(), error);
    let address = SockAddr::unix(path).map_err(failed)?;
    if !is_abstract(path) {
        clear(path, &address)?;
    }
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    socket.bind(&address).map_err(failed)?;
    socket.listen(backlog).map_err(failed)?;
    let file = if is_abstract(path) {
        None
    } else {
        SocketFile::at(path)
    };
    Ok(Listener {
        socket: Socket::Unix(socket.into()),
        file,
        backlog: None,
    })
}

fn is_abstract(path: &Path) -> bool {
    path.as_os_str().as_bytes().first() == Some(&0)
}

/// Makes way at `path`: removes the socket of a server that is gone, and nothing else.
fn clear(path: &Path, address: &SockAddr) -> Result<(), ListenError> {
    let name = || path.display().to_string();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ListenError::new(name(), error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(ListenError::NotASocket { path: path.into() });
    }
    if is_live(address).map_err(|error| ListenError::new(name(), error))? {
        return Err(ListenError::InUse { address: name() });
    }
    fs::remove_file(path).map_err(|error| ListenError::new(name(), error))
}

/// Whether anybody has a socket open at `address`. Only a refused connection proves the contrary:
/// a full backlog (EAGAIN) or another kind of socket (EPROTOTYPE) is somebody.
fn is_live(address: &SockAddr) -> io::Result<bool> {
    let probe = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        Ok(()) | Err(_) => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::io::Write;
    use std::net::TcpStream;
    use std::os::unix::net::UnixDatagram;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn tcp(host: &str, port: u16) -> Bind {
        Bind::Tcp {
            host: host.into(),
            port,
        }
    }

    fn local() -> Bind {
        tcp("127.0.0.1", 0)
    }

    #[test]
    fn a_tcp_listener_prints_its_real_port_and_accepts() {
        let listener = Listener::bind(&local(), 16).unwrap();
        let port = listener.port().unwrap();
        assert_eq!(listener.address(), format!("http://127.0.0.1:{port}"));
        let _client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let Socket::Tcp(socket) = listener.try_clone().unwrap().into_socket().unwrap() else {
            panic!()
        };
        assert!(
            socket.accept().unwrap().0.nodelay().unwrap(),
            "inherited from the listener"
        );
        assert_eq!(
            socket.accept().unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
    }

    #[test]
    fn an_ipv6_listener_prints_brackets() {
        let Ok(listener) = Listener::bind(&tcp("::1", 0), 16) else {
            return;
        };
        assert_eq!(
            listener.address(),
            format!("http://[::1]:{}", listener.port().unwrap())
        );
    }

    #[test]
    fn a_port_in_use_is_reported_in_gunicorns_words() {
        let first = Listener::bind(&local(), 16).unwrap();
        let port = first.port().unwrap();
        let error = Listener::bind(&tcp("127.0.0.1", port), 16).unwrap_err();
        assert!(error.is_in_use());
        assert_eq!(
            error.to_string(),
            format!("Connection in use: ('127.0.0.1', {port})")
        );
    }

    #[test]
    fn an_address_of_another_machine_is_invalid() {
        let error = Listener::bind(&tcp("192.0.2.1", 0), 16).unwrap_err();
        assert_eq!(error.to_string(), "Invalid address: ('192.0.2.1', 0)");
    }

    #[test]
    fn a_unix_listener_owns_its_file_until_it_unlinks_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = Listener::bind(&Bind::Unix(path.clone()), 16).unwrap();
        assert_eq!(listener.address(), format!("unix:{}", path.display()));
        UnixStream::connect(&path).unwrap();
        listener.unlink();
        assert!(!path.exists());
        fs::write(&path, "another file").unwrap();
        listener.unlink();
        assert!(path.exists());
    }

    #[test]
    fn the_socket_of_a_server_that_is_gone_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let bind = Bind::Unix(directory.path().join("socket"));
        drop(Listener::bind(&bind, 16).unwrap());
        assert!(Listener::bind(&bind, 16).is_ok());
    }

    #[test]
    fn the_socket_of_a_live_server_is_in_use_even_with_a_full_backlog() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let bind = Bind::Unix(path.clone());
        let live = Listener::bind(&bind, 0).unwrap();
        for _ in 0..3 {
            let error = Listener::bind(&bind, 16).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("Connection in use: {}", path.display())
            );
            assert!(error.is_in_use());
        }
        drop(live);
        fs::remove_file(&path).unwrap();
        let _datagram = UnixDatagram::bind(&path).unwrap();
        assert!(Listener::bind(&bind, 16).unwrap_err().is_in_use());
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Listener::bind(&Bind::Unix(file.path().into()), 16).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("'{}' is not a socket", file.path().display())
        );
        assert!(!error.is_in_use() && file.path().exists());
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = Listener::bind(&Bind::Unix("/nowhere/socket".into()), 16).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Can't connect to /nowhere/socket: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn an_abstract_socket_has_no_file() {
        let name = format!("\0rgunicorn-test-{}", std::process::id());
        let listener = Listener::bind(&Bind::Unix(name.clone().into()), 16).unwrap();
        assert_eq!(listener.address(), format!("unix:@{}", &name[1..]));
        listener.unlink();
        assert!(
            Listener::bind(&Bind::Unix(name.into()), 16)
                .unwrap_err()
                .is_in_use()
        );
    }

    #[test]
    fn an_inherited_listener_is_adopted_whatever_its_kind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let unix = Listener::from_owned_fd(UnixListener::bind(&path).unwrap().into()).unwrap();
        assert_eq!(unix.address(), format!("unix:{}", path.display()));
        let std_listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = std_listener.local_addr().unwrap().port();
        let listener = Listener::from_owned_fd(std_listener.into()).unwrap();
        assert_eq!(listener.address(), format!("http://127.0.0.1:{port}"));
        let Socket::Tcp(socket) = listener.socket() else {
            panic!()
        };
        assert_eq!(
            socket.accept().unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.accept().unwrap().0.write_all(b"x").unwrap();
        assert_eq!(client.read(&mut [0; 2]).unwrap(), 1);
    }

    #[test]
    fn an_inherited_descriptor_that_does_not_listen_is_refused() {
        let stream = UnixStream::pair().unwrap().0;
        let file = tempfile::tempfile().unwrap();
        let datagram = UnixDatagram::unbound().unwrap();
        for fd in [
            OwnedFd::from(stream),
            OwnedFd::from(file),
            OwnedFd::from(datagram),
        ] {
            let error = Listener::from_owned_fd(fd).unwrap_err().to_string();
            assert!(
                error.starts_with("inherited file descriptor is not a listening stream socket")
            );
        }
        assert!(Listener::bind(&Bind::Fd(3), 16).is_err());
    }
}
