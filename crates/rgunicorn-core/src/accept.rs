//! Where connections come from: one acceptor for each listener.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use std::time::Instant;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::net::UnixListener;

use crate::listen::Listener;
use crate::listen::Socket;
use crate::request::Peer;
use crate::request::ServerAddress;
use crate::stream::Endpoint;
use crate::stream::Stream;

/// How long to leave the backlog alone when the process is out of descriptors
/// or memory. Others may take it meanwhile.
const BACK_OFF: Duration = Duration::from_millis(500);

/// A listener on the worker's runtime.
#[derive(Debug)]
pub(crate) struct Acceptor {
    socket: Listening,
    /// What its connections are secured with.
    tls: Option<Rc<Endpoint>>,
    resting_until: Option<Instant>,
}

#[derive(Debug)]
enum Listening {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, PathBuf),
}

impl Acceptor {
    /// Registers a listener with the current runtime.
    pub(crate) fn new(listener: Listener, tls: Option<Rc<Endpoint>>) -> io::Result<Self> {
        let socket = match listener.into_socket()? {
            Socket::Tcp(socket) => {
                // Accepted sockets inherit it: no system call for each.
                SockRef::from(&socket).set_tcp_nodelay(true)?;
                let address = socket.local_addr()?;
                Listening::Tcp(TcpListener::from_std(socket)?, address)
            }
            Socket::Unix(socket) => {
                let address = socket.local_addr()?;
                let path = address
                    .as_pathname()
                    .map_or_else(PathBuf::new, PathBuf::from);
                Listening::Unix(UnixListener::from_std(socket)?, path)
            }
        };
        Ok(Self {
            socket,
            tls,
            resting_until: None,
        })
    }

    /// Takes one connection from the backlog, if there is one.
    pub(crate) fn poll_accept(
        &mut self,
        context: &mut Context<'_>,
        now: Instant,
    ) -> Poll<(Stream, Peer)> {
        if self.resting_until.is_some_and(|until| now < until) {
            return Poll::Pending;
        }
        self.resting_until = None;
        loop {
            match self.try_accept(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok((stream, peer))) => return Poll::Ready(self.secured(stream, peer)),
                // The client gave up while it waited: the next one, please.
                Poll::Ready(Err(error)) if is_about_one_client(&error) => {}
                Poll::Ready(Err(error)) => {
                    tracing::error!("Cannot accept a connection: {error}");
                    self.resting_until = Some(now + BACK_OFF);
                    return Poll::Pending;
                }
            }
        }
    }

    /// When to look again after an error.
    pub(crate) fn resting_until(&self) -> Option<Instant> {
        self.resting_until
    }

    /// Whether somebody waits in the backlog. Asks the kernel.
    pub(crate) fn has_client(&self) -> bool {
        let descriptor = match &self.socket {
            Listening::Tcp(listener, _) => listener.as_fd(),
            Listening::Unix(listener, _) => listener.as_fd(),
        };
        let mut wait = [PollFd::new(descriptor, PollFlags::POLLIN)];
        poll(&mut wait, PollTimeout::ZERO).is_ok_and(|count| count > 0)
    }

    fn secured(&self, stream: Stream, peer: Peer) -> (Stream, Peer) {
        let Some(endpoint) = &self.tls else {
            return (stream, peer);
        };
        let facts = Rc::default();
        let stream = stream.secured(Rc::clone(endpoint), Rc::clone(&facts));
        (stream, peer.secured(facts))
    }

    fn try_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        match &self.socket {
            Listening::Tcp(listener, bound) => {
                listener.poll_accept(context).map_ok(|(stream, client)| {
                    // Bound to all addresses, only the connection knows its own.
                    let server = if bound.ip().is_unspecified() {
                        stream.local_addr().unwrap_or(*bound)
                    } else {
                        *bound
                    };
                    (
                        Stream::Tcp(stream),
                        Peer::new(Some(client), ServerAddress::Tcp(server)),
                    )
                })
            }
            Listening::Unix(listener, path) => {
                listener.poll_accept(context).map_ok(|(stream, _)| {
                    (
                        Stream::Unix(stream),
                        Peer::new(None, ServerAddress::Unix(path.clone())),
                    )
                })
            }
        }
    }
}

fn is_about_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::PermissionDenied // a firewall's answer
    )
}
