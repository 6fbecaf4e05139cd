//! Inflating messages, never beyond the limit (RFC 7692 section 7.2.2).

use std::cell::Cell;
use std::fmt;

use zlib_rs::InflateFlush;
use zlib_rs::Status;

use crate::failure::Failure;
use crate::gathered::Gathered;
use crate::negotiation::Takeover;

/// What is needed to inflate a peer's messages.
pub(crate) struct Inflate {
    takeover: Takeover,
    /// Comes with the first message, and takes 47 KiB. Stays if later ones may refer to it.
    stream: Option<zlib_rs::Inflate>,
    /// Whether anything of the present message came.
    began: bool,
}

impl Inflate {
    pub(crate) fn new(takeover: Takeover) -> Self {
        Self {
            takeover,
            stream: None,
            began: false,
        }
    }

    /// Inflates a part of a message to the end of `message`.
    ///
    /// # Errors
    /// [`Failure::Compression`], and [`Failure::TooLarge`] as soon as there is a byte more than
    /// `limit`.
    pub(crate) fn go_on(
        &mut self,
        mut part: &[u8],
        message: &mut Gathered,
        limit: usize,
    ) -> Result<(), Failure> {
        if part.is_empty() {
            return Ok(());
        }
        self.began = true;
        let stream = self.stream.get_or_insert_with(take_spare);
        loop {
            let room = message.room(limit.saturating_add(1));
            let free = room.len();
            let (read, written) = (stream.total_in(), stream.total_out());
            let status = stream
                .decompress(part, room, InflateFlush::NoFlush)
                .map_err(|_| Failure::Compression)?;
            let read = (stream.total_in() - read) as usize;
            let written = (stream.total_out() - written) as usize;
            part = &part[read..];
            message.fill(written);
            if message.len() > limit {
                return Err(Failure::TooLarge(limit));
            }
            if status == Status::StreamEnd {
                // RFC 7692 section 7.2.3.4: some compressors say that a message is the last thing
                // they compress, and begin anew after it.
                stream.reset(false);
            }
            if part.is_empty() && (written < free || status == Status::StreamEnd) {
                return Ok(());
            }
            if read == 0 && written == 0 {
                return Err(Failure::Compression);
            }
        }
    }

    /// Inflates what the end of a message leaves unsaid.
    ///
    /// # Errors
    /// As [`go_on`](Self::go_on).
    pub(crate) fn finish(&mut self, message: &mut Gathered, limit: usize) -> Result<(), Failure> {
        // A message of no bytes at all says nothing that could be finished.
        if std::mem::take(&mut self.began) {
            self.go_on(&UNSAID, message, limit)?;
            self.began = false;
        }
        if self.takeover == Takeover::Forbidden {
            give_spare(self.stream.take());
        }
        Ok(())
    }
}

thread_local! {
    /// One that nobody uses, for the next message that stands for itself.
    static SPARE: Cell<Option<zlib_rs::Inflate>> = const { Cell::new(None) };
}

fn take_spare() -> zlib_rs::Inflate {
    let spare = SPARE.take();
    // Always for the largest window: zlib-rs takes the memory for it anyway.
    spare.unwrap_or_else(|| zlib_rs::Inflate::new(false, 15))
}

fn give_spare(stream: Option<zlib_rs::Inflate>) {
    if let Some(mut stream) = stream {
        stream.reset(false);
        SPARE.set(Some(stream));
    }
}

impl fmt::Debug for Inflate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Inflate")
            .field("takeover", &self.takeover)
            .finish_non_exhaustive()
    }
}

/// The end of every flush, which is left out of messages.
pub(crate) const UNSAID: [u8; 4] = [0, 0, 0xff, 0xff];
