//! The stream for whoever reads and writes one as tokio has it: HTTP/2.

use std::io;
use std::io::IoSlice;
use std::mem;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use super::Encrypted;
use super::sending::BATCH;
use crate::settings::READ_SIZE;
use crate::stream::Gate;
use crate::tls::LONGEST_RECORD;

impl AsyncRead for Encrypted {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.plain.is_empty() {
            let mut plain = mem::take(&mut this.plain);
            let received = this.poll_receive(context, READ_SIZE, |bytes| {
                let (now, later) = bytes.split_at(bytes.len().min(buffer.remaining()));
                buffer.put_slice(now);
                plain.extend_from_slice(later);
            });
            this.plain = plain;
            return received.map_ok(drop);
        }
        let count = this.plain.len().min(buffer.remaining());
        buffer.put_slice(&this.plain[..count]);
        this.plain.drain(..count);
        if this.plain.is_empty() {
            this.plain = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.get_mut().poll_send(context, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = slices.iter().filter(|slice| !slice.is_empty());
        let (first, second) = (filled.next(), filled.next());
        match (first, second) {
            (None, _) => Poll::Ready(Ok(0)),
            (Some(only), None) => self.get_mut().poll_send(context, only),
            (Some(first), Some(_)) if first.len() >= LONGEST_RECORD => {
                self.get_mut().poll_send(context, first)
            }
            // They share records.
            (Some(_), Some(_)) => self.get_mut().poll_send(context, &gathered(slices)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_unsent(&mut Gate::Runtime(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_unsent(&mut Gate::Runtime(context)))?;
        this.say_end();
        Poll::Ready(this.below.finish_writing())
    }
}

/// What one write takes of them, in one piece.
fn gathered(slices: &[IoSlice<'_>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(
        slices
            .iter()
            .map(|slice| slice.len())
            .sum::<usize>()
            .min(BATCH),
    );
    for slice in slices {
        let room = BATCH - bytes.len();
        bytes.extend_from_slice(&slice[..slice.len().min(room)]);
    }
    bytes
}
