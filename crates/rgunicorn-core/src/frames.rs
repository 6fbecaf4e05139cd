//! What a client sends, frame by frame, as far as it costs the client less than the server: counted before the h2
//! crate sees it, and paid for out of an allowance that grows with time and with what is asked for in earnest.
//!
//! Pure: bytes in, a verdict out. The h2 crate itself bounds CONTINUATION frames, refused streams, streams that were
//! reset before they were looked at, and the size of header lists.

/// The frames of one connection, from behind the preface.
#[derive(Debug)]
pub struct Frames {
    /// Of the preface, bytes that have not come.
    preface: usize,
    header: [u8; HEADER],
    /// How many bytes of the header have come.
    header_length: usize,
    frame: Frame,
    /// Bytes of the frame's payload that have not come.
    missing: usize,
    /// Settings that have come of a SETTINGS frame, the last perhaps in part.
    setting: [u8; SETTING],
    setting_length: usize,
    /// Whether a header block has begun and not ended.
    in_header_block: bool,
    allowance: Allowance,
    facts: Facts,
}

/// The frame whose payload comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Frame {
    None,
    Settings,
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

/// What a client may still send of frames that cost it little.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    resets: u32,
    others: u32,
}

/// Why a client is not listened to any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Flood {
    /// Streams that are opened to be closed.
    #[error("flood of HTTP/2 RST_STREAM frames")]
    Resets,
    /// PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA or unknown frames.
    #[error("flood of HTTP/2 frames that ask for nothing")]
    Idle,
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
            header: [0; HEADER],
            header_length: 0,
            frame: Frame::None,
            missing: 0,
            setting: [0; SETTING],
            setting_length: 0,
            in_header_block: false,
            allowance: Allowance {
                resets: MOST_RESETS,
                others: MOST_OTHERS,
            },
            facts: Facts {
                takes_push: true,
                most_pushed: None,
                requests: 0,
            },
        }
    }

    /// Takes in what came next, in pieces of any size.
    pub fn take(&mut self, mut bytes: &[u8]) {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            bytes = match self.frame {
                Frame::None => self.take_header(bytes),
                Frame::Settings => self.take_settings(bytes),
                Frame::Other => self.skip(bytes),
            };
        }
    }

    /// What the client is guilty of, if it is.
    #[must_use]
    pub fn verdict(&self) -> Option<Flood> {
        if self.allowance.resets == 0 {
            Some(Flood::Resets)
        } else if self.allowance.others == 0 {
            Some(Flood::Idle)
        } else {
            None
        }
    }

    /// Some time has passed: about half a second.
    pub fn forgive(&mut self) {
        self.allow(RESETS_AGAIN, OTHERS_AGAIN);
    }

    /// So many bytes of answers were sent: the client has to say that it read them.
    pub fn credit(&mut self, sent: u64) {
        let frames = u32::try_from(sent / BYTES_A_FRAME).unwrap_or(u32::MAX);
        self.allow(0, frames);
    }

    /// What was learned so far.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// Whether a request has begun to arrive and the rest of its fields has not come.
    #[must_use]
    pub fn is_amid_fields(&self) -> bool {
        let amid_frame = self.header_length > 0 || self.frame != Frame::None;
        self.in_header_block || (amid_frame && self.preface == 0 && self.kind() != DATA)
    }

    fn allow(&mut self, resets: u32, others: u32) {
        let allowance = &mut self.allowance;
        allowance.resets = allowance.resets.saturating_add(resets).min(MOST_RESETS);
        allowance.others = allowance.others.saturating_add(others).min(MOST_OTHERS);
    }

    fn kind(&self) -> u8 {
        self.header[3]
    }

    fn flags(&self) -> u8 {
        self.header[4]
    }

    fn take_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let count = (HEADER - self.header_length).min(bytes.len());
        let (taken, rest) = bytes.split_at(count);
        self.header[self.header_length..][..count].copy_from_slice(taken);
        self.header_length += count;
        if self.header_length == HEADER {
            self.begin_frame();
        }
        rest
    }

    fn begin_frame(&mut self) {
        let [high, middle, low, ..] = self.header;
        let length = u32::from_be_bytes([0, high, middle, low]);
        self.count(length);
        self.header_length = 0;
        self.missing = length as usize;
        self.setting_length = 0;
        self.frame = match self.kind() {
            _ if length == 0 => Frame::None,
            SETTINGS if self.flags() & ACK == 0 => Frame::Settings,
            _ => Frame::Other,
        };
    }

    /// Charges the client for a frame that begins.
    fn count(&mut self, length: u32) {
        let flags = self.flags();
        let cost = match self.kind() {
            HEADERS => {
                self.in_header_block = flags & END_HEADERS == 0;
                self.facts.requests += 1;
                return self.allow(0, FRAMES_A_REQUEST);
            }
            CONTINUATION => {
                self.in_header_block = flags & END_HEADERS == 0;
                return; // h2 counts them
            }
            RST_STREAM => {
                self.allowance.resets = self.allowance.resets.saturating_sub(1);
                return;
            }
            DATA if length > 0 || flags & END_STREAM != 0 => 0,
            SETTINGS | PING if flags & ACK != 0 => 0,
            _ => 1,
        };
        self.allowance.others = self.allowance.others.saturating_sub(cost);
    }

    fn take_settings<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let count = (SETTING - self.setting_length)
            .min(self.missing)
            .min(bytes.len());
        let (taken, rest) = bytes.split_at(count);
        self.setting[self.setting_length..][..count].copy_from_slice(taken);
        self.setting_length += count;
        self.missing -= count;
        if self.setting_length == SETTING {
            self.setting_length = 0;
            self.note_setting();
        }
        if self.missing == 0 {
            self.frame = Frame::None;
        }
        rest
    }

    fn note_setting(&mut self) {
        let [id_high, id_low, value @ ..] = self.setting;
        let value = u32::from_be_bytes(value);
        match u16::from_be_bytes([id_high, id_low]) {
            ENABLE_PUSH => self.facts.takes_push = value == 1,
            MAX_CONCURRENT_STREAMS => self.facts.most_pushed = Some(value),
            _ => {}
        }
    }

    fn skip<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let count = self.missing.min(bytes.len());
        self.missing -= count;
        if self.missing == 0 {
            self.frame = Frame::None;
        }
        &bytes[count..]
    }
}

const PREFACE_LENGTH: usize = 24;

/// RFC 9113 section 4.1.
const HEADER: usize = 9;

/// RFC 9113 section 6.5.1.
const SETTING: usize = 6;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PING: u8 = 0x6;
const CONTINUATION: u8 = 0x9;

const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

const ENABLE_PUSH: u16 = 0x2;
const MAX_CONCURRENT_STREAMS: u16 = 0x3;

/// Streams that may be reset at once. A browser whose user leaves a page resets all that
/// are open; gunicorn allows for 200 in ten seconds.
const MOST_RESETS: u32 = 200;

/// So many more every half second.
const RESETS_AGAIN: u32 = 10;

/// Frames that may come at once without a request.
const MOST_OTHERS: u32 = 1000;

/// So many more every half second.
const OTHERS_AGAIN: u32 = 50;

/// So many more with each request: a priority, and the windows of its answer.
const FRAMES_A_REQUEST: u32 = 4;

/// So many bytes of an answer may be acknowledged by a frame of their own.
const BYTES_A_FRAME: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend_from_slice(&[kind, flags, 0, 0, 0, 1]);
        frame.extend_from_slice(payload);
        frame
    }

    /// Frames, and how often each comes.
    type Pieces<'a> = &'a [(Vec<u8>, usize)];

    fn after(pieces: Pieces<'_>) -> Frames {
        let mut frames = Frames::new();
        frames.take(&[b'x'; PREFACE_LENGTH]);
        for (bytes, times) in pieces {
            for _ in 0..*times {
                frames.take(bytes);
            }
        }
        frames
    }

    #[test]
    fn a_flood_is_told_from_what_clients_do() {
        let ping = frame(6, 0, &[0; 8]);
        let rows: [(&str, Pieces<'_>, Option<Flood>); 10] = [
            ("pings", &[(ping.clone(), 999)], None),
            (
                "a flood of pings",
                &[(ping.clone(), 1000)],
                Some(Flood::Idle),
            ),
            ("pongs", &[(frame(6, 1, &[0; 8]), 9999)], None),
            (
                "resets",
                &[(frame(3, 0, &[0; 4]), 200)],
                Some(Flood::Resets),
            ),
            ("settings", &[(frame(4, 0, &[]), 1000)], Some(Flood::Idle)),
            ("empty data", &[(frame(0, 0, &[]), 1000)], Some(Flood::Idle)),
            ("an end without data", &[(frame(0, 1, &[]), 9999)], None),
            ("a body", &[(frame(0, 0, &[1; 100]), 9999)], None),
            (
                "priorities",
                &[(frame(2, 0, &[0; 5]), 1000)],
                Some(Flood::Idle),
            ),
            (
                "requests with priorities",
                &[([frame(1, 5, &[]), frame(2, 0, &[0; 5])].concat(), 9999)],
                None,
            ),
        ];
        for (name, pieces, expected) in rows {
            assert_eq!(after(pieces).verdict(), expected, "{name}");
        }
    }

    #[test]
    fn an_allowance_grows_with_time_and_with_what_was_sent() {
        let mut frames = after(&[(frame(8, 0, &[0; 4]), 999)]);
        frames.take(&frame(8, 0, &[0; 4])[..8]);
        assert_eq!(
            frames.verdict(),
            None,
            "a frame counts once its header is there"
        );
        frames.forgive();
        frames.credit(100 * 512);
        for _ in 0..149 {
            frames.take(&frame(8, 0, &[0; 4]));
        }
        assert_eq!(frames.verdict(), None);
    }

    #[test]
    fn settings_are_read_wherever_they_are_cut() {
        let mut bytes = vec![b'x'; PREFACE_LENGTH];
        let payload = [0, 2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 7, 0, 4, 0, 0, 0, 0];
        bytes.extend(frame(4, 0, &payload));
        bytes.extend(frame(1, 4, b"request"));
        for cut in 0..bytes.len() {
            let mut frames = Frames::new();
            frames.take(&bytes[..cut]);
            frames.take(&bytes[cut..]);
            let expected = Facts {
                takes_push: false,
                most_pushed: Some(7),
                requests: 1,
            };
            assert_eq!(frames.facts(), expected, "cut at {cut}");
            assert!(!frames.is_amid_fields());
        }
    }

    #[test]
    fn fields_that_do_not_end_are_noticed() {
        let whole = frame(1, 4, b"request");
        assert!(after(&[(whole[..12].to_vec(), 1)]).is_amid_fields());
        assert!(after(&[(frame(1, 0, b"part"), 1)]).is_amid_fields());
        assert!(!after(&[(whole, 1)]).is_amid_fields());
        let data = frame(0, 0, b"part of a body");
        assert!(!after(&[(data[..12].to_vec(), 1)]).is_amid_fields());
    }
}
