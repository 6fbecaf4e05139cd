//! What a client sends, frame by frame, before the h2 crate sees it: judged by the rules that h2 does not keep or has
//! but one word for; and counted as far as it costs the client less than the server, to be paid for out of an allowance
//! that grows with time and with what is asked for in earnest.
//!
//! Pure: bytes in, a verdict out. The h2 crate itself bounds CONTINUATION frames, refused streams, streams that were
//! reset before they were looked at, and the size of header lists.

mod allowance;
mod block;
mod breach;
pub(crate) mod header;
mod huffman;
mod setting;
mod streams;
mod trailers;
mod word;

use allowance::Allowance;
use block::Look;
pub use breach::Breach;
pub use breach::Offence;
use header::ACK;
use header::CONTINUATION;
use header::DATA;
use header::END_HEADERS;
use header::END_STREAM;
use header::HEADERS;
use header::Header;
use header::PADDED;
use header::RST_STREAM;
use header::SETTINGS;
use header::WINDOW_UPDATE;
use setting::ENABLE_PUSH;
use setting::MAX_CONCURRENT_STREAMS;
use setting::Setting;
use streams::Ends;
use streams::Section;
use streams::Streams;
use trailers::Trailers;
pub use word::Word;
pub use word::first_word;

/// The frames of one connection, from behind the preface.
#[derive(Debug)]
pub struct Frames {
    /// Of the preface, bytes that have not come.
    preface: usize,
    /// What has come of the header of a frame.
    header: [u8; header::LENGTH],
    header_length: usize,
    /// The frame whose header came last.
    current: Header,
    frame: Frame,
    /// Bytes of the frame's payload that have not come.
    missing: usize,
    /// What has come of a piece of the payload that is looked at.
    piece: [u8; setting::LENGTH],
    piece_length: usize,
    /// The stream whose field block has begun and not ended, or zero.
    block: u32,
    trailers: Trailers,
    streams: Streams,
    /// Whether the first frame has come.
    has_begun: bool,
    /// SETTINGS of the server that the client has not acknowledged.
    unacknowledged: u32,
    breach: Option<Breach>,
    /// Of the last bytes that were taken, how many, and where the first frame begins in them.
    last_take: usize,
    first_frame: Option<usize>,
    allowance: Allowance,
    facts: Facts,
}

/// The frame whose payload comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Frame {
    None,
    /// Pieces of so many bytes are looked at.
    Pieces(usize),
    Other,
}

/// What is learned by the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Facts {
    /// Whether the client takes what it did not ask for (`SETTINGS_ENABLE_PUSH`).
    pub takes_push: bool,
    /// Streams that the server may open at once; `None` is any number.
    pub most_pushed: Option<u32>,
    /// Requests that began.
    pub requests: u64,
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

impl Frames {
    /// Before the first byte of the preface.
    #[must_use]
    pub fn new() -> Self {
        Self {
            preface: PREFACE_LENGTH,
            header: [0; header::LENGTH],
            header_length: 0,
            current: Header::read([0; header::LENGTH]),
            frame: Frame::None,
            missing: 0,
            piece: [0; setting::LENGTH],
            piece_length: 0,
            block: 0,
            trailers: Trailers::default(),
            streams: Streams::default(),
            has_begun: false,
            unacknowledged: 1,
            breach: None,
            last_take: 0,
            first_frame: None,
            allowance: Allowance::default(),
            facts: Facts {
                takes_push: true,
                most_pushed: None,
                requests: 0,
            },
        }
    }

    /// Takes in what came next, in pieces of any size.
    pub fn take(&mut self, mut bytes: &[u8]) {
        self.last_take = bytes.len();
        self.first_frame = (self.header_length == 0).then_some(self.preface + self.missing);
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() && self.breach.is_none() {
            bytes = match self.frame {
                Frame::None => self.take_header(bytes),
                Frame::Pieces(size) => self.take_piece(bytes, size),
                Frame::Other => self.skip(bytes),
            };
        }
    }

    /// A request has opened stream 1 in HTTP/1.1 (RFC 7540 section 3.2).
    pub fn note_upgrade(&mut self) {
        // Of a new connection, whose first stream it is.
        let _ = self.streams.headers(1, Ends::Yes);
        self.streams.hand(1);
    }

    /// The server promised a stream.
    pub fn note_promise(&mut self, stream: u32) {
        self.streams.promise(stream);
    }

    /// The server changes its settings.
    pub fn note_settings(&mut self) {
        self.unacknowledged += 1;
    }

    /// Whether the h2 crate, which gave up a client in whose frames nothing else is wrong, could not read a field block
    /// (RFC 9113 section 4.3). `bytes` end with those of the last [`Frames::take`]. Without tables of our own this is
    /// what remains: h2 says the same of names and values that may not be sent.
    #[must_use]
    pub fn ends_unreadable(&self, bytes: &[u8]) -> bool {
        let first = self.first_frame.and_then(|first| {
            let start = bytes.len().checked_sub(self.last_take)?;
            bytes.get(start + first..)
        });
        let look = first.and_then(block::look_at_all);
        self.breach.is_none() && matches!(look, Some(Look::Fine | Look::Unreadable))
    }

    /// What the client is guilty of, if it is.
    #[must_use]
    pub fn verdict(&self) -> Option<Offence> {
        let breach = self.breach.map(Offence::Breach);
        breach.or_else(|| self.allowance.verdict())
    }

    /// Some time has passed: about half a second.
    pub fn forgive(&mut self) {
        self.allowance.forgive();
    }

    /// So many bytes of answers were sent, in so many DATA frames, which the client says that it read.
    pub fn credit(&mut self, sent: u64, frames: u32) {
        self.allowance.credit(sent, frames);
    }

    /// What was learned so far.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// How many fields the trailers of a stream have to have, if that is known. It is asked once.
    pub fn count_of_trailers(&mut self, stream: u32) -> Option<usize> {
        self.trailers.count(stream)
    }

    /// The h2 crate handed this request over.
    pub fn note_handed(&mut self, stream: u32) {
        self.streams.hand(stream);
    }

    /// The streams of requests that are all there and that the h2 crate keeps to itself, once it has seen all that
    /// came: it answers them by itself. Each is given once.
    pub fn take_kept(&mut self) -> Vec<u32> {
        let is_amid = self.missing > 0 && matches!(self.kind(), HEADERS | CONTINUATION);
        if self.block == 0 && !is_amid {
            self.streams.take_kept()
        } else {
            Vec::new()
        }
    }

    /// Whether a request has begun to arrive and the rest of its fields has not come.
    #[must_use]
    pub fn is_amid_fields(&self) -> bool {
        let amid_frame = self.header_length > 0 || self.frame != Frame::None;
        self.block != 0 || (amid_frame && self.preface == 0 && self.kind() != DATA)
    }

    /// As far as it is known, of a header that has not all come.
    fn kind(&self) -> u8 {
        self.header[3]
    }

    fn has(&self, flag: u8) -> bool {
        self.current.has(flag)
    }

    fn take_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let count = (header::LENGTH - self.header_length).min(bytes.len());
        let (taken, rest) = bytes.split_at(count);
        self.header[self.header_length..][..count].copy_from_slice(taken);
        self.header_length += count;
        if self.header_length == header::LENGTH {
            self.begin_frame();
        }
        rest
    }

    fn begin_frame(&mut self) {
        self.current = Header::read(self.header);
        let length = self.current.length;
        self.breach = self.judge().err();
        self.count();
        self.header_length = 0;
        self.missing = length as usize;
        self.piece_length = 0;
        self.frame = match self.kind() {
            SETTINGS => Frame::Pieces(setting::LENGTH),
            WINDOW_UPDATE => Frame::Pieces(INCREMENT),
            DATA | HEADERS if self.has(PADDED) => Frame::Pieces(1),
            _ => Frame::Other,
        };
        self.end_frame_if_there();
    }

    /// Whether such a frame may come here.
    fn judge(&mut self) -> Result<(), Breach> {
        let Header { kind, stream, .. } = self.current;
        if !self.has_begun && (kind != SETTINGS || self.has(ACK)) {
            return Err(Breach::Preface);
        }
        self.has_begun = true;
        if kind == CONTINUATION || self.block != 0 {
            let goes_on = kind == CONTINUATION && stream == self.block;
            return goes_on.then_some(()).ok_or(Breach::Continuation);
        }
        self.current.judge()?;
        match kind {
            DATA => self.streams.data(stream, self.ends()),
            HEADERS => {
                match self.streams.headers(stream, self.ends())? {
                    Section::Trailers => self.trailers.begin(stream),
                    Section::Request | Section::Either => self.trailers.forget(),
                }
                Ok(())
            }
            RST_STREAM => self.streams.reset(stream),
            WINDOW_UPDATE if stream != 0 => self.streams.not_idle(stream),
            SETTINGS if self.has(ACK) => self.acknowledge(),
            _ => Ok(()),
        }
    }

    fn ends(&self) -> Ends {
        if self.has(END_STREAM) {
            Ends::Yes
        } else {
            Ends::No
        }
    }

    fn acknowledge(&mut self) -> Result<(), Breach> {
        let left = self.unacknowledged.checked_sub(1);
        self.unacknowledged = left.ok_or(Breach::Acknowledgement)?;
        Ok(())
    }

    /// What follows from the frame that begins.
    fn count(&mut self) {
        let kind = self.kind();
        if matches!(kind, HEADERS | CONTINUATION) {
            let goes_on = !self.has(END_HEADERS);
            self.block = if goes_on { self.current.stream } else { 0 };
        }
        self.facts.requests += u64::from(kind == HEADERS);
        self.allowance.charge(&self.current);
    }

    fn take_piece<'a>(&mut self, bytes: &'a [u8], size: usize) -> &'a [u8] {
        let count = (size - self.piece_length)
            .min(self.missing)
            .min(bytes.len());
        let (taken, rest) = bytes.split_at(count);
        self.piece[self.piece_length..][..count].copy_from_slice(taken);
        self.piece_length += count;
        if self.piece_length == size {
            self.piece_length = 0;
            self.breach = self.look_at_piece().err();
        }
        self.missing -= count;
        self.end_frame_if_there();
        rest
    }

    /// Looks at a piece of the payload that is there.
    fn look_at_piece(&mut self) -> Result<(), Breach> {
        match self.kind() {
            SETTINGS => self.note_setting(),
            WINDOW_UPDATE => match self.piece {
                [0 | 0x80, 0, 0, 0, ..] => Err(Breach::Increment),
                _ => Ok(()),
            },
            _ => {
                self.frame = Frame::Other;
                let used = 1 + self.current.before_content() + usize::from(self.piece[0]);
                if used > self.missing {
                    return Err(Breach::Padding);
                }
                Ok(())
            }
        }
    }

    fn note_setting(&mut self) -> Result<(), Breach> {
        let setting = Setting::read(self.piece);
        setting.judge()?;
        match setting.id {
            ENABLE_PUSH => self.facts.takes_push = setting.value == 1,
            MAX_CONCURRENT_STREAMS => self.facts.most_pushed = Some(setting.value),
            _ => {}
        }
        Ok(())
    }

    fn skip<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let count = self.missing.min(bytes.len());
        let (taken, rest) = bytes.split_at(count);
        if matches!(self.kind(), HEADERS | CONTINUATION) {
            self.trailers.add(taken);
        }
        self.missing -= count;
        self.end_frame_if_there();
        rest
    }

    fn end_frame_if_there(&mut self) {
        if self.missing > 0 {
            return;
        }
        self.frame = Frame::None;
        let kind = self.kind();
        if kind == HEADERS {
            let padding = if self.has(PADDED) { self.piece[0] } else { 0 };
            self.trailers.trim(&self.current, padding);
        }
        if matches!(kind, HEADERS | CONTINUATION) && self.block == 0 && self.breach.is_none() {
            self.breach = self.trailers.end().err();
        }
    }
}

const PREFACE_LENGTH: usize = 24;

/// RFC 9113 section 6.9.
const INCREMENT: usize = 4;

#[cfg(test)]
mod tests;
