//! One TLS connection without its socket: bytes of the wire in, plain bytes out, and back.
//!
//! Drives rustls's unbuffered interface, so that nothing is kept here between two
//! calls: neither plain bytes nor bytes for the wire (decision 14).

use std::fmt;
use std::sync::Arc;

use rustls::Error;
use rustls::server::ServerConnectionData;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::ConnectionState;
use rustls::unbuffered::EncodeError;
use rustls::unbuffered::EncodeTlsData;
use rustls::unbuffered::EncryptError;
use rustls::unbuffered::UnbufferedStatus;
use rustls::unbuffered::WriteTraffic;

use super::Names;
use super::Tls;
use super::TlsFacts;
use super::names::Choice;

/// One connection's state.
pub(crate) struct Session {
    rustls: UnbufferedServerConnection,
    names: Arc<Names>,
    choice: Option<Choice>,
}

/// What came of received bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Received {
    /// How many of them were used. What follows is part of a record.
    pub(crate) used: usize,
    /// Whether the peer said that it sends no more.
    pub(crate) has_ended: bool,
}

/// Why bytes cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    /// There are no keys, because the handshake is not over or failed.
    #[error("the TLS handshake is not complete")]
    Unready,
    /// As much was sent as the keys are good for.
    #[error("the keys of the TLS connection are used up")]
    Exhausted,
    /// Whatever rustls says.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// What a record may add to what it holds, and so much more for what rustls has to say itself.
const OVERHEAD: usize = 512;

/// What a record holds, at most.
pub(crate) const LONGEST_RECORD: usize = 16 * 1024;

impl Session {
    pub(crate) fn new(tls: &Tls) -> Result<Self, Error> {
        Ok(Self {
            rustls: UnbufferedServerConnection::new(Arc::clone(&tls.config))?,
            names: Arc::clone(&tls.names),
            choice: None,
        })
    }

    /// Uses what came over the `wire`: gives the plain bytes in it to `plain`, and appends what is
    /// to be sent in turn to `answer`, that of an error included.
    ///
    /// What is not used must come first in the `wire` of the next call.
    ///
    /// # Errors
    /// What the peer did wrong. The connection is over.
    pub(crate) fn receive(
        &mut self,
        wire: &mut [u8],
        mut plain: impl FnMut(&[u8]),
        answer: &mut Vec<u8>,
    ) -> Result<Received, Error> {
        let mut received = Received {
            used: 0,
            has_ended: false,
        };
        loop {
            let rest = &mut wire[received.used..];
            let UnbufferedStatus { mut discard, state } = self.rustls.process_tls_records(rest);
            let mut goes_on = true;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        plain(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(data)) => append(data, answer),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => received.has_ended = true,
                Ok(_) => goes_on = false,
                Err(error) => {
                    received.used += discard;
                    drop(self.names.take_choice());
                    self.collect(&mut wire[received.used..], answer);
                    return Err(error);
                }
            }
            received.used += discard;
            if !goes_on {
                break;
            }
        }
        if self.is_handshaking() {
            self.choice = self.names.take_choice().or(self.choice.take());
        }
        Ok(received)
    }

    /// What there is to be said once the connection has failed: the alert. Asks for nothing but
    /// that, since the bytes that are at fault are still there.
    fn collect(&mut self, wire: &mut [u8], answer: &mut Vec<u8>) {
        while self.rustls.wants_write() {
            match self.rustls.process_tls_records(wire).state {
                Ok(ConnectionState::EncodeTlsData(data)) => append(data, answer),
                _ => return,
            }
        }
    }

    /// Appends `plain`, encrypted, to the first `filled` bytes of `out`, which grows if it must.
    /// `pending` is what [`Self::receive`] did not use. Returns how much of `out` is filled then.
    ///
    /// # Errors
    /// See [`SealError`].
    pub(crate) fn seal(
        &mut self,
        pending: &mut [u8],
        plain: &[u8],
        out: &mut Vec<u8>,
        filled: usize,
    ) -> Result<usize, SealError> {
        let records = plain.len() / LONGEST_RECORD + 1;
        let room = plain.len() + records * OVERHEAD;
        self.write(pending, &Content::Data(plain), out, (filled, room))
    }

    /// Appends the notice that we send no more (RFC 8446 section 6.1), as [`Self::seal`] does.
    ///
    /// # Errors
    /// See [`SealError`].
    pub(crate) fn seal_end(
        &mut self,
        pending: &mut [u8],
        out: &mut Vec<u8>,
        filled: usize,
    ) -> Result<usize, SealError> {
        self.write(pending, &Content::End, out, (filled, OVERHEAD))
    }

    fn write(
        &mut self,
        pending: &mut [u8],
        content: &Content<'_>,
        out: &mut Vec<u8>,
        (mut filled, room): (usize, usize),
    ) -> Result<usize, SealError> {
        reserve(out, filled + room);
        loop {
            match self.rustls.process_tls_records(pending).state? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    match content.encrypt(&mut traffic, &mut out[filled..]) {
                        Ok(count) => return Ok(filled + count),
                        Err(EncryptError::InsufficientSize(needed)) => {
                            reserve(out, filled + needed.required_size);
                        }
                        Err(EncryptError::EncryptExhausted) => return Err(SealError::Exhausted),
                    }
                }
                ConnectionState::EncodeTlsData(data) => filled = encode(data, out, filled),
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => {}
                _ => return Err(SealError::Unready),
            }
        }
    }

    /// Whether nothing can be sent yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.rustls.is_handshaking()
    }

    /// What the peers agreed to speak, if they did.
    pub(crate) fn application_protocol(&self) -> Option<&[u8]> {
        self.rustls.alpn_protocol()
    }

    /// What the handshake decided, once it is over.
    pub(crate) fn facts(&mut self) -> Option<TlsFacts> {
        let (version, suite) = (
            self.rustls.protocol_version()?,
            self.rustls.negotiated_cipher_suite()?,
        );
        Some(TlsFacts::new(
            version,
            suite.suite(),
            self.rustls.peer_certificates().unwrap_or_default(),
            self.choice.take(),
        ))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").finish_non_exhaustive()
    }
}

/// What is sent.
enum Content<'a> {
    Data(&'a [u8]),
    /// Notice that nothing more is sent.
    End,
}

impl Content<'_> {
    fn encrypt(
        &self,
        traffic: &mut WriteTraffic<'_, ServerConnectionData>,
        out: &mut [u8],
    ) -> Result<usize, EncryptError> {
        match self {
            Self::Data(plain) => traffic.encrypt(plain, out),
            Self::End => traffic.queue_close_notify(out),
        }
    }
}

/// Appends what rustls has to say to what is to be sent.
fn append(data: EncodeTlsData<'_, ServerConnectionData>, answer: &mut Vec<u8>) {
    let filled = encode(data, answer, answer.len());
    answer.truncate(filled);
}

/// The same behind the first `filled` bytes of `out`. Returns how much of it is filled then.
fn encode(
    mut data: EncodeTlsData<'_, ServerConnectionData>,
    out: &mut Vec<u8>,
    filled: usize,
) -> usize {
    loop {
        match data.encode(&mut out[filled..]) {
            Ok(count) => return filled + count,
            Err(EncodeError::InsufficientSize(needed)) => {
                reserve(out, filled + needed.required_size);
            }
            Err(EncodeError::AlreadyEncoded) => return filled,
        }
    }
}

fn reserve(out: &mut Vec<u8>, length: usize) {
    if out.len() < length {
        out.resize(length, 0);
    }
}
