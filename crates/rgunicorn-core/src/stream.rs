//! The transports a connection may run over, behind one type.

mod encrypted;

use std::future::Future;
use std::io;
use std::io::IoSlice;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;
use std::time::Duration;

use nix::errno::Errno;
use socket2::SockRef;
use tokio::io::AsyncRead;
use tokio::io::Interest;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::net::UnixStream;
use tokio_util::io::poll_read_buf;

use crate::outgoing::Outgoing;
use crate::outgoing::SLICES;

pub(crate) use encrypted::Encrypted;
pub(crate) use encrypted::Endpoint;
pub(crate) use encrypted::Facts;
pub(crate) use encrypted::First;

/// One accepted socket.
#[derive(Debug)]
pub(crate) enum Stream {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A unix domain socket.
    Unix(UnixStream),
    /// TLS over one of the others.
    Tls(Box<Encrypted>),
}

impl Stream {
    /// Appends what the socket holds to `buffer`, as far as the buffer's spare
    /// capacity goes. Zero bytes is the client's end.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tls(stream) => stream.poll_fill(context, buffer),
            plain => poll_read_buf(Pin::new(plain), context, buffer),
        }
    }

    /// Reads and drops. Zero bytes is the client's end.
    pub(crate) fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Self::Tls(stream) = self {
            return stream.below().poll_discard(context); // nobody wants to know what it was
        }
        let mut scratch = [0; 4096];
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(self).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Writes what it can of `outgoing`; ready once all of it went out.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when a file became shorter; any other
    /// is the end of the connection.
    pub(crate) fn poll_drain(
        &mut self,
        gate: &mut Gate<'_, '_>,
        outgoing: &mut Outgoing,
    ) -> Poll<io::Result<()>> {
        if let Self::Tls(stream) = self {
            return stream.poll_drain(gate, outgoing);
        }
        let mut budget = FILE_BUDGET;
        while !outgoing.is_empty() {
            let written = if let Some(bytes) = outgoing.single() {
                ready!(self.poll_io(gate, |socket| socket.send_with_flags(bytes, QUIETLY)))?
            } else if let Some(range) = outgoing.next_file() {
                if budget == 0 {
                    gate.come_back(); // others have waited
                    return Poll::Pending;
                }
                match ready!(self.poll_io(gate, |socket| range.send_to(socket.as_fd(), budget))) {
                    Err(error) if cannot_take_files(&error) => {
                        outgoing.load_next_file()?;
                        continue;
                    }
                    sent => {
                        let sent = sent?;
                        budget = budget.saturating_sub(sent);
                        sent
                    }
                }
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let filled = outgoing.slices(&mut slices);
                // Before a file the kernel waits with a packet that is not full.
                let flags = if outgoing.has_file() {
                    QUIETLY | MSG_MORE
                } else {
                    QUIETLY
                };
                let send = |socket: &SockRef<'_>| {
                    socket.send_vectored_with_flags(&slices[..filled], flags)
                };
                ready!(self.poll_io(gate, send))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            outgoing.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes once the gate is open.
    fn poll_io(
        &self,
        gate: &mut Gate<'_, '_>,
        write: impl Fn(&SockRef<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let socket = self.socket();
        let write = || write(&socket);
        loop {
            let outcome = match (&mut *gate, self) {
                (Gate::Kernel, _) => match write() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return Poll::Pending;
                    }
                    outcome => return Poll::Ready(outcome),
                },
                (Gate::Runtime(context), Self::Tcp(stream)) => {
                    ready!(stream.poll_write_ready(context))?;
                    stream.try_io(Interest::WRITABLE, write)
                }
                (Gate::Runtime(context), Self::Unix(stream)) => {
                    ready!(stream.poll_write_ready(context))?;
                    stream.try_io(Interest::WRITABLE, write)
                }
                (Gate::Runtime(_), Self::Tls(_)) => Err(io::ErrorKind::Unsupported.into()),
            };
            match outcome {
                // tokio knows of it now, and will wake us.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    /// The protocol that the client and the server agreed on in the TLS handshake (RFC 7301).
    pub(crate) fn application_protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => None,
            Self::Tls(stream) => stream.application_protocol(),
        }
    }

    /// Reads what the kernel holds, past what tokio knows of it, while the
    /// runtime's thread is busy with a call. Zero bytes is the client's end.
    pub(crate) fn read_now(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        if let Self::Tls(stream) = self {
            return stream.read_now(buffer);
        }
        let mut scratch = [0; 4096];
        let count = (&*self.socket()).read(&mut scratch)?;
        buffer.extend_from_slice(&scratch[..count]);
        Ok(count)
    }

    /// A second descriptor of the socket, to wait with where the runtime cannot.
    pub(crate) fn duplicate(&self) -> io::Result<OwnedFd> {
        self.socket().as_fd().try_clone_to_owned()
    }

    /// The socket, for somebody who speaks another protocol from now on.
    ///
    /// # Errors
    /// Over TLS, where only the server has the keys.
    pub(crate) fn hand_over(&self) -> io::Result<OwnedFd> {
        if let Self::Tls(_) = self {
            let problem = "the connection is encrypted: its socket alone is of no use";
            return Err(io::Error::new(io::ErrorKind::Unsupported, problem));
        }
        self.duplicate()
    }

    /// Whether the kernel holds bytes that nobody has read. Asks the kernel
    /// itself, past what tokio knows.
    pub(crate) fn has_unread(&self) -> bool {
        if matches!(self, Self::Tls(stream) if stream.has_plain_bytes()) {
            return true;
        }
        let mut byte = [MaybeUninit::uninit()];
        self.socket().peek(&mut byte).is_ok_and(|count| count > 0)
    }

    /// Whether the client is known to send no more, however much of what it
    /// sent is unread. The end of a stream that is not read shows only here.
    pub(crate) fn has_ended(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let ready = match self {
            Self::Tcp(stream) => pin!(stream.ready(Interest::READABLE)).poll(&mut context),
            Self::Unix(stream) => pin!(stream.ready(Interest::READABLE)).poll(&mut context),
            Self::Tls(stream) => return stream.has_ended(),
        };
        matches!(ready, Poll::Ready(Ok(ready)) if ready.is_read_closed())
    }

    /// Sends the end of our side: the client reads what was written, then EOF.
    pub(crate) fn finish_writing(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self {
            stream.say_end();
        }
        self.socket().shutdown(std::net::Shutdown::Write)
    }

    /// Says that nothing follows what is written next, whatever is still read.
    pub(crate) fn end_with_output(&mut self) {
        if let Self::Tls(stream) = self {
            stream.end_with_output();
        }
    }

    /// Makes the coming close a reset, so that a body which ends with the
    /// connection cannot be taken for complete.
    pub(crate) fn reset_on_close(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self {
            stream.break_off();
        }
        self.socket().set_linger(Some(Duration::ZERO))
    }

    fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream),
            Self::Unix(stream) => SockRef::from(stream),
            Self::Tls(stream) => stream.socket(),
        }
    }

    /// The same over TLS. `facts` are set when the handshake is over.
    pub(crate) fn secured(self, endpoint: Rc<Endpoint>, facts: Facts) -> Self {
        Self::Tls(Box::new(Encrypted::new(self, endpoint, facts)))
    }

    /// Whether the bytes of the wire are what the client means.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Unix(_))
    }

    /// The TLS of this connection, if it has any.
    pub(crate) fn encrypted(&mut self) -> Option<&mut Encrypted> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => None,
            Self::Tls(stream) => Some(stream),
        }
    }
}

/// What `sendfile(2)` says of a file or a socket that it does not work with.
fn cannot_take_files(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(
        code,
        Some(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP)
    )
}

/// Bytes of files that one write may take before others have their turn.
const FILE_BUDGET: usize = 1024 * 1024;

const MSG_MORE: i32 = nix::libc::MSG_MORE;

/// A broken connection is an error, not a signal.
const QUIETLY: i32 = nix::libc::MSG_NOSIGNAL;

/// Who says whether a socket takes bytes.
pub(crate) enum Gate<'a, 'b> {
    /// The runtime, which wakes the context's owner when it does.
    Runtime(&'a mut Context<'b>),
    /// The kernel itself, while the runtime's thread is busy with a call.
    Kernel,
}

impl Gate<'_, '_> {
    fn come_back(&self) {
        if let Self::Runtime(context) = self {
            context.waker().wake_by_ref();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}
